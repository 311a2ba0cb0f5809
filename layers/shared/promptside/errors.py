"""Every error a caller can see, as one tree.

PromptsideError
├── InvalidRequest            400  the caller must change the request
│   └── TemplateError         400  a template cannot be compiled or rendered; has line and column
├── Unauthenticated           401  no valid API key
├── Forbidden                 403  the key is valid but may not do this
├── NotFound                  404  no such prompt, version, label, partial or route
├── MethodNotAllowed          405  the route exists, the method does not
├── RequestTimeout            408  the caller's own `request_timeout` ran out
├── Conflict                  409  somebody else changed it first, or it exists already
├── BudgetExceeded            412  what may be spent is spent
├── PayloadTooLarge           413  over a size limit
├── RateLimited               429  more than a limit allows in its time
├── ConfigurationError        500  the stack lacks something: a secret, a setting
├── InternalError             500  our own failure
├── StoreUnavailable          503  DynamoDB or SSM did not answer
├── ProviderError             any  what the provider answered, in the common body
├── ProviderUnusable          502  an answer that is not one: HTML, empty, cut, a redirect
├── ProviderUnreachable       502  no connection to the provider
│   └── ProviderNotConnected  502  there was none from the start: nothing was sent
├── ProviderTimeout           504  our own limits on a silent provider
└── DeadlineExceeded          504  the function's own time is nearly over

`type` and `code` come from the closed lists below (a provider's own code may also appear on ProviderError).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

JsonObject = dict[str, Any]


class PromptsideError(Exception):
    """An error with everything its HTTP answer needs.

    `message` tells the caller what to change and holds no secret, prompt text or stack. `param` names the offending
    field. `retry_after` is in seconds. `extra` is kept inside the `error` object, `headers` are passed on.
    """

    status: int = 500
    type: str = "api_error"
    code: str | None = "internal_error"
    upstream_status: int | None = None
    """The status that the provider really sent, which may differ from ours."""
    should_retry: bool | None = None
    """What the provider says about sending the same again, if it says anything."""
    of_target: bool = False
    """Whether another provider could do what this error refuses."""
    default_param: ClassVar[str | None] = None

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        status: int | None = None,
        type: str | None = None,
        provider: str | None = None,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
        extra: JsonObject | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param if param is not None else self.default_param
        self.provider = provider
        self.retry_after = retry_after
        self.headers: dict[str, str] = dict(headers or {})
        self.extra: JsonObject = dict(extra or {})
        if code is not None:
            self.code = code
        if status is not None:
            self.status = status
        if type is not None:
            self.type = type

    def to_body(self) -> JsonObject:
        """Return the one error body that Portkey's and OpenAI's SDKs all read well.

        `{"status": "failure", "message": ..., "error": {"message", "type", "param", "code"}, "provider"?: ...}`
        """
        error: JsonObject = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        body: JsonObject = {"status": "failure", "message": self.message, "error": {**self.extra, **error}}
        if self.provider is not None:
            body["provider"] = self.provider
        return body


class InvalidRequest(PromptsideError):
    """The request cannot be understood or asks for what cannot be done."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_request"


class TemplateError(InvalidRequest):
    """A template cannot be compiled or rendered; `line` and `column` count from 1."""

    code = "template_error"

    def __init__(
        self, message: str, *, line: int, column: int, template: str | None = None, code: str | None = None
    ) -> None:
        where = f" in {template}" if template else ""
        super().__init__(
            f"{message} (line {line}, column {column}{where})",
            param="template",
            code=code,
            extra={"line": line, "column": column},
        )
        self.line = line
        self.column = column


class Unauthenticated(PromptsideError):
    """No API key, or one that is unknown, expired or revoked; all look the same from outside."""

    status = 401
    type = "authentication_error"
    code = "invalid_api_key"
    default_param = "x-portkey-api-key"

    def __init__(self, message: str = "Invalid API key: send a valid key in the x-portkey-api-key header") -> None:
        super().__init__(message)


class Forbidden(PromptsideError):
    """The API key is valid but lacks the scope."""

    status = 403
    type = "permission_error"
    code = "forbidden"


class NotFound(PromptsideError):
    """Nothing is stored or routed under that name."""

    status = 404
    type = "invalid_request_error"
    code = "not_found"


class MethodNotAllowed(PromptsideError):
    """The path exists, but not with this method."""

    status = 405
    type = "invalid_request_error"
    code = "method_not_allowed"


class RequestTimeout(PromptsideError):
    """The time the caller gave with `request_timeout` ran out."""

    status = 408
    type = "timeout_error"
    code = "request_timeout"


class Conflict(PromptsideError):
    """A concurrent change won, or the name is taken."""

    status = 409
    type = "invalid_request_error"
    code = "conflict"


class BudgetExceeded(PromptsideError):
    """A usage limit of the API key, the virtual key or the prompt is used up."""

    status = 412
    type = "insufficient_quota"
    code = "budget_exceeded"


class RateLimited(PromptsideError):
    """A rate limit of the API key, the virtual key or the prompt, not of the provider."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"


class PayloadTooLarge(PromptsideError):
    """The body, a template or an item is over its size limit."""

    status = 413
    type = "invalid_request_error"
    code = "payload_too_large"


class ConfigurationError(PromptsideError):
    """The stack is missing something that its operator must add; the message names it."""

    status = 500
    type = "configuration_error"
    code = "not_configured"


class InternalError(PromptsideError):
    """Our own failure; details are in the log under the trace id."""

    status = 500
    type = "api_error"
    code = "internal_error"

    def __init__(self, message: str = "Something went wrong; the log has the details under this trace id") -> None:
        super().__init__(message)


class StoreUnavailable(PromptsideError):
    """DynamoDB or SSM is throttled or down; worth a retry."""

    status = 503
    type = "api_error"
    code = "store_unavailable"

    def __init__(self, message: str, *, retry_after: float = 1.0) -> None:
        super().__init__(message, retry_after=retry_after)


class ProviderError(PromptsideError):
    """What the provider answered instead of a completion."""

    status = 502
    type = "api_error"
    code = "provider_error"


class ProviderUnusable(ProviderError):
    """The provider answered something that is not a completion: HTML, nothing, a redirect, a stream cut short."""

    code = "provider_invalid_response"


class ProviderUnreachable(ProviderError):
    """No connection to the provider, or it was lost before an answer."""

    code = "provider_unreachable"


class ProviderNotConnected(ProviderUnreachable):
    """No connection came about, so the provider has done nothing."""


class ProviderTimeout(ProviderError):
    """The provider stayed silent for longer than our own limit."""

    status = 504
    type = "timeout_error"
    code = "provider_timeout"


class DeadlineExceeded(ProviderError):
    """The function's own time is nearly over."""

    status = 504
    type = "timeout_error"
    code = "deadline_exceeded"

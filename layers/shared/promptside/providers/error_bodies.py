"""Translates what providers answer instead of a completion; shared by all adapters.

An adapter's whole `parse_error` is `provider_error(name, status, headers, body)`. One whose errors look different
reads them into `ErrorDetails` itself and calls `to_error`. An error object inside a stream or inside a 2xx answer goes
through `embedded_error`. The message is `<provider> error: <its text>`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from promptside.errors import JsonObject, ProviderError
from promptside.providers.error_headers import forwarded_headers, retry_after_seconds
from promptside.providers.masking import mask_secrets, mask_values, plain_text


@dataclass(frozen=True, slots=True)
class ErrorDetails:
    """What an error body says. `native_type` is the provider's own word for it, `extra` whatever else it told."""

    message: str | None = None
    code: str | None = None
    param: str | None = None
    native_type: str | None = None
    extra: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Meaning:
    type: str
    code: str
    status: int | None = None
    keeps_native_code: bool = True


_MEANINGS: dict[int, _Meaning] = {
    400: _Meaning("invalid_request_error", "invalid_request"),
    401: _Meaning("authentication_error", "provider_auth", keeps_native_code=False),
    403: _Meaning("permission_error", "provider_permission", keeps_native_code=False),
    404: _Meaning("not_found_error", "model_not_found"),
    408: _Meaning("timeout_error", "provider_timeout", status=504),
    413: _Meaning("invalid_request_error", "payload_too_large"),
    429: _Meaning("rate_limit_error", "rate_limit_exceeded"),
    503: _Meaning("overloaded_error", "overloaded"),
    504: _Meaning("timeout_error", "provider_timeout"),
    529: _Meaning("overloaded_error", "overloaded", status=503),
}
_OTHER_4XX = _Meaning("invalid_request_error", "invalid_request")
_OTHER = _Meaning("api_error", "provider_error")

_STATUS_OF_NAME: dict[str, int] = {
    "authentication_error": 401,
    "content_filter": 400,
    "context_length_exceeded": 400,
    "insufficient_quota": 429,
    "invalid_api_key": 401,
    "invalid_request_error": 400,
    "json_validate_failed": 400,
    "model_not_found": 404,
    "not_found_error": 404,
    "overloaded": 503,
    "overloaded_error": 503,
    "permission_error": 403,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "rate_limited": 429,
    "request_too_large": 413,
    "timeout_error": 504,
    "tool_use_failed": 400,
}
"""The HTTP status that an error without one would have had, by its code or type."""

_KNOWN_KEYS = frozenset({"message", "code", "param", "type"})


def provider_error(provider: str, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Return the error for an answer with a status of 400 or more; header names are lower case."""
    return to_error(provider, status, read_details(body), headers=headers)


def embedded_error(provider: str, body: JsonObject) -> ProviderError:
    """Return the error for a JSON object that has an error where an answer should be.

    Its status is the one the object names, else the one its code or type stands for, else 502.
    """
    details = details_of(body)
    return to_error(provider, _embedded_status(body, details), details)


def to_error(
    provider: str,
    status: int,
    details: ErrorDetails,
    *,
    headers: Mapping[str, str] | None = None,
    retry_after: float | None = None,
) -> ProviderError:
    """Return the error in the common body. `retry_after` (seconds) is what the body itself said; headers win."""
    meaning = _MEANINGS.get(status) or (_OTHER_4XX if 400 <= status < 500 else _OTHER)
    message = details.message or f"HTTP {status}"
    if status == 401:
        message = f"the provider refused the credentials configured for it: {message}"
    code = _native_code(details.code, status)
    extra = mask_values(details.extra)
    if details.native_type is not None and details.native_type != meaning.type:
        extra["native_type"] = details.native_type
    if code is not None and not meaning.keeps_native_code:
        extra["native_code"] = code
    given = retry_after_seconds(headers or {})
    return ProviderError(
        mask_secrets(f"{provider} error: {message}"),
        status=meaning.status or status,
        type=meaning.type,
        code=code if code is not None and meaning.keeps_native_code else meaning.code,
        param=details.param,
        provider=provider,
        retry_after=given if given is not None else retry_after,
        headers=forwarded_headers(headers or {}),
        extra=extra,
    )


def read_details(body: bytes) -> ErrorDetails:
    """Read an error body of any kind: JSON in its many shapes, HTML, text, nothing."""
    text = body.decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return ErrorDetails(message=plain_text(text) or None)
    if isinstance(value, list) and value and isinstance(value[0], dict):
        value = value[0]
    if not isinstance(value, dict):
        return ErrorDetails(message=plain_text(value) or None if isinstance(value, str) else None)
    return details_of(value)


def details_of(body: JsonObject) -> ErrorDetails:
    """Read a decoded error object, nested under `error` or flat."""
    error = body.get("error")
    inner: JsonObject = error if isinstance(error, dict) else body
    return ErrorDetails(
        message=_message(body, error),
        code=_code(inner, body),
        param=_text(inner.get("param")) or _located_param(body),
        native_type=_text(inner.get("type")),
        extra={key: value for key, value in inner.items() if key not in _KNOWN_KEYS} if inner is error else {},
    )


def says_any(message: str | None, phrases: tuple[str, ...]) -> bool:
    """Tell whether a message has one of the phrases (lower case): the way out where there is no stable code."""
    return message is not None and any(phrase in message.lower() for phrase in phrases)


def _message(body: JsonObject, error: Any) -> str | None:
    nested = error if isinstance(error, dict) else {}
    inner = nested.get("error")
    fault = body.get("fault")
    candidates = (
        _text(nested.get("message")),
        _text(error),
        _text(inner.get("message")) if isinstance(inner, dict) else _text(inner),
        _text(body.get("message")),
        _detail(body.get("message")),
        _detail(body),
        _text(fault.get("faultstring")) if isinstance(fault, dict) else None,
    )
    return next((candidate for candidate in candidates if candidate), None)


def _detail(holder: Any) -> str | None:
    detail = holder.get("detail") if isinstance(holder, dict) else None
    if isinstance(detail, list):
        return "; ".join(_located(item) for item in detail) or None
    if isinstance(detail, dict):
        return _text(detail.get("message"))
    return _text(detail)


def _located(item: Any) -> str:
    """Read one entry of a validation error: `{"loc": ["body", "n"], "msg": "..."}`; its `input` is the prompt."""
    if not isinstance(item, dict):
        return str(item)
    steps = item.get("loc")
    place = ".".join(str(step) for step in steps) if isinstance(steps, list) else ""
    message = str(item.get("msg") or item.get("message") or "invalid")
    return f"{place}: {message}" if place else message


def _located_param(body: JsonObject) -> str | None:
    """Return the field that a validation error with one complaint is about."""
    message = body.get("message")
    detail = body.get("detail") or (message.get("detail") if isinstance(message, dict) else None)
    only = detail[0] if isinstance(detail, list) and len(detail) == 1 else None
    steps = only.get("loc") if isinstance(only, dict) else None
    if not isinstance(steps, list):
        return None
    return ".".join(str(step) for step in steps if step != "body") or None


def _code(inner: JsonObject, body: JsonObject) -> str | None:
    fault = body.get("fault")
    detail = fault.get("detail") if isinstance(fault, dict) else None
    errorcode = detail.get("errorcode") if isinstance(detail, dict) else None
    for value in (inner.get("code"), body.get("code"), errorcode, body.get("statusCode")):
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return str(value)
    return None


def _native_code(code: str | None, status: int) -> str | None:
    """Return the code unless it only repeats the status, which says nothing."""
    return None if code == str(status) else code


def _embedded_status(body: JsonObject, details: ErrorDetails) -> int:
    error = body.get("error")
    holders = (error, body) if isinstance(error, dict) else (body,)
    for holder in holders:
        for name in ("status_code", "status", "code"):
            status = _status(holder.get(name))
            if status is not None:
                return status
    words = (details.code or "", details.native_type or "")
    return next((_STATUS_OF_NAME[word] for word in words if word in _STATUS_OF_NAME), 502)


def _status(value: Any) -> int | None:
    if isinstance(value, str) and value.isdecimal() and len(value) == 3:
        value = int(value)
    return value if isinstance(value, int) and 400 <= value < 600 else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None

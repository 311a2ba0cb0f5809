"""Reads what an event says into an order. Whatever is wrong is named, all of it at once.

    {"prompt_id": "welcome@production", "variables": {"name": "Ann"}, "max_tokens": 100,
     "config": "slug" | {...}, "virtual_key": "...", "provider": "...", "metadata": {"user_id": "7"},
     "headers": {"x-portkey-request-timeout": "30000"}, "trace_id": "...", "correlation_id": "order-17",
     "idempotency_key": "...", "result": {"type": "s3", "prefix": "reports/"} | [several]}

Every other field is a parameter of the run, as in the body of a completion.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeGuard
from urllib.parse import quote

from promptside.api.bodies import parse_object
from promptside.api.responses import TRACE_ID
from promptside.api.runs import parse_metadata
from promptside.errors import InvalidRequest, JsonObject
from promptside.events.base import Order, ResultTarget
from promptside.events.targets import parse_targets

LONGEST_ID = 255
"""Characters of an idempotency key, a trace id and a correlation id."""

_LONGEST_EVENT_ID = 200
_CONFIG, _METADATA = "x-portkey-config", "x-portkey-metadata"
_HEADERS = {"virtual_key": "x-portkey-virtual-key", "provider": "x-portkey-provider", "trace_id": TRACE_ID}
"""Fields that are headers of a call."""
_OURS = frozenset(
    {"prompt_id", "config", "metadata", "headers", "correlation_id", "idempotency_key", "result", *_HEADERS}
)


def parse_envelope(text: str) -> JsonObject:
    """Return the object in the body of a message. Raises InvalidRequest or PayloadTooLarge."""
    return parse_object(text.encode("utf-8", "surrogatepass"))


def invoked_with(event: JsonObject) -> tuple[JsonObject, str | None]:
    """Return the event of an asynchronous invoke that failed each time, and the key that the invoke had.

    Lambda puts `{"requestContext": {"requestId"}, "requestPayload", ...}` into the dead-letter queue, and from there it
    may come back as a message: it is the same invoke still. Any other event is returned as it is.
    """
    context, payload = event.get("requestContext"), event.get("requestPayload")
    if not isinstance(context, dict) or not isinstance(payload, dict):
        return event, None
    identity = context.get("requestId")
    return payload, invoke_key(identity) if _is_id(identity) else None


def invoke_key(request_id: str) -> str:
    """Return the key of what an invoke asks for, when it has none of its own: Lambda repeats it under the same id."""
    return f"invoke:{request_id}"


def envelope_of(event: JsonObject) -> tuple[JsonObject, str | None]:
    """Return the envelope, and the key that its bringer gives it: that of an EventBridge event is the event's id.

    Raises InvalidRequest when the event's detail is no object.
    """
    if "detail-type" not in event or "detail" not in event:
        return event, None
    detail, identity = event["detail"], event.get("id")
    if not isinstance(detail, dict):
        raise InvalidRequest("'detail' must be a JSON object", param="detail", code="invalid_envelope")
    return detail, f"event:{identity}" if _is_id(identity) else None


def order_of(envelope: JsonObject, *, key: str, source: str) -> Order:
    """Return the order in an envelope; `key` is its idempotency key unless it brings its own.

    Raises InvalidRequest with the code `invalid_envelope` that names every field that is wrong.
    """
    fields = _Fields(envelope)
    prompt_id = fields.text("prompt_id", required=True)
    headers = fields.headers()
    results = fields.targets()
    own_key = fields.identity("idempotency_key")
    correlation_id = fields.text("correlation_id")
    metadata = fields.metadata(headers)
    fields.object("variables")
    fields.raise_problems()
    return Order(
        key=own_key or key,
        path=f"/v1/prompts/{quote(prompt_id or '', safe='@')}/completions",
        body={name: value for name, value in envelope.items() if name not in _OURS},
        headers=headers,
        source=source,
        correlation_id=correlation_id,
        metadata=metadata,
        results=results,
    )


def _is_id(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_EVENT_ID and _can_be_header(value)


def _can_be_header(text: str) -> bool:
    return text.isascii() and text.isprintable()


class _Fields:
    """Reads one field after the other and remembers what is wrong with each."""

    def __init__(self, envelope: JsonObject) -> None:
        self._envelope = envelope
        self._problems: list[tuple[str, str]] = []

    def text(self, name: str, *, required: bool = False) -> str | None:
        """Return a text of bounded length, None when it is absent or null."""
        value = self._envelope.get(name)
        if value is None and not required:
            return None
        if not isinstance(value, str) or not value.strip():
            self._refuse(name, "must be a text that is not empty")
            return None
        if not value.isprintable():
            # Half a surrogate is JSON, but nothing that could be stored or sent.
            self._refuse(name, "must be printable")
            return None
        if len(value) > LONGEST_ID:
            self._refuse(name, f"must have at most {LONGEST_ID} characters")
            return None
        return value

    def identity(self, name: str) -> str | None:
        """Return a text that can stand in a header."""
        value = self.text(name)
        if value is not None and not _can_be_header(value):
            self._refuse(name, "must be printable ASCII")
            return None
        return value

    def object(self, name: str) -> JsonObject | None:
        """Return an object, None when it is absent or null."""
        value = self._envelope.get(name)
        if value is None or isinstance(value, dict):
            return value
        self._refuse(name, "must be a JSON object")
        return None

    def headers(self) -> dict[str, str]:
        """Return the headers of the run: those given as such, and above them the fields that have names."""
        given = self.object("headers") or {}
        headers: dict[str, str] = {}
        for name, value in given.items():
            if isinstance(value, str):
                headers[name.lower()] = value
            else:
                self._refuse(f"headers.{name}", "must be a text")
        for name, header in _HEADERS.items():
            read: Callable[[str], str | None] = self.identity if name == "trace_id" else self.text
            if (text := read(name)) is not None:
                headers[header] = text
        if (config := self._config()) is not None:
            headers[_CONFIG] = config
        return headers

    def metadata(self, headers: dict[str, str]) -> dict[str, str]:
        """Return the run's labels, and put them among the headers."""
        labels = self.object("metadata")
        if labels is not None:
            headers[_METADATA] = json.dumps(labels)
        try:
            return parse_metadata(headers)
        except InvalidRequest as error:
            self._problems.append(("metadata", error.message))
            return {}

    def targets(self) -> tuple[ResultTarget, ...] | None:
        """Return where the result goes, None when nothing is said about it."""
        value = self._envelope.get("result")
        if value is None:
            return None
        targets, problems = parse_targets(value)
        self._problems += problems
        return targets

    def raise_problems(self) -> None:
        """Raise InvalidRequest when anything was wrong."""
        if self._problems:
            message = "; ".join(f"'{name}' {problem}" for name, problem in self._problems)
            raise InvalidRequest(message, param=self._problems[0][0], code="invalid_envelope")

    def _config(self) -> str | None:
        value: Any = self._envelope.get("config")
        return json.dumps(value) if isinstance(value, dict) else self.text("config")

    def _refuse(self, name: str, problem: str) -> None:
        self._problems.append((name, problem))

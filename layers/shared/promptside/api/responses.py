"""Answers in the one shape every SDK reads, always with a trace id: without it the SDKs retry a 5xx at once."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Mapping

from promptside.api.http import HttpResponse
from promptside.errors import InternalError, JsonObject, PromptsideError

TRACE_ID = "x-portkey-trace-id"
CACHE_STATUS = "x-portkey-cache-status"
_JSON = "application/json"
_LONGEST_TRACE_ID = 256


def trace_id_of(headers: Mapping[str, str]) -> str:
    """Return the caller's trace id if it can stand in a header, else a new one."""
    given = headers.get(TRACE_ID, "")
    if given and len(given) <= _LONGEST_TRACE_ID and given.isascii() and given.isprintable():
        return given
    return uuid.uuid4().hex


def is_from_cache(headers: Mapping[str, str]) -> bool:
    """Tell by an answer's headers whether it had been kept, so that nothing was paid for it."""
    return headers.get(CACHE_STATUS, "").endswith("HIT")


def json_response(
    body: JsonObject, trace_id: str, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """Return `body` as ASCII JSON."""
    return HttpResponse(
        status, {"content-type": _JSON, TRACE_ID: trace_id, **(headers or {})}, json.dumps(body).encode()
    )


def error_response(error: PromptsideError, trace_id: str, *, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """Return the common error body with the error's status and the headers that tell when to come back."""
    return json_response(
        error.to_body(), trace_id, status=error.status, headers={**error_headers(error), **(headers or {})}
    )


def error_headers(error: PromptsideError) -> dict[str, str]:
    """Return the headers an error brings: `retry-after` in whole seconds, the provider, its retries, our failure."""
    headers = dict(error.headers)
    if error.retry_after is not None:
        headers["retry-after"] = str(max(0, math.ceil(error.retry_after)))
    if error.provider is not None:
        headers["x-portkey-provider"] = error.provider
        headers.setdefault("x-portkey-retry-attempt-count", "0")
    if isinstance(error, InternalError):
        headers["x-portkey-gateway-exception"] = "true"
    return headers

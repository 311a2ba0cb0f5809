"""Reads Google's error envelope: `{"error": {"code": 429, "message", "status": "RESOURCE_EXHAUSTED", "details": []}}`.

https://google.aip.dev/193 and https://ai.google.dev/gemini-api/docs/troubleshooting (read 2026-11-22). Without
`alt=sse` it is the only element of a list. The time to wait stands in a detail, seldom in a header.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from promptside.errors import JsonObject, ProviderError
from promptside.providers.error_bodies import ErrorDetails, details_of, embedded_error, read_details, says_any, to_error

_STATUS_OF_NAME: dict[str, int] = {
    "INVALID_ARGUMENT": 400,
    "OUT_OF_RANGE": 400,
    # The region or the billing of the project does not allow the call.
    "FAILED_PRECONDITION": 403,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 502,
    "DATA_LOSS": 500,
    "INTERNAL": 500,
    "UNKNOWN": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
_CHANGED = frozenset({"FAILED_PRECONDITION", "CANCELLED"})
"""Statuses whose HTTP code says something else than is meant."""

_BAD_KEY = frozenset({"API_KEY_INVALID", "API_KEY_EXPIRED", "ACCESS_TOKEN_EXPIRED", "CREDENTIALS_MISSING"})
_TOO_LONG = ("exceeds the maximum number of tokens", "token count exceeds", "context window")
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")


def parse_gemini_error(provider: str, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Return the error for an answer with a status of 400 or more."""
    return _error(provider, status, read_details(body), headers)


def stream_error(provider: str, body: JsonObject) -> ProviderError:
    """Return the error for an error object that came with a status of 200."""
    details = details_of(body)
    name = details.extra.get("status")
    status = _STATUS_OF_NAME.get(name) if isinstance(name, str) else None
    if status is None:
        status = embedded_error(provider, body).status
    return _error(provider, status, details, {})


def _error(provider: str, status: int, details: ErrorDetails, headers: Mapping[str, str]) -> ProviderError:
    name = details.extra.get("status")
    listed = details.extra.get("details")
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    reasons = [entry["reason"] for entry in entries if isinstance(entry.get("reason"), str)]
    status = _meant_status(status, name, reasons)
    code: str | None = None
    if status in (401, 403) and reasons:
        code = reasons[0]
    elif status in (400, 413) and says_any(details.message, _TOO_LONG):
        code = "context_length_exceeded"
    elif isinstance(details.code, str) and not details.code.isdecimal():
        code = details.code
    extra = {key: value for key, value in details.extra.items() if key not in ("status", "details")}
    # Where the provider's own code failed is nobody's business here.
    shown = [entry for entry in entries if not str(entry.get("@type")).endswith("DebugInfo")]
    if shown:
        extra["details"] = shown
    read = replace(details, code=code, native_type=name if isinstance(name, str) else details.native_type, extra=extra)
    return to_error(provider, status, read, headers=headers, retry_after=_retry_after(entries))


def _meant_status(status: int, name: Any, reasons: list[str]) -> int:
    if any(reason in _BAD_KEY for reason in reasons):
        return 401
    if status == 499 or (isinstance(name, str) and name in _CHANGED):
        return _STATUS_OF_NAME.get(str(name), 502)
    return status


def _retry_after(entries: list[JsonObject]) -> float | None:
    for entry in entries:
        delay = entry.get("retryDelay")
        found = _DURATION.fullmatch(delay) if isinstance(delay, str) else None
        if found is not None:
            return float(found[1])
    return None

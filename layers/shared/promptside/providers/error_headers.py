"""Which headers of a provider's error answer reach the caller."""

from __future__ import annotations

from collections.abc import Mapping

REQUEST_ID = "x-promptside-provider-request-id"

_REQUEST_IDS = ("x-request-id", "request-id", "apim-request-id", "x-amzn-requestid")
_FORWARDED = ("retry-after", "retry-after-ms")
_FORWARDED_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-")
_MILLISECONDS = ("retry-after-ms", "x-ms-retry-after-ms")


def forwarded_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the waiting time, the rate limits and the provider's request id; names are lower case."""
    kept = {
        name: value for name, value in headers.items() if name in _FORWARDED or name.startswith(_FORWARDED_PREFIXES)
    }
    request_id = next((headers[name] for name in _REQUEST_IDS if headers.get(name)), None)
    if request_id is not None:
        kept[REQUEST_ID] = request_id
    return kept


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return how long the provider asks to wait, or None. A date counts from the answer's own `date` header."""
    for name in _MILLISECONDS:
        milliseconds = _number(headers.get(name))
        if milliseconds is not None:
            return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    return seconds if seconds is not None else _until(value, headers.get("date"))


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else -1.0
    except ValueError:
        return None
    # Neither a negative time nor "nan" or "inf" says how long to wait.
    return number if 0 <= number < float("inf") else None


def _until(value: str | None, now: str | None) -> float | None:
    if not value or not now:
        return None
    # Imported here: few answers have a date, and a cold start has to wait for what it pulls in.
    from email.utils import parsedate_to_datetime

    try:
        seconds = (parsedate_to_datetime(value) - parsedate_to_datetime(now)).total_seconds()
    except (TypeError, ValueError):
        return None
    return max(seconds, 0.0)

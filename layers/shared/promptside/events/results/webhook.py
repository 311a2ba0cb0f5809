"""Posts a result to a webhook, signed, and again while its host may yet take it. Redirects are not followed."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from promptside.errors import ConfigurationError, InvalidRequest, ProviderError, StoreUnavailable
from promptside.events.results.documents import Result
from promptside.events.results.signing import signed_headers, signing_keys
from promptside.events.results.tries import Tries, failed
from promptside.store.base import SecretStore
from promptside.transport.base import Limits
from promptside.transport.client import HttpAnswer, HttpClient, HttpRequest

ATTEMPT_SECONDS = 15.0
"""How long a host may take to answer one attempt."""
LARGEST_INLINE = 1024 * 1024
"""Bytes of a document that is posted whole: who has a webhook may have no access to the bucket."""
_TYPES = {"completed": "prompt.run.completed", "failed": "prompt.run.failed", "cancelled": "prompt.run.failed"}
_PASSING = frozenset({408, 425, 429})
_MOST_READ = 64 * 1024
_SHORTEST_ATTEMPT_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Webhooks:
    """What webhooks are sent with."""

    http: HttpClient
    secrets: SecretStore


def post_result(webhooks: Webhooks, result: Result, tries: Tries, *, url: str, text: str) -> None:
    """Post `text`, the document or its reference, as `{"type", "timestamp", "data"}`. Raises DeliveryFailed."""
    moment = datetime.fromtimestamp(result.completed_at, UTC).isoformat().replace("+00:00", "Z")
    body = f'{{"type": "{_TYPES[result.status]}", "timestamp": {json.dumps(moment)}, "data": {text}}}'.encode()
    keys = _keys(webhooks.secrets)
    while True:
        # Each attempt has a timestamp of its own, as receivers refuse old ones.
        signed = signed_headers(keys, identity=result.message_id, timestamp=int(tries.clock.unix()), body=body)
        request = HttpRequest("POST", url, {"content-type": "application/json", **signed}, body)
        problem, final, retry_after = _attempt(webhooks.http, request, tries)
        if problem is None:
            return
        if final or not tries.again(retry_after):
            raise failed("webhook", problem, final=final, retry_after=retry_after)


def _keys(secrets: SecretStore) -> tuple[bytes, ...]:
    try:
        return signing_keys(secrets)
    except ConfigurationError as error:
        raise failed("webhook", error.message, final=True, code=error.code) from error
    except StoreUnavailable as error:
        raise failed("webhook", error.message, final=False, retry_after=error.retry_after) from error


def _attempt(http: HttpClient, request: HttpRequest, tries: Tries) -> tuple[str | None, bool, float | None]:
    """Return what went wrong, None when nothing did; whether that is final; and when to come back, in seconds."""
    seconds = max(_SHORTEST_ATTEMPT_SECONDS, min(ATTEMPT_SECONDS, tries.left()))
    # The transport counts on the system's own clock.
    limits = Limits(
        deadline=time.monotonic() + seconds, first_byte_seconds=seconds, idle_seconds=seconds, body_bytes=_MOST_READ
    )
    try:
        answer = http.open(request, limits, guarded=True)
    except InvalidRequest:
        return "its host is refused, or its URL cannot be used", True, None
    except ProviderError as error:
        return error.code or "no answer", False, None
    status, retry_after = answer.status, _retry_after(answer, tries)
    _drop(answer, limits)
    if 200 <= status < 300:
        return None, False, None
    return f"its host answered {status}", status < 500 and status not in _PASSING, retry_after


def _drop(answer: HttpAnswer, limits: Limits) -> None:
    """Read what the host says, so that the connection can be used again; nobody looks at it."""
    with contextlib.suppress(ProviderError), contextlib.closing(answer):
        answer.read(limits)


def _retry_after(answer: HttpAnswer, tries: Tries) -> float | None:
    """Return the seconds that a host asks for, which it may say as a date."""
    text = answer.headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - tries.clock.unix())

"""How long a run may take, and whose limit it was that ran out."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from promptside.config import Settings
from promptside.errors import DeadlineExceeded, InvalidRequest, PromptsideError, ProviderTimeout, RequestTimeout
from promptside.schema.prompt import PromptVersion
from promptside.schema.request import RunRequest
from promptside.transport.base import Limits
from promptside.transport.cancellation import Cancellation

LONGEST_TIMEOUT_MS = 900_000


def invocation_deadline(context: Any, margin_seconds: float) -> float | None:
    """Return the moment on `time.monotonic()` by which a Lambda invocation must have answered; None without a context.

    The margin is what is kept of the function's time to tell the caller that it is over.
    """
    if context is None:
        return None
    remaining: float = context.get_remaining_time_in_millis() / 1000
    return time.monotonic() + max(remaining - margin_seconds, 0.1)


def run_limits(
    settings: Settings, request: RunRequest, deadline: float | None, cancellation: Cancellation | None = None
) -> Limits:
    """Return what bounds the exchange; the caller's timeout bounds a whole answer, or the wait for a stream's first."""
    now = time.monotonic()
    latest = now + settings.request_seconds if deadline is None else min(deadline, now + settings.request_seconds)
    allowed = _allowed(request, now)
    answer_by = None if allowed is None else now + allowed
    return Limits(
        deadline=latest if answer_by is None or request.stream else min(latest, answer_by),
        connect_seconds=settings.connect_seconds,
        first_byte_seconds=settings.first_byte_seconds
        if allowed is None
        else min(settings.first_byte_seconds, allowed),
        idle_seconds=settings.idle_seconds,
        first_event_by=answer_by if request.stream else None,
        cancellation=cancellation,
    )


def _allowed(request: RunRequest, now: float) -> float | None:
    """Return the seconds that the caller leaves to this attempt, below zero when they are over."""
    allowed = request.timeout_seconds
    if allowed is None or request.answer_by is None:
        return allowed
    return min(allowed, request.answer_by - now)


def whose_timeout(
    error: ProviderTimeout, request: RunRequest, limits: Limits, deadline: float | None
) -> PromptsideError:
    """Say whose limit ran out: the function's, the caller's, or ours on a silent provider."""
    if deadline is not None and limits.deadline == deadline and time.monotonic() >= deadline:
        return DeadlineExceeded(
            "The function's time is over before the provider answered: raise its timeout or ask for less",
            provider=error.provider,
        )
    timeout = request.timeout_seconds
    if timeout is not None and (
        limits.first_byte_seconds == timeout or limits.before_first_event().deadline <= time.monotonic()
    ):
        return request_timeout(timeout, error.provider or "the provider")
    return error


def timed(request: RunRequest, version: PromptVersion) -> RunRequest:
    """Return the request with the prompt's own `request_timeout` (milliseconds) when nobody nearer gave one.

    Raises InvalidRequest for one that is none.
    """
    name = "request_timeout"
    if request.timeout_seconds is not None or not (name in request.overrides or name in version.parameters):
        return request
    value = request.overrides.get(name, version.parameters.get(name))
    if value is None:
        return request
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= LONGEST_TIMEOUT_MS:
        raise InvalidRequest(
            f"'{name}' must be a whole number of milliseconds from 1 to {LONGEST_TIMEOUT_MS}", param=name
        )
    return replace(request, timeout_seconds=value / 1000)


def request_timeout(timeout_seconds: float, provider: str) -> RequestTimeout:
    """Return the 408 for the caller's own limit."""
    return RequestTimeout(
        f"{provider} did not answer within the request_timeout of {round(timeout_seconds * 1000)} ms",
        param="x-portkey-request-timeout",
        provider=provider,
    )

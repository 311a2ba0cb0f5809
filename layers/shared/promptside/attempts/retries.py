"""Tries one target again, as often and as long as its config allows, and never beyond the time there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from promptside.errors import DeadlineExceeded, PromptsideError, ProviderError, ProviderNotConnected, RequestTimeout
from promptside.routing.settings import Retry

LONGEST_WAIT_SECONDS = 60.0
"""All pauses of one target together."""
_SPENT_QUOTA = frozenset({"insufficient_quota", "billing_hard_limit_reached", "exceeded_current_quota_error"})
"""Codes and types of a 429 that no waiting helps: the account has no money left."""
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 16.0
# What is left after a pause must be enough for an answer to be possible at all.
_SHORTEST_ATTEMPT_SECONDS = 0.1
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Pace:
    """Time as a run sees it, in seconds on one clock; `random` gives [0, 1).

    `latest` is when an answer must have left, `answer_by` when the caller's own timeout is over.
    """

    now: Callable[[], float]
    sleep: Callable[[float], None]
    random: Callable[[], float]
    latest: float
    answer_by: float | None = None

    def left(self) -> float:
        """Return the seconds until an answer must have left."""
        latest = self.latest if self.answer_by is None else min(self.latest, self.answer_by)
        return latest - self.now()


class Retries:
    """The attempts at one target. `made` counts those after the first, and is -1 when all are used up in vain."""

    def __init__(self, retry: Retry | None, pace: Pace) -> None:
        self.made = 0
        self._retry = retry
        self._pace = pace
        self._waited = 0.0

    def run(self, attempt: Callable[[], _T]) -> _T:
        """Return what `attempt` returns at last. Raises what it raises when no further attempt is due."""
        while True:
            try:
                return attempt()
            except PromptsideError as error:
                pause = self._pause(error)
                if pause is None:
                    raise
            self._waited += pause
            self.made += 1
            if pause:
                self._pace.sleep(pause)

    @property
    def more(self) -> bool:
        """Whether another attempt may follow the present one."""
        return self._retry is not None and self.made < self._retry.attempts

    def _pause(self, error: PromptsideError) -> float | None:
        """Return the seconds to wait before the next attempt, None when there must be none."""
        retry = self._retry
        if retry is None or not is_retryable(error, retry):
            return None
        if self.made >= retry.attempts:
            self.made = -1 if retry.attempts else 0
            return None
        pause = backoff(self.made, self._pace.random)
        if retry.use_retry_after and error.retry_after is not None:
            pause = error.retry_after
        fits = self._waited + pause <= LONGEST_WAIT_SECONDS
        return pause if fits and pause + _SHORTEST_ATTEMPT_SECONDS < self._pace.left() else None


def backoff(made: int, random: Callable[[], float]) -> float:
    """Return a pause in seconds after so many retries: up to 1, 2, 4, 8, 16, anywhere in the upper half of it."""
    longest = min(_FIRST_PAUSE_SECONDS * float(2**made), _LONGEST_PAUSE_SECONDS)
    return longest * (0.5 + 0.5 * random())


def is_retryable(error: PromptsideError, retry: Retry) -> bool:
    """Tell whether the same target may be asked again after this error."""
    if isinstance(error, DeadlineExceeded) or not isinstance(error, ProviderError | RequestTimeout):
        return False
    if has_spent_quota(error) or error.should_retry is False:
        return False
    if isinstance(error, ProviderNotConnected):
        return True
    return error.should_retry is True or has_status(error, retry.status_codes)


def has_spent_quota(error: PromptsideError) -> bool:
    """Tell whether the provider wants money; some say so in the code of their error, others in its type."""
    return error.code in _SPENT_QUOTA or error.extra.get("native_type") in _SPENT_QUOTA


def has_status(error: PromptsideError, codes: frozenset[int]) -> bool:
    """Tell whether an error's status is listed, as the caller would see it or as the provider sent it."""
    return error.status in codes or error.upstream_status in codes

"""When a target is asked again, and how long the pause before it is."""

import pytest

from promptside.attempts.retries import Pace, Retries, backoff, is_retryable
from promptside.errors import (
    DeadlineExceeded,
    InvalidRequest,
    PromptsideError,
    ProviderError,
    ProviderNotConnected,
    ProviderTimeout,
    ProviderUnreachable,
    ProviderUnusable,
    RequestTimeout,
    StoreUnavailable,
)
from promptside.routing.settings import Retry


class Clock:
    """A clock that only pauses move."""

    def __init__(self) -> None:
        self.time = 100.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.time += seconds

    def pace(self, latest: float = 1e9, *, answer_by: float | None = None) -> Pace:
        return Pace(lambda: self.time, self.sleep, lambda: 1.0, latest, answer_by)


def failing(error: PromptsideError, retry: Retry, pace: Pace) -> Retries:
    retries = Retries(retry, pace)

    def attempt() -> None:
        raise error

    with pytest.raises(type(error)):
        retries.run(attempt)
    return retries


def test_pauses_double_and_stay_within_a_minute_in_all() -> None:
    clock = Clock()

    retries = failing(ProviderError("x", status=500), Retry(5), clock.pace())

    assert clock.pauses == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert retries.made == -1


def test_a_pause_is_drawn_from_the_upper_half_of_its_length() -> None:
    assert [backoff(made, lambda: 0.0) for made in range(6)] == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    assert backoff(1, lambda: 0.5) == 1.5


def test_all_pauses_together_last_a_minute_at_most() -> None:
    clock = Clock()
    error = ProviderError("x", status=429, retry_after=25.0)

    retries = failing(error, Retry(5, use_retry_after=True), clock.pace())

    assert (clock.pauses, retries.made) == ([25.0, 25.0], 2)


@pytest.mark.parametrize(("latest", "answer_by"), [(103.05, None), (1e9, 103.05), (103.05, 200.0)])
def test_a_pause_after_which_no_time_is_left_is_not_made(latest: float, answer_by: float | None) -> None:
    clock = Clock()

    retries = failing(ProviderError("x", status=500), Retry(5), clock.pace(latest, answer_by=answer_by))

    assert (clock.pauses, retries.made) == ([1.0], 1)


def test_a_waiting_time_of_the_provider_counts_only_when_asked_for() -> None:
    clock = Clock()

    failing(ProviderError("x", status=429, retry_after=9.0), Retry(1), clock.pace())

    assert clock.pauses == [1.0]


def test_no_waiting_time_means_no_pause() -> None:
    clock = Clock()

    retries = failing(ProviderError("x", status=429, retry_after=0.0), Retry(2, use_retry_after=True), clock.pace())

    assert (clock.pauses, retries.made) == ([], -1)


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (ProviderError("x", status=500), True),
        (ProviderError("x", status=400), False),
        (ProviderError("x", status=429, code="insufficient_quota"), False),
        (ProviderUnusable("x"), True),
        (ProviderUnreachable("x"), True),
        (ProviderNotConnected("x"), True),
        (ProviderTimeout("x"), True),
        (RequestTimeout("x"), False),
        (DeadlineExceeded("x"), False),
        (InvalidRequest("x"), False),
        (StoreUnavailable("x"), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_what_may_be_tried_again_by_default(error: PromptsideError, again: bool) -> None:
    assert is_retryable(error, Retry(1)) is again


def test_without_retries_an_error_is_final() -> None:
    clock = Clock()
    retries = Retries(None, clock.pace())

    def attempt() -> None:
        raise ProviderError("x", status=500)

    with pytest.raises(ProviderError):
        retries.run(attempt)
    assert (retries.made, clock.pauses) == (0, [])

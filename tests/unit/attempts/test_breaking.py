"""What becomes of the one trial of a target that comes back, by how the run with the trial ended."""

import pytest

from promptside.attempts.breaking import Circuits
from promptside.errors import (
    DeadlineExceeded,
    InvalidRequest,
    PromptsideError,
    RateLimited,
    RequestTimeout,
    StoreUnavailable,
)
from promptside.routing.breakers import Breakers
from promptside.routing.config import parse_config

NOW = 1_795_300_000.0
TARGET = parse_config({"cb_config": {"failure_threshold": 1, "cooldown_interval": 60_000}})


@pytest.mark.parametrize(
    ("error", "free"),
    [
        (RateLimited("ours"), True),
        (InvalidRequest("not for this target"), True),
        (StoreUnavailable("limits cannot be counted"), True),
        (RequestTimeout("the caller is in a hurry"), False),
        (DeadlineExceeded("the time is over"), False),
    ],
)
def test_a_run_that_has_not_called_the_target_leaves_the_trial_to_the_next(error: PromptsideError, free: bool) -> None:
    breakers = Breakers()
    before = Circuits(breakers, lambda: NOW)
    before.report(TARGET, RequestTimeout("down"))
    first, second = (Circuits(breakers, lambda: NOW + 60, impatient=True) for _ in range(2))

    assert [first.may_try(TARGET), second.may_try(TARGET)] == [True, False]
    first.report(TARGET, error)

    assert second.may_try(TARGET) is free


def test_a_run_without_the_trial_does_not_give_it_up() -> None:
    breakers = Breakers()
    Circuits(breakers, lambda: NOW).report(TARGET, RequestTimeout("down"))
    first, second = (Circuits(breakers, lambda: NOW + 60) for _ in range(2))

    assert [first.may_try(TARGET), second.may_try(TARGET)] == [True, False]
    second.withdraw(TARGET)

    assert second.may_try(TARGET) is False

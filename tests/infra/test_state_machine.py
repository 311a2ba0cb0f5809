"""How patient the state machine of batches is, and what the history of an execution can hold."""

from __future__ import annotations

import json
from typing import Any

import pytest

from promptside.batches.base import ChunkUnfinished
from tests.infra.stack import ROOT, functions

MACHINE = json.loads((ROOT / "statemachines" / "batch.asl.json").read_text())
CHUNKS = MACHINE["States"]["Chunks"]
TASKS = {
    **{name: state for name, state in MACHINE["States"].items() if state["Type"] == "Task"},
    **CHUNKS["ItemProcessor"]["States"],
}
THROTTLED, UNFINISHED, ANY = "Lambda.TooManyRequestsException", ChunkUnfinished.__name__, "States.ALL"
HOUR = 3600.0
MOST_EVENTS = 25_000
"""In the history of one execution; a try writes three events."""


def retriers(name: str) -> dict[str, dict[str, Any]]:
    return {retrier["ErrorEquals"][0]: retrier for retrier in TASKS[name]["Retry"]}


def patience(retrier: dict[str, Any]) -> float:
    """Return the seconds of all pauses together; with full jitter each is half of the longest on average."""
    assert retrier["JitterStrategy"] == "FULL"
    delays = (
        min(retrier["IntervalSeconds"] * float(retrier["BackoffRate"]) ** min(tried, 64), retrier["MaxDelaySeconds"])
        for tried in range(retrier["MaxAttempts"])
    )
    return float(sum(delays)) / 2


@pytest.mark.parametrize("name", ["Plan", "RunChunk", "Finish"])
def test_a_batch_waits_for_others_that_use_all_there_is_for_as_long_as_its_window(name: str) -> None:
    assert patience(retriers(name)[THROTTLED]) >= 24 * HOUR


@pytest.mark.parametrize(
    ("name", "error", "hours"),
    [("Plan", ANY, 0.5), ("RunChunk", UNFINISHED, 12), ("RunChunk", ANY, 0.2), ("Finish", ANY, 6)],
)
def test_a_step_is_tried_again_for_longer_than_an_outage(name: str, error: str, hours: float) -> None:
    assert patience(retriers(name)[error]) >= hours * HOUR


@pytest.mark.parametrize("name", sorted(TASKS))
def test_an_executions_history_holds_all_tries_of_a_task(name: str) -> None:
    assert 3 * sum(retrier["MaxAttempts"] for retrier in TASKS[name]["Retry"]) < MOST_EVENTS / 2


@pytest.mark.parametrize("name", sorted(TASKS))
def test_no_task_is_given_up_while_its_function_may_still_answer(name: str) -> None:
    assert TASKS[name]["TimeoutSeconds"] > functions()["EventsFunction"]["Timeout"]


def test_an_execution_outlives_the_longest_window_and_the_joining() -> None:
    assert MACHINE["TimeoutSeconds"] >= 24 * HOUR + patience(retriers("Finish")[ANY])


def test_results_of_thousands_of_chunks_are_no_input_of_the_next_state() -> None:
    assert (TASKS["RunChunk"]["OutputPath"], CHUNKS["ResultPath"]) == (None, None)

"""Metrics as CloudWatch reads them: one line of JSON in the log."""

import json
from dataclasses import replace
from typing import Any

import pytest

from promptside.events.base import Order, Outcome
from promptside.events.metrics import Tally

DONE = Outcome(Order("k", "/p"), 200, {}, started_at=100.0, ended_at=101.5)


def written(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(capsys.readouterr().out)
    return line


def test_runs_are_counted_by_what_came_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally(workspace="default", source="sqs")
    tally.add(DONE, age=3.0)
    tally.add(replace(DONE, status=400), age=4.0)
    tally.add(replace(DONE, status=429, retryable=True), age=5.0)
    tally.add(replace(DONE, replayed=True, ended_at=100.1), age=60.0)
    tally.undelivered()
    tally.flush()

    line = written(capsys)
    assert {name: value for name, value in line.items() if name != "_aws"} == {
        "service": "events",
        "workspace": "default",
        "source": "sqs",
        "RunsCompleted": [1.0],
        "RunsFailed": [1.0],
        "RunsDelayed": [1.0],
        "RunsReplayed": [1.0],
        "ResultsUndelivered": [1.0],
        "RunSeconds": [1.5, 1.5, 1.5],
        "AgeSeconds": [3.0, 4.0, 60.0],
    }
    (metrics,) = line["_aws"]["CloudWatchMetrics"]
    assert (metrics["Namespace"], metrics["Dimensions"]) == ("Promptside", [["workspace", "source", "service"]])


def test_a_batch_of_any_size_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally(workspace="default", source="sqs")
    for _ in range(250):
        tally.add(DONE)
    tally.flush()

    line = written(capsys)
    assert line["RunsCompleted"] == [250.0]
    assert len(line["RunSeconds"]) == 99


def test_nothing_is_written_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Tally(workspace="default", source="sqs").flush()

    assert capsys.readouterr().out == ""

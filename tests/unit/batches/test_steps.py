from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from promptside.batches.steps import run_step
from promptside.errors import InvalidRequest, NotFound
from tests.batch_runs import BatchRuns, request_line
from tests.engines import Engine
from tests.event_runs import ANSWER
from tests.upstream import Upstream, json_reply

EVENTS = Path(__file__).parents[3] / "events"
SCHEMA = Draft202012Validator(json.loads((EVENTS / "schemas" / "prompt-batch-result.json").read_text()))


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        running.default = json_reply(ANSWER)
        yield running


@pytest.fixture
def runs(engine: Engine, upstream: Upstream) -> BatchRuns:
    return BatchRuns(engine, upstream.url)


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({"promptside": "plan-batch"}, InvalidRequest),
        ({"promptside": "dance", "batch_id": "batch_1"}, InvalidRequest),
        ({"promptside": "plan-batch", "batch_id": "batch_1"}, NotFound),
    ],
)
def test_what_is_no_step_is_refused(runs: BatchRuns, event: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        run_step(runs.services, event, deadline=0.0)


@pytest.mark.parametrize("lines", [[request_line("a"), "bad"], ["bad"], []], ids=["some", "none good", "empty"])
def test_what_is_announced_is_as_the_schema_says(runs: BatchRuns, lines: list[Any]) -> None:
    batch = runs.submit(lines, metadata={"team": "a"})

    found = runs.run(batch.batch_id)

    SCHEMA.validate(found)
    ((_, detail),) = runs.bus.details()
    assert detail == found == json.loads(runs.content(f"batches/{batch.batch_id}/summary.json"))

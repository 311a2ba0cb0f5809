"""A batch through the function as it is deployed: dropped, planned, run, finished, each by the event that brings it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.engines import Engine
from tests.event_runs import ANSWER
from tests.events_function import EventStack
from tests.functions.deployed import load_event
from tests.upstream import Upstream, json_reply

Invoke = Callable[..., Any]
EXAMPLE = "batch_2f1d6b0c9e8a4d57b3c1a0f9e8d7c6b5"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        running.default = json_reply(ANSWER)
        yield running


@pytest.fixture
def stack(engine: Engine, upstream: Upstream) -> EventStack:
    return EventStack(engine, upstream)


@pytest.fixture
def invoke(stack: EventStack) -> Iterator[Invoke]:
    with stack.function() as function:
        yield function


def dropped(stack: EventStack, invoke: Invoke, content: bytes) -> str:
    """Drop a file as S3 tells of it, and return the id of its batch."""
    key = "inbox/welcome/people.jsonl"
    stack.engine.client("s3").put_object(Bucket=stack.bucket, Key=key, Body=content)
    event = json.loads(json.dumps(load_event("eventbridge-object-created")).replace("promptside-files", stack.bucket))
    event["detail"]["object"]["etag"] = stack.engine.client("s3").head_object(Bucket=stack.bucket, Key=key)["ETag"]
    (batch_id,) = invoke(event)["batches"]
    return str(batch_id)


def example(name: str, batch_id: str) -> Any:
    """Return an event file, about this batch."""
    return json.loads(json.dumps(load_event(name)).replace(EXAMPLE, batch_id))


def test_a_dropped_file_goes_through_all_steps(stack: EventStack, invoke: Invoke, upstream: Upstream) -> None:
    content = b'{"variables": {"name": "Ann"}}\nbad\n'
    batch_id = dropped(stack, invoke, content)
    step = {"batch_id": batch_id}

    planned = invoke({"promptside": "plan-batch", **step})
    event = example("batch-chunk-invoke", batch_id)
    event["chunk"] |= {"lines": 2, "end": len(content)}
    assert invoke(event) == invoke(event) == {"chunk": 0}
    found = invoke({"promptside": "finish-batch", **step})

    assert (planned["status"], planned["bucket"]) == ("in_progress", stack.bucket)
    assert (found["status"], found["counts"]["completed"], found["counts"]["failed"]) == ("completed", 1, 1)
    (request,) = upstream.requests
    assert request.json()["messages"] == [{"role": "user", "content": "Welcome Ann"}]
    output = stack.engine.client("s3").get_object(Bucket=stack.bucket, Key=found["output"]["key"])["Body"].read()
    line = json.loads(output)
    record = stack.record(line["response"]["request_id"])
    assert record is not None
    assert (record.status, record.begun["batch_id"], record.begun["line"]) == ("completed", batch_id, 1)


def test_the_news_of_a_stopped_execution_ends_its_batch(stack: EventStack, invoke: Invoke) -> None:
    batch_id = dropped(stack, invoke, b"{}\n")

    assert invoke(example("eventbridge-execution-stopped", batch_id)) == {"batch_id": batch_id, "status": "failed"}
    assert invoke(example("eventbridge-execution-stopped", "batch_unknown")) == {"batch_id": "batch_unknown"}

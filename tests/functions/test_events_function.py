"""The events function on its event files, with everything around it on loopback."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from promptside.events.direct import RetryableRunError, RunError
from tests.engines import Engine
from tests.event_runs import ANSWER
from tests.events_function import Context, EventStack
from tests.functions.deployed import load_event
from tests.infra.stack import ROOT
from tests.upstream import Upstream, json_reply

Invoke = Callable[..., Any]


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


def content(completion: Any) -> str:
    text: str = completion["choices"][0]["message"]["content"]
    return text


@pytest.mark.parametrize("name", ["sqs-run", "sqs-eventbridge", "sqs-ordered"])
def test_messages_become_runs_with_results_and_records(
    stack: EventStack, invoke: Invoke, upstream: Upstream, name: str
) -> None:
    event = load_event(name)

    assert invoke(event) == {"batchItemFailures": []}
    results = stack.delivered()
    assert [content(result["response"]) for result in results] == ["Hello Ann"] * len(event["Records"])
    assert upstream.requests[0].json()["messages"] == [{"role": "user", "content": "Welcome Ada"}]
    record = stack.record(results[0]["run_id"])
    assert record is not None
    assert (record.status, record.begun["metadata"]) == ("completed", {"tenant": "acme"})


def test_a_poison_message_is_set_aside_and_the_other_one_is_run(stack: EventStack, invoke: Invoke) -> None:
    assert invoke(load_event("sqs-poison")) == {"batchItemFailures": []}
    (dead,) = stack.dead.receive()
    assert dead["Body"] == '{"prompt_id": "welcome", "variables": '
    reason = json.loads(dead["MessageAttributes"]["promptside_reason"]["StringValue"])
    assert (reason["code"], reason["status"]) == ("invalid_json", 400)
    assert [result["correlation_id"] for result in stack.delivered()] == ["order-20"]


@pytest.mark.parametrize("name", ["events-invoke", "schedule-run", "eventbridge-run"])
def test_an_invoke_returns_the_completion(stack: EventStack, invoke: Invoke, name: str) -> None:
    assert content(invoke(load_event(name))) == "Hello Ann"
    assert [result["status"] for result in stack.delivered()] == ["completed"]


@pytest.mark.parametrize("name", ["events-invoke", "schedule-run", "eventbridge-run"])
def test_an_invoke_that_lambda_repeats_is_paid_once(invoke: Invoke, upstream: Upstream, name: str) -> None:
    context = Context()

    assert invoke(load_event(name), context) == invoke(load_event(name), context)
    assert len(upstream.requests) == 1


def test_a_task_of_a_state_machine_fails_with_a_class_that_it_can_tell_apart(
    invoke: Invoke, upstream: Upstream
) -> None:
    upstream.enqueue(json_reply({"error": {"message": "slow down"}}, status=429))
    with pytest.raises(RetryableRunError, match='"status": 429'):
        invoke(load_event("events-invoke"))
    with pytest.raises(RunError, match='"code": "prompt_not_found"') as raised:
        invoke({"prompt_id": "nobody"})
    assert type(raised.value) is RunError


def test_a_target_that_the_stack_does_not_allow_is_refused_before_anything_is_paid(
    stack: EventStack, invoke: Invoke, upstream: Upstream
) -> None:
    elsewhere = {"type": "sqs", "queue_url": f"{stack.dead.url}-of-somebody-else"}

    with pytest.raises(RunError, match=r"'result\.queue_url' is no queue that this stack allows"):
        invoke({**load_event("events-invoke"), "result": elsewhere})
    with pytest.raises(RunError, match=r"'result\.queue_url' is one of the stack's own queues"):
        invoke({**load_event("events-invoke"), "result": {**elsewhere, "queue_url": stack.dead.url}})
    assert not upstream.requests


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("s3-notification", "inbox/welcome/new people.jsonl"),
        ("eventbridge-object-created", "inbox/welcome/people.jsonl"),
    ],
)
def test_a_dropped_object_becomes_one_batch_however_often_it_is_told(
    stack: EventStack, invoke: Invoke, name: str, key: str
) -> None:
    event = json.loads(json.dumps(load_event(name)).replace("promptside-files", stack.bucket))
    stack.engine.client("s3").put_object(Bucket=stack.bucket, Key=key, Body=b"{}\n")

    first, second = invoke(event), invoke(event)

    assert first == second
    assert stack.started() == first["batches"]
    assert len(first["batches"]) == 1


@pytest.mark.parametrize("name", ["s3-notification", "eventbridge-object-created"])
@pytest.mark.parametrize("wrapped", [False, True], ids=["in a message", "as a failed invoke in a message"])
def test_a_dropped_object_that_comes_in_a_message_is_the_same_batch(
    stack: EventStack, invoke: Invoke, name: str, wrapped: bool
) -> None:
    event = json.loads(json.dumps(load_event(name)).replace("promptside-files", stack.bucket))
    key = {"s3-notification": "inbox/welcome/new people.jsonl"}.get(name, "inbox/welcome/people.jsonl")
    stack.engine.client("s3").put_object(Bucket=stack.bucket, Key=key, Body=b"{}\n")
    (batch_id,) = invoke(event)["batches"]

    stack.queue.send({"requestContext": {"requestId": "r-1"}, "requestPayload": event} if wrapped else event)
    stack.queue.send({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": stack.bucket})

    assert stack.queue.poll(invoke) == []
    assert stack.started() == [batch_id]
    assert stack.dead.receive() == []


def test_a_batch_that_cannot_begin_sends_its_message_back_and_at_last_to_the_dead_letter_queue(
    stack: EventStack,
) -> None:
    stack.environment |= {"PROMPTSIDE_STATE_MACHINE": f"{stack.machine}-gone", "PROMPTSIDE_MAX_RECEIVE_COUNT": "2"}
    event = json.loads(json.dumps(load_event("s3-notification")).replace("promptside-files", stack.bucket))
    sent = stack.queue.send(event)
    with stack.function() as invoke:
        received = stack.queue.event(stack.queue.receive())
        first = invoke(received)
        received["Records"][0]["attributes"]["ApproximateReceiveCount"] = "2"
        last = invoke(received)

    assert (first, last) == ({"batchItemFailures": [{"itemIdentifier": sent}]}, {"batchItemFailures": []})
    (dead,) = stack.dead.receive()
    assert json.loads(dead["Body"]) == event
    assert json.loads(dead["MessageAttributes"]["promptside_reason"]["StringValue"])["status"] >= 500


def test_what_a_batch_writes_itself_starts_none(stack: EventStack, invoke: Invoke) -> None:
    event = load_event("eventbridge-object-created")
    event["detail"]["bucket"]["name"] = stack.bucket
    event["detail"]["object"]["key"] = "batches/batch_1/output.jsonl"

    assert invoke(event) == {"batches": []}


def test_the_test_event_of_s3_starts_nothing(invoke: Invoke) -> None:
    assert invoke({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}) == {"batches": []}


@pytest.mark.parametrize("records", [[], "x", ["x"], [{"eventSource": "aws:dynamodb"}]])
def test_records_of_anything_else_are_refused(invoke: Invoke, records: Any) -> None:
    with pytest.raises(RunError, match="'prompt_id' must be"):
        invoke({"Records": records})


@pytest.mark.parametrize("event", [[], [{"prompt_id": "welcome"}], "x", None])
def test_an_event_that_is_no_object_is_refused(invoke: Invoke, event: Any) -> None:
    with pytest.raises(RunError, match="must be a JSON object"):
        invoke(event)


def test_no_web_framework_and_nothing_of_batches_is_imported_at_start(stack: EventStack) -> None:
    program = (
        "import sys, functions.events.app\n"
        "heavy = ('fastapi', 'mangum', 'pydantic', 'jsonschema', 'boto3', 'promptside.batches',"
        " 'promptside.management', 'aws_lambda_powertools.utilities.batch')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        env={**stack.environment, "PYTHONPATH": f"{ROOT}:{ROOT / 'layers' / 'shared'}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert found.stdout == "[]\n"

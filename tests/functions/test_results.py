"""From a message in a queue to a result in its place and a record behind the API, with the functions as deployed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from promptside.events.direct import RunError
from promptside.store.keys import ApiKeyStore
from tests.engines import Engine
from tests.event_runs import ANSWER
from tests.events_function import Context, EventStack
from tests.function_modules import import_function
from tests.management_function import http_api_event
from tests.results import KEY, SECRET, assert_valid, signatures
from tests.upstream import Reply, Upstream, json_reply

API_KEY = "ps-key-of-the-results"


@pytest.fixture
def provider() -> Iterator[Upstream]:
    with Upstream() as running:
        running.default = json_reply(ANSWER)
        yield running


@pytest.fixture
def receiver() -> Iterator[Upstream]:
    with Upstream() as running:
        running.default = Reply(204)
        yield running


@pytest.fixture
def stack(engine: Engine, provider: Upstream) -> EventStack:
    made = EventStack(engine, provider, settings={"PROMPTSIDE_WEBHOOK_HOSTS": "127.0.0.1"})
    bus = made.bucket
    engine.client("events").create_event_bus(Name=bus)
    rule = {"EventBusName": bus, "EventPattern": json.dumps({"source": ["promptside"]})}
    engine.client("events").put_rule(Name=bus, **rule)
    engine.client("events").put_targets(Rule=bus, EventBusName=bus, Targets=[{"Id": "queue", "Arn": made.results.arn}])
    prefix = made.environment["PROMPTSIDE_SECRETS_PREFIX"]
    engine.client("ssm").put_parameter(Name=f"{prefix}/webhooks/signing-secret", Type="SecureString", Value=SECRET)
    made.environment["PROMPTSIDE_EVENT_BUS"] = bus
    made.environment["PROMPTSIDE_RESULT_TARGETS"] = "eventbridge"
    return made


def send(stack: EventStack, **fields: Any) -> None:
    stack.queue.send({"prompt_id": "welcome", "variables": {"name": "Ada"}, "correlation_id": "order-17", **fields})


def read(stack: EventStack, path: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Ask the runs function of the same stack."""
    ApiKeyStore(stack.engine.client("dynamodb"), table=stack.environment["PROMPTSIDE_TABLE"]).ensure(
        API_KEY, "tests", {"runs.*"}
    )
    for variable, value in stack.environment.items():
        monkeypatch.setenv(variable, value)
    result = import_function("runs").handler(http_api_event("GET", path, None, {"x-portkey-api-key": API_KEY}), None)
    assert result["statusCode"] == 200
    return json.loads(result["body"])


def test_a_message_becomes_an_event_on_the_bus_and_a_record_behind_the_api(
    stack: EventStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(stack)

    with stack.function() as invoke:
        assert stack.queue.poll(invoke) == []

    (message,) = stack.results.client.receive_message(QueueUrl=stack.results.url, WaitTimeSeconds=5)["Messages"]
    event = json.loads(message["Body"])
    assert_valid(event, "event")
    detail = event["detail"]
    answer = detail["response"]["choices"][0]["message"]["content"]
    assert (event["detail-type"], answer) == ("Prompt Run Completed", "Hello Ann")
    listed = read(stack, "/v1/runs", monkeypatch)["data"]
    assert [run["id"] for run in listed] == [detail["run_id"]]
    run = read(stack, f"/v1/runs/{detail['run_id']}", monkeypatch)
    assert run == listed[0]
    shared = run.keys() & detail.keys() - {"object"}
    assert {name: run[name] for name in shared} == {name: detail[name] for name in shared}
    assert run["results"] == [{"type": "eventbridge", "event_bus": stack.bucket}]
    assert not {"response", "messages", "variables"} & run.keys()


def test_a_result_goes_to_a_bucket_and_a_webhook_at_once(stack: EventStack, receiver: Upstream) -> None:
    send(stack, result=[{"type": "s3", "prefix": "reports/"}, {"type": "webhook", "url": f"{receiver.url}/runs"}])

    with stack.function() as invoke:
        assert stack.queue.poll(invoke) == []

    (request,) = receiver.requests
    headers = dict(request.headers)
    assert headers["webhook-signature"].split(",", 1) == signatures(KEY, headers, request.body)
    posted = request.json()
    assert_valid(posted, "webhook")
    key = f"reports/{headers['webhook-id']}.json"
    stored = stack.engine.client("s3").get_object(Bucket=stack.bucket, Key=key)["Body"].read()
    assert json.loads(stored) == posted["data"]
    assert stack.delivered() == []


def test_a_result_that_was_not_taken_is_delivered_with_the_next_delivery_and_not_paid_again(
    stack: EventStack, receiver: Upstream, provider: Upstream
) -> None:
    receiver.enqueue(Reply(429, {"retry-after": "3600"}))
    send(stack, result={"type": "webhook", "url": f"{receiver.url}/runs"})

    with stack.function() as invoke:
        received = stack.queue.receive()
        first = invoke(stack.queue.event(received))
        second = invoke(stack.queue.event(received))

    assert first == {"batchItemFailures": [{"itemIdentifier": received[0]["MessageId"]}]}
    assert second == {"batchItemFailures": []}
    assert len(provider.requests) == 1
    assert receiver.requests[0].body == receiver.requests[1].body
    assert receiver.requests[0].headers["webhook-id"] == receiver.requests[1].headers["webhook-id"]


def test_a_target_that_refuses_for_good_sends_the_message_to_the_dead_letter_queue(
    stack: EventStack, receiver: Upstream, provider: Upstream
) -> None:
    receiver.enqueue(Reply(404, steps=(b"words of the host",)))
    send(stack, result={"type": "webhook", "url": f"{receiver.url}/runs"})

    with stack.function() as invoke:
        assert stack.queue.poll(invoke) == []

    (dead,) = stack.dead.receive()
    reason = json.loads(dead["MessageAttributes"]["promptside_reason"]["StringValue"])
    assert (reason["code"], reason["message"]) == (
        "result_not_delivered", "The result did not reach its target (webhook): its host answered 404",
    )  # fmt: skip
    assert len(provider.requests) == 1


def test_an_invoke_that_failed_for_its_target_is_put_back_and_not_paid_again(
    stack: EventStack, receiver: Upstream, provider: Upstream
) -> None:
    receiver.enqueue(Reply(404))
    event = {"prompt_id": "welcome", "variables": {"name": "Ada"}, "result": {"type": "webhook", "url": receiver.url}}
    context = Context()
    with stack.function() as invoke:
        with pytest.raises(RunError):
            invoke(event, context)
        # What Lambda puts into the dead-letter queue, sent back to the queue of requests.
        about = {"requestId": context.aws_request_id, "condition": "RetriesExhausted", "approximateInvokeCount": 3}
        stack.queue.send({"version": "1.0", "requestContext": about, "requestPayload": event, "responsePayload": {}})
        assert stack.queue.poll(invoke) == []

    refused, taken = (request.json()["data"]["run_id"] for request in receiver.requests)
    assert refused == taken
    assert len(provider.requests) == 1


def test_a_request_that_uses_a_key_again_does_not_replace_the_result_of_the_first(
    stack: EventStack, provider: Upstream
) -> None:
    wanted = {"idempotency_key": "order-17", "result": {"type": "s3", "prefix": "reports/"}}
    s3 = stack.engine.client("s3")
    with stack.function() as invoke:
        for name in ("Ada", "Bob"):
            send(stack, variables={"name": name}, **wanted)
            assert stack.queue.poll(invoke) == []

    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=stack.bucket, Prefix="reports/")["Contents"]]
    documents = [json.loads(s3.get_object(Bucket=stack.bucket, Key=key)["Body"].read()) for key in keys]
    found = {document["status"]: document["error"] and document["error"]["code"] for document in documents}
    assert found == {"completed": None, "failed": "idempotency_key_reused"}
    assert all(key == f"reports/{document['run_id']}.json" for key, document in zip(keys, documents, strict=True))
    statuses = {record.status for document in documents if (record := stack.record(document["run_id"])) is not None}
    assert statuses == {"completed", "failed"}
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    ("target", "param"),
    [
        ({"type": "webhook", "url": "https://evil.example/"}, "'result.url'"),
        ({"type": "sqs", "queue_url": "https://sqs.us-east-1.amazonaws.com/1/theirs"}, "'result.queue_url'"),
        ({"type": "s3", "prefix": "inbox/welcome/"}, "'result.prefix'"),
    ],
)
def test_a_target_that_the_stack_does_not_allow_is_refused_before_anything_is_paid(
    stack: EventStack, provider: Upstream, target: dict[str, str], param: str
) -> None:
    send(stack, result=target)

    with stack.function() as invoke:
        assert stack.queue.poll(invoke) == []

    (dead,) = stack.dead.receive()
    reason = json.loads(dead["MessageAttributes"]["promptside_reason"]["StringValue"])
    assert (reason["code"], reason["status"]) == ("invalid_result_target", 400)
    assert reason["message"].startswith(param)
    assert provider.requests == []
    record = stack.record(reason["run_id"])
    assert record is not None
    assert record.status == "failed"

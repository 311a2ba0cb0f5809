"""Messages and their keys: the same for each delivery, another for each order."""

import hashlib
import json
from typing import Any

import pytest

from promptside.events.messages import Message

BODY = json.dumps({"prompt_id": "hi"})
FIFO = "arn:aws:sqs:us-east-1:123456789012:runs.fifo"
OF_SENDER = hashlib.sha256(b"g\nd-7").hexdigest()


def message(body: str = BODY, **fields: Any) -> Message:
    return Message(**({"id": "m1", "receipt": "r", "body": body} | fields))


def test_a_record_of_lambda_is_read() -> None:
    record = {
        "messageId": "m1",
        "receiptHandle": "r1",
        "body": BODY,
        "attributes": {
            "ApproximateReceiveCount": "3",
            "MessageGroupId": "g",
            "MessageDeduplicationId": "d",
            "SentTimestamp": "1795300000000",
        },
        "messageAttributes": {"tenant": {"stringValue": "acme", "dataType": "String"}},
        "eventSource": "aws:sqs",
        "eventSourceARN": FIFO,
    }

    assert Message.of_record(record) == Message(
        "m1", "r1", BODY, FIFO, 3, "g", "d", {"tenant": {"stringValue": "acme", "dataType": "String"}}, 1795300000.0
    )


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({}, "sqs:m1"),
        ({"queue_arn": FIFO, "group": "g", "deduplication": "d-7"}, f"sqs:123456789012:runs.fifo:{OF_SENDER}"),
        (
            {"queue_arn": FIFO, "group": "g", "deduplication": hashlib.sha256(BODY.encode()).hexdigest()},
            "sqs:m1",
        ),
        ({"attributes": {"promptside_key": {"stringValue": "sqs:m0", "dataType": "String"}}}, "sqs:m0"),
    ],
    ids=["standard", "the sender's id", "an id that SQS made of the body", "a buried message that comes back"],
)
def test_the_key_of_a_message(fields: dict[str, Any], key: str) -> None:
    assert message(**fields).order().key == key


def test_an_envelopes_own_key_comes_first() -> None:
    assert message(json.dumps({"prompt_id": "hi", "idempotency_key": "mine"})).order().key == "mine"


def test_an_eventbridge_event_in_a_message_has_its_own_id() -> None:
    event = {"id": "e-1", "detail-type": "x", "detail": {"prompt_id": "hi"}}

    assert message(json.dumps(event)).order().key == "event:e-1"


def failed_invoke(payload: dict[str, Any], request_id: Any = "r-1") -> str:
    """Return what Lambda puts into a dead-letter queue."""
    context = {"requestId": request_id, "condition": "RetriesExhausted", "approximateInvokeCount": 3}
    record = {"version": "1.0", "requestContext": context, "requestPayload": payload, "responsePayload": {}}
    return json.dumps(record)


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (failed_invoke({"prompt_id": "hi"}), "invoke:r-1"),
        (failed_invoke({"prompt_id": "hi", "idempotency_key": "mine"}), "mine"),
        (failed_invoke({"id": "e-1", "detail-type": "x", "detail": {"prompt_id": "hi"}}), "event:e-1"),
        (failed_invoke({"prompt_id": "hi"}, "ü"), "sqs:m1"),
        (failed_invoke({"prompt_id": "hi"}, None), "sqs:m1"),
    ],
)
def test_an_invoke_that_failed_each_time_comes_back_under_its_own_key(body: str, key: str) -> None:
    order = message(body).order()

    assert (order.key, order.path) == (key, "/v1/prompts/hi/completions")


def test_the_longest_key_is_one_that_can_be_claimed() -> None:
    queue = f"arn:aws:sqs:us-east-1:123456789012:{'q' * 80}"
    long = message(queue_arn=queue, group="g" * 128, deduplication="d" * 128)

    assert len(long.key) <= 255

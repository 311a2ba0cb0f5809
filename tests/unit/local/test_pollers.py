import json
import threading
from collections.abc import Callable
from typing import Any

from local.pollers import Poller, Source

SECONDS = 10.0


class Queue:
    """An SQS client with the messages of one queue; it stops the poller when there are no more."""

    def __init__(self, *batches: list[dict[str, Any]], fails: bool = False) -> None:
        self.batches = list(batches)
        self.fails = fails
        self.deleted: list[str] = []
        self.stop = threading.Event()

    def receive_message(self, **request: Any) -> dict[str, Any]:
        assert (request["WaitTimeSeconds"], request["MaxNumberOfMessages"]) == (20, 10)
        if self.fails:
            self.stop.set()
            raise OSError
        if not self.batches:
            self.stop.set()
            return {}
        return {"Messages": self.batches.pop(0)}

    def delete_message(self, **request: Any) -> None:
        self.deleted.append(request["ReceiptHandle"])


def message(name: str, body: str = "{}") -> dict[str, Any]:
    return {"MessageId": name, "ReceiptHandle": f"handle-{name}", "Body": body, "MD5OfBody": "m"}


def poll(queue: Queue, invoke: Callable[[Any], Any], *, batched: bool = True) -> None:
    poller = Poller(queue, Source("runs", "http://queue", batched=batched), invoke, queue.stop)
    poller.run()
    poller.close()


def test_messages_come_to_the_function_as_lambda_gives_them() -> None:
    events: list[Any] = []
    attributes = {"kind": {"StringValue": "x", "DataType": "String"}}
    queue = Queue([{**message("a"), "Attributes": {"MessageGroupId": "g"}, "MessageAttributes": attributes}])

    poll(queue, events.append)

    assert events == [
        {
            "Records": [
                {
                    "messageId": "a",
                    "receiptHandle": "handle-a",
                    "body": "{}",
                    "attributes": {"MessageGroupId": "g"},
                    "messageAttributes": {
                        "kind": {
                            "stringValue": "x",
                            "stringListValues": [],
                            "binaryListValues": [],
                            "dataType": "String",
                        }
                    },
                    "md5OfBody": "m",
                    "eventSource": "aws:sqs",
                    "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:runs",
                    "awsRegion": "us-east-1",
                }
            ]
        }
    ]


def test_only_what_the_function_has_done_is_deleted() -> None:
    queue = Queue([message("a"), message("b"), message("c")])

    poll(queue, lambda _: {"batchItemFailures": [{"itemIdentifier": "b"}]})

    assert queue.deleted == ["handle-a", "handle-c"]


def test_what_a_crash_leaves_comes_back_and_the_next_batch_is_taken(capsys: Any) -> None:
    queue = Queue([message("a")], [message("b")])

    def crash_first(event: Any) -> None:
        if event["Records"][0]["messageId"] == "a":
            raise ValueError("secret")

    poll(queue, crash_first)

    assert queue.deleted == ["handle-b"]
    assert "secret" not in capsys.readouterr().out


def test_a_message_can_be_an_event_of_its_own() -> None:
    events: list[Any] = []
    queue = Queue([message("a", json.dumps({"source": "aws.s3"}))])

    poll(queue, events.append, batched=False)

    assert (events, queue.deleted) == ([{"source": "aws.s3"}], ["handle-a"])


def test_an_engine_that_is_gone_at_the_end_is_nothing_to_tell(capsys: Any) -> None:
    poll(Queue(fails=True), lambda _: None)

    assert capsys.readouterr().out == ""

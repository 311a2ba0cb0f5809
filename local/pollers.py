"""Plays the event sources of the events function: takes messages, calls the function, deletes what is done.

Waiting for messages is one open call at a time for each queue, twenty seconds long.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from local.resources import queue_arn
from promptside.log import log_failure

JsonObject = dict[str, Any]
Invoke = Callable[[Any], Any]

_WAIT_SECONDS = 20
_BATCH = 10
_PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Source:
    """A queue by name and URL. Its messages are `batched` into one SQS event, or each is an event of its own."""

    name: str
    url: str
    batched: bool = True
    side_by_side: int = 2


class Poller:
    """One queue. `client` is an SQS client whose calls may take longer than the wait."""

    def __init__(self, client: Any, source: Source, invoke: Invoke, stop: threading.Event) -> None:
        self._client = client
        self._stop = stop
        self._source = source
        self._invoke = invoke
        self._free = threading.Semaphore(source.side_by_side)
        self._workers = ThreadPoolExecutor(source.side_by_side, thread_name_prefix=source.name)

    def run(self) -> None:
        """Poll until the end of the local run."""
        while not self._stop.is_set():
            self._free.acquire()
            handed_over = False
            try:
                messages = self._receive()
                if messages:
                    self._workers.submit(self._work, messages)
                    handed_over = True
            except Exception as error:  # the edge: the engine may be on its way out, or not there yet
                if not self._stop.wait(_PAUSE_SECONDS):
                    log_failure("poll_failed", error, queue=self._source.name)
            finally:
                if not handed_over:
                    self._free.release()

    def close(self) -> None:
        """Wait for what has been taken."""
        self._workers.shutdown()

    def _receive(self) -> list[JsonObject]:
        answer = self._client.receive_message(
            QueueUrl=self._source.url,
            MaxNumberOfMessages=_BATCH,
            WaitTimeSeconds=_WAIT_SECONDS,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages: list[JsonObject] = answer.get("Messages", [])
        return messages

    def _work(self, messages: list[JsonObject]) -> None:
        try:
            for done in self._done(messages):
                self._client.delete_message(QueueUrl=self._source.url, ReceiptHandle=done["ReceiptHandle"])
        except Exception as error:  # the edge: as with Lambda, what a function could not do comes back later
            if not self._stop.is_set():
                log_failure("source_failed", error, queue=self._source.name)
        finally:
            self._free.release()

    def _done(self, messages: list[JsonObject]) -> list[JsonObject]:
        if not self._source.batched:
            for message in messages:
                self._invoke(json.loads(message["Body"]))
            return messages
        arn = queue_arn(self._source.name)
        answer = self._invoke({"Records": [_record(message, arn) for message in messages]}) or {}
        failed = {failure["itemIdentifier"] for failure in answer.get("batchItemFailures", ())}
        return [message for message in messages if message["MessageId"] not in failed]


def _record(message: JsonObject, arn: str) -> JsonObject:
    """Return a message in the form that Lambda gives it.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html (2026-11-23)
    """
    attributes = {
        name: {
            "stringValue": value.get("StringValue"),
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": value["DataType"],
        }
        for name, value in message.get("MessageAttributes", {}).items()
    }
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": attributes,
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": "us-east-1",
    }

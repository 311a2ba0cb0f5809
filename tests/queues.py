"""SQS queues on an engine, and the part of Lambda that takes messages from one to a function."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.engines import REGION, Engine

Handler = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass
class Queue:
    """A queue of its own; `fifo` ones need a group for each message."""

    engine: Engine
    fifo: bool = False
    name: str = ""
    visibility_seconds: int = 0
    attributes: dict[str, str] = field(default_factory=dict)
    url: str = ""

    def __post_init__(self) -> None:
        """Create the queue."""
        self.name = (self.name or f"q-{secrets.token_hex(4)}") + (".fifo" if self.fifo else "")
        own = {"VisibilityTimeout": str(self.visibility_seconds or 30), **self.attributes}
        if self.fifo:
            own |= {"FifoQueue": "true"}
        self.url = self.client.create_queue(QueueName=self.name, Attributes=own)["QueueUrl"]

    @property
    def client(self) -> Any:
        """The SQS client of the tests."""
        return self.engine.client("sqs")

    @property
    def arn(self) -> str:
        """The queue's ARN."""
        account = self.url.split("/")[-2]
        return f"arn:aws:sqs:{REGION}:{account}:{self.name}"

    def send(self, body: Any, **options: Any) -> str:
        """Send a text, or a value as JSON, and return the message's id."""
        text = body if isinstance(body, str) else json.dumps(body)
        sent: str = self.client.send_message(QueueUrl=self.url, MessageBody=text, **options)["MessageId"]
        return sent

    def receive(self, most: int = 10) -> list[dict[str, Any]]:
        """Return what can be received now, in the API's form."""
        answer = self.client.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=most, AttributeNames=["All"], MessageAttributeNames=["All"]
        )
        received: list[dict[str, Any]] = answer.get("Messages", [])
        return received

    def delete(self, receipt: str) -> None:
        """Acknowledge a message."""
        self.client.delete_message(QueueUrl=self.url, ReceiptHandle=receipt)

    def left(self) -> tuple[int, int]:
        """Return how many messages can be received, and how many are out or delayed."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return int(found[names[0]]), int(found[names[1]])

    def event(self, received: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the event that Lambda makes of messages."""
        return {"Records": [self._record(message) for message in received]}

    def poll(self, handler: Handler, most: int = 10) -> list[str]:
        """Do what an event source mapping does once: receive, invoke, delete what did not fail. Return what failed."""
        received = self.receive(most)
        if not received:
            return []
        answer = handler(self.event(received))
        failed = [item["itemIdentifier"] for item in answer["batchItemFailures"]]
        for message in received:
            if message["MessageId"] not in failed:
                self.delete(message["ReceiptHandle"])
        return failed

    def _record(self, message: dict[str, Any]) -> dict[str, Any]:
        attributes = {
            name: {
                "stringValue": value.get("StringValue"),
                "dataType": value["DataType"],
                "stringListValues": [],
                "binaryListValues": [],
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
            "eventSourceARN": self.arn,
            "awsRegion": REGION,
        }

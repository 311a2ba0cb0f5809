"""A message of a queue, as Lambda hands it over, and the order in it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from promptside.errors import JsonObject
from promptside.events.base import Order
from promptside.events.envelope import envelope_of, invoked_with, order_of, parse_envelope

KEY_ATTRIBUTE = "promptside_key"
"""The message attribute with the key of a run whose answer is kept, on a message that comes back from a dead-letter
queue under another id."""


@dataclass(frozen=True, slots=True)
class Message:
    """One record of an SQS event.

    `receives` counts this delivery too, `sent_at` is in unix seconds; `group` and `deduplication` are those of a FIFO
    queue. `attributes` are the sender's, in Lambda's form: `{"name": {"stringValue": ..., "dataType": "String"}}`.
    """

    id: str
    receipt: str = field(repr=False)
    body: str = field(repr=False)
    queue_arn: str = ""
    receives: int = 1
    group: str | None = None
    deduplication: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict, repr=False)
    sent_at: float | None = None

    @classmethod
    def of_record(cls, record: JsonObject) -> Message:
        """Read `{"messageId", "receiptHandle", "body", "attributes", "messageAttributes", "eventSourceARN"}`."""
        system = record.get("attributes") or {}
        sent = system.get("SentTimestamp")
        return cls(
            id=record["messageId"],
            receipt=record.get("receiptHandle", ""),
            body=record.get("body") or "",
            queue_arn=record.get("eventSourceARN", ""),
            receives=int(system.get("ApproximateReceiveCount", "1")),
            group=system.get("MessageGroupId"),
            deduplication=system.get("MessageDeduplicationId"),
            attributes=record.get("messageAttributes") or {},
            sent_at=int(sent) / 1000 if sent is not None else None,
        )

    @property
    def queue(self) -> tuple[str, str]:
        """The account and the name of the queue."""
        parts = self.queue_arn.split(":")
        return (parts[4], parts[5]) if len(parts) == 6 else ("", self.queue_arn)

    @property
    def key(self) -> str:
        """The idempotency key of what the message asks for: the same for every delivery.

        The sender's own deduplication id makes two messages of a group one run, also when they are more than five
        minutes apart. In another group it is another message: the stack's queue tells them apart by group. One that
        SQS has made of the body makes nothing one run: the same order may well be given twice.
        """
        kept = self.attributes.get(KEY_ATTRIBUTE) or {}
        if isinstance(kept.get("stringValue"), str):
            return str(kept["stringValue"])
        if self.deduplication is None or self.deduplication == hashlib.sha256(self.body.encode()).hexdigest():
            return f"sqs:{self.id}"
        # Together, group and id may be longer than a key.
        told_apart = hashlib.sha256(f"{self.group}\n{self.deduplication}".encode()).hexdigest()
        return ":".join(("sqs", *self.queue, told_apart))

    def event(self) -> tuple[JsonObject, str | None]:
        """Return what is in the body, and the key that it brings. Raises InvalidRequest or PayloadTooLarge."""
        event, key = invoked_with(parse_envelope(self.body))
        return event, None if KEY_ATTRIBUTE in self.attributes else key

    def order(self) -> Order:
        """Return what the message asks for. Raises InvalidRequest or PayloadTooLarge."""
        return self.order_of(*self.event())

    def order_of(self, event: JsonObject, key: str | None) -> Order:
        """Return what the message's own event asks for. Raises InvalidRequest."""
        envelope, own = envelope_of(event)
        if KEY_ATTRIBUTE in self.attributes:
            own = None
        return order_of(envelope, key=own or key or self.key, source="sqs")

"""What is said to SQS about a message: when it shall come back, or that it goes to the dead-letter queue, and why."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from promptside.events.messages import KEY_ATTRIBUTE, Message
from promptside.events.services import EventServices
from promptside.log import log_event

LONGEST_DELAY_SECONDS = 42_000
"""SQS allows twelve hours from when a message was received, and a function has had up to a quarter of one."""
_MOST_ATTRIBUTES = 10
_LONGEST_TEXT = 1000


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a message is given up. `kept_key` is the key of a run whose answer is kept, or may yet be."""

    status: int
    code: str
    message: str
    run_id: str | None = None
    trace_id: str | None = None
    kept_key: str | None = None


class Mailbox:
    """Speaks to SQS for one batch of messages. What SQS does not take is logged: the message then comes back."""

    def __init__(self, events: EventServices) -> None:
        self._events = events

    def delay(self, message: Message, seconds: float) -> None:
        """Let a message come back after so many seconds; when that cannot be said, it does as the queue is set."""
        timeout = min(max(0, math.ceil(seconds)), LONGEST_DELAY_SECONDS)
        try:
            client = self._events.client("sqs")
            client.change_message_visibility(
                QueueUrl=self._url(client, message), ReceiptHandle=message.receipt, VisibilityTimeout=timeout
            )
        except (ClientError, BotoCoreError) as error:
            log_event("visibility_not_changed", message_id=message.id, error_type=type(error).__name__)

    def bury(self, message: Message, reason: Reason) -> bool:
        """Send a message with its body unchanged to the dead-letter queue. False: it is not there."""
        url = self._events.settings.dead_letter_queue_url
        if url is None:
            return False
        order = {}
        if message.queue_arn.endswith(".fifo"):
            url = f"{url.removesuffix('.fifo')}.fifo"
            order = {"MessageGroupId": message.group, "MessageDeduplicationId": message.id}
        for attributes in _attribute_sets(message, reason):
            try:
                self._events.client("sqs").send_message(
                    QueueUrl=url, MessageBody=message.body, MessageAttributes=attributes, **order
                )
            except ClientError as error:
                # A body of the largest size leaves no room for attributes.
                if attributes and _too_large(error):
                    continue
                _log_unburied(message, reason, error)
                return False
            except BotoCoreError as error:
                _log_unburied(message, reason, error)
                return False
            log_event("message_buried", message_id=message.id, run_id=reason.run_id, code=reason.code)
            return True
        return False

    def _url(self, client: Any, message: Message) -> str:
        """Return the URL of a message's queue: that of the stack's own queue, but for account and name."""
        account, name = message.queue
        known = self._events.settings.queue_url
        if known is not None:
            return "/".join((known.rsplit("/", 2)[0], account, name))
        found: str = client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
        return found


def _attribute_sets(message: Message, reason: Reason) -> Iterator[dict[str, Any]]:
    """Yield the attributes of a buried message: all, the reason alone, none."""
    described = {
        "status": reason.status,
        "code": reason.code,
        "message": reason.message[:_LONGEST_TEXT],
        "message_id": message.id,
        "queue": message.queue_arn,
        "receives": message.receives,
        "run_id": reason.run_id,
        "trace_id": reason.trace_id,
    }
    text = json.dumps({name: value for name, value in described.items() if value is not None})
    own = {"promptside_reason": _text_attribute(text), "promptside_message_id": _text_attribute(message.id)}
    if reason.kept_key is not None:
        own[KEY_ATTRIBUTE] = _text_attribute(reason.kept_key)
    room = _MOST_ATTRIBUTES - len(own)
    theirs = {name: value for name, value in message.attributes.items() if not name.startswith("promptside_")}
    yield {**{name: _sent(value) for name, value in list(theirs.items())[:room]}, **own}
    yield own
    yield {"promptside_reason": _text_attribute(reason.code)}
    yield {}


def _text_attribute(text: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": text}


def _sent(value: Mapping[str, Any]) -> dict[str, Any]:
    """Turn an attribute from Lambda's form into that of SendMessage; binary ones are base64 in both."""
    kind = value.get("dataType", "String")
    if kind.startswith("Binary"):
        from base64 import b64decode

        return {"DataType": kind, "BinaryValue": b64decode(value.get("binaryValue") or "")}
    return {"DataType": kind, "StringValue": value.get("stringValue") or ""}


def _too_large(error: ClientError) -> bool:
    code = str(error.response.get("Error", {}).get("Code", ""))
    return "InvalidParameterValue" in code or "TooLong" in code or "TooLarge" in code


def _log_unburied(message: Message, reason: Reason, error: Exception) -> None:
    log_event("message_not_buried", message_id=message.id, code=reason.code, error_type=type(error).__name__)

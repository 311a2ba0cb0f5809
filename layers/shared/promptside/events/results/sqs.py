"""Sends a result to a queue. In a FIFO queue a repeated delivery within five minutes is dropped by SQS itself."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from promptside.events.results.documents import Result
from promptside.events.results.tries import Tries, call_aws

_GROUP = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")


def send_result(client: Any, result: Result, tries: Tries, *, queue_url: str, text: str) -> None:
    """Send `text`, the document or its reference. Raises DeliveryFailed.

    Message attributes: `run_id`, `status` and, if there is one, `correlation_id`.
    """
    order = result.order
    request: dict[str, Any] = {
        "QueueUrl": queue_url,
        "MessageBody": text,
        "MessageAttributes": {"run_id": _text(result.run_id), "status": _text(result.status)},
    }
    if order.correlation_id and order.correlation_id.isprintable():
        request["MessageAttributes"]["correlation_id"] = _text(order.correlation_id)
    if queue_url.endswith(".fifo"):
        request |= {"MessageGroupId": _group(result), "MessageDeduplicationId": result.message_id}
    call_aws("sqs", lambda: client.send_message(**request), tries)


def _group(result: Result) -> str:
    """Return the message group: what belongs together by its correlation id keeps its order."""
    name = result.order.correlation_id or result.run_id
    return name if _GROUP.fullmatch(name) else hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def _text(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}

"""Names of what the local stack has beside its tables, and how it comes to be there. Starting again is harmless."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Clients = Callable[[str], Any]
"""Gives the AWS client of a service: `sqs`, `events`, `s3`."""

BUCKET = "promptside"
BUS = "promptside"
RUNS = "promptside-runs"
ORDERED_RUNS = "promptside-runs.fifo"
DEAD_LETTERS = "promptside-dead-letters"
ORDERED_DEAD_LETTERS = "promptside-dead-letters.fifo"
RESULTS = "promptside-results"
INBOX = "promptside-inbox"
MAX_RECEIVE_COUNT = 5

_ACCOUNT = "000000000000"
_REGION = "us-east-1"
_DAY = 24 * 3600


@dataclass(frozen=True, slots=True)
class QueueUrls:
    """Where the queues are, for a store that answers on `store_url`."""

    store_url: str

    def of(self, name: str) -> str:
        """Return the URL of a queue."""
        return f"{self.store_url}/{_ACCOUNT}/{name}"


def create_resources(clients: Clients) -> None:
    """Create the queues, the bus with its rules, and the bucket, as template.yaml does."""
    sqs = clients("sqs")
    for name, attributes in _queues().items():
        sqs.create_queue(QueueName=name, Attributes=attributes)
    events = clients("events")
    if not any(bus["Name"] == BUS for bus in events.list_event_buses()["EventBuses"]):
        events.create_event_bus(Name=BUS)
    _rule(events, "requests", bus=BUS, pattern={"detail-type": ["Prompt Run Requested"]}, queue=RUNS)
    # On AWS nobody listens to the results until a rule says so; here they are to be seen.
    _rule(events, "results", bus=BUS, pattern={"source": ["promptside"]}, queue=RESULTS)
    dropped = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [BUCKET]}, "object": {"key": [{"prefix": "inbox/"}]}},
    }
    _rule(events, "inbox", bus="default", pattern=dropped, queue=INBOX)
    s3 = clients("s3")
    if not any(bucket["Name"] == BUCKET for bucket in s3.list_buckets()["Buckets"]):
        s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}})


def queue_arn(name: str) -> str:
    """Return the ARN of a queue."""
    return f"arn:aws:sqs:{_REGION}:{_ACCOUNT}:{name}"


def _queues() -> dict[str, dict[str, str]]:
    requests = {"VisibilityTimeout": "5400", "MessageRetentionPeriod": str(4 * _DAY)}
    kept = {"MessageRetentionPeriod": str(14 * _DAY)}
    return {
        DEAD_LETTERS: kept,
        ORDERED_DEAD_LETTERS: {**kept, "FifoQueue": "true"},
        RUNS: {**requests, **_redrive(DEAD_LETTERS)},
        ORDERED_RUNS: {
            **requests,
            **_redrive(ORDERED_DEAD_LETTERS),
            "FifoQueue": "true",
            "ContentBasedDeduplication": "true",
            "DeduplicationScope": "messageGroup",
            "FifoThroughputLimit": "perMessageGroupId",
        },
        INBOX: {"VisibilityTimeout": "60", **_redrive(DEAD_LETTERS)},
        RESULTS: {"VisibilityTimeout": "30", "MessageRetentionPeriod": "3600"},
    }


def _redrive(queue: str) -> dict[str, str]:
    policy = {"deadLetterTargetArn": queue_arn(queue), "maxReceiveCount": MAX_RECEIVE_COUNT}
    return {"RedrivePolicy": json.dumps(policy)}


def _rule(events: Any, name: str, *, bus: str, pattern: dict[str, Any], queue: str) -> None:
    events.put_rule(Name=f"promptside-{name}", EventBusName=bus, EventPattern=json.dumps(pattern))
    targets = [{"Id": "queue", "Arn": queue_arn(queue)}]
    events.put_targets(Rule=f"promptside-{name}", EventBusName=bus, Targets=targets)

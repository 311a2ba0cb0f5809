"""Runs that no caller waits for: from queues, EventBridge, S3, Step Functions, schedules and direct invokes.

    {"Records": [{"eventSource": "aws:sqs", ...}]}      a batch of messages: {"batchItemFailures": [...]}; each may be
                                                        an envelope or any event below but a step of a batch
    {"Records": [{"eventSource": "aws:s3", ...}]}       dropped objects: each becomes a batch of runs
    EventBridge "Object Created" of aws.s3              the same
    {"promptside": "run-chunk", ...}                    a step of a batch, for the state machine
    EventBridge "Step Functions Execution Status Change"  the end of a batch whose state machine was stopped
    {"detail-type": ..., "detail": {...}}               any other EventBridge event: its detail is the envelope
    {"prompt_id": ..., ...}                             an envelope: the completion, or an exception

No web framework is imported here, and what batches need only when there is one.
"""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING, Any

from promptside.config import Settings
from promptside.events.direct import RunError, answer_direct
from promptside.events.objects import dropped_objects, tells_of_objects
from promptside.events.queue import answer_batch, tells_of_messages
from promptside.log import log_event
from promptside.wiring import build_events

if TYPE_CHECKING:
    from promptside.batches.base import BatchServices

INBOX = "inbox/"
"""Where objects are dropped in the stack's own bucket."""
MARGIN_SECONDS = 5.0
"""What is kept of the function's time to say what became of everything."""

events = build_events(Settings.from_env())


def handler(event: Any, context: Any) -> Any:
    """Answer one event. Raises RunError, or what a batch's step raises; Lambda reports either by its class."""
    remaining: float = context.get_remaining_time_in_millis() / 1000
    deadline = time.monotonic() + max(remaining - MARGIN_SECONDS, remaining / 2)
    if not isinstance(event, dict):
        raise RunError("The event must be a JSON object; let a pipe send to the queue of runs instead")
    if tells_of_messages(event):
        return answer_batch(events, event, deadline=deadline, start_batches=_start_batches)
    if tells_of_objects(event):
        return _start_batches(event)
    if "promptside" in event or event.get("source") == "aws.states":
        from promptside.batches.steps import run_step

        return run_step(_batches(), event, deadline=deadline)
    return answer_direct(events, event, request_id=context.aws_request_id, deadline=deadline)


def _start_batches(event: dict[str, Any]) -> dict[str, Any]:
    """Start a batch for each object; what is told twice is one batch."""
    from promptside.batches.starting import start_batch_of_object

    started = []
    for dropped in dropped_objects(event):
        if dropped.bucket == events.settings.bucket and not dropped.key.startswith(INBOX):
            # What batches write themselves must never become one, however notifications are set up.
            log_event("object_ignored", bucket=dropped.bucket)
            continue
        record = start_batch_of_object(
            _batches(),
            bucket=dropped.bucket,
            key=dropped.key,
            event_id=dropped.sequencer,
            etag=dropped.etag,
            version=dropped.version,
        )
        if record is not None:
            started.append(record.batch_id)
    return {"batches": started}


@cache
def _batches() -> BatchServices:
    from promptside.batches.outside import batch_services

    return batch_services(events.services, events.client, records=events.records, sink=events.results)

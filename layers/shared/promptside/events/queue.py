"""A batch of messages from a queue: run side by side, in order within a group, and each answered for by itself.

Lambda deletes what is not in the answer's `batchItemFailures`.

    what became of it                                  what happens to the message
    a completion, delivered                            deleted
    an object that was dropped                         deleted, once its batch has begun
    a refusal that would be the same again             to the dead-letter queue with its reason, then deleted
    a refusal for now: a rate limit, no connection     comes back, after `retry-after` or a growing pause
    run elsewhere at this moment                       comes back when that claim has run out
    a completion that a target did not take            comes back as late as it says; replayed, not paid again
    a batch that could not be begun                    comes back
    no time left to begin                              comes back at once
    any of the last five, with no receive left         to the dead-letter queue with its reason, then deleted
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from promptside.errors import InternalError, JsonObject, PromptsideError
from promptside.events.base import DeliveryFailed, Order, Outcome
from promptside.events.fulfilling import fulfil, give_up
from promptside.events.mailbox import Mailbox, Reason
from promptside.events.messages import Message
from promptside.events.metrics import Tally
from promptside.events.objects import tells_of_objects
from promptside.events.running import in_progress
from promptside.events.services import EventServices
from promptside.log import log_failure

FIRST_PAUSE_SECONDS = 20.0
LONGEST_PAUSE_SECONDS = 900.0
LONGEST_DELIVERY_PAUSE_SECONDS = 3600.0
"""How long a target of results may put a message off: its answer is kept for a day, and after that it is paid again."""
KEPT_BY_QUEUE_SECONDS = 4 * 86400.0
"""How long the stack's queues keep a message; SQS then deletes it without a word."""
_LAST_CHANCE_SECONDS = 3600.0
"""How long before that a message must be there to be taken."""
_NO_TIME = Reason(504, "deadline_exceeded", "No time was left to begin the run, each time the message was received")
_BLOCKED = Reason(503, "group_blocked", "An earlier message of the group failed, each time this one was received")


@dataclass(frozen=True, slots=True)
class _Return:
    """A message that is not done: it comes back after `seconds`, or goes to the dead-letter queue for `reason`."""

    seconds: float
    reason: Reason
    outcome: Outcome | None = None


def tells_of_messages(event: JsonObject) -> bool:
    """Tell whether an event comes from a queue."""
    records = event.get("Records")
    first = records[0] if isinstance(records, list) and records else None
    return isinstance(first, dict) and first.get("eventSource") == "aws:sqs"


def answer_batch(
    events: EventServices,
    event: JsonObject,
    *,
    deadline: float,
    start_batches: Callable[[JsonObject], object] | None = None,
) -> JsonObject:
    """Run the messages of an SQS event and return `{"batchItemFailures": [{"itemIdentifier": message id}]}`.

    `deadline` is on `time.monotonic()`: when the function must answer. `start_batches` takes what S3 tells of dropped
    objects, which comes here from a queue of notifications, and from the dead-letter queue.
    """
    messages = [Message.of_record(record) for record in event["Records"]]
    batch = _Batch(events, Mailbox(events), deadline, start_batches)
    lanes = _lanes(messages)
    with ThreadPoolExecutor(min(len(lanes), events.settings.event_concurrency) or 1) as pool:
        failed = set[str]().union(*pool.map(batch.run_lane, lanes))
    batch.tally.flush()
    return {"batchItemFailures": [{"itemIdentifier": message.id} for message in messages if message.id in failed]}


def pause(receives: int, random: Callable[[], float]) -> float:
    """Return the seconds before a message comes back that has been received so often: up to 20, 40, 80, ... 900.

    Drawn from the upper half, so that messages that failed together do not come back together.
    """
    longest = min(FIRST_PAUSE_SECONDS * float(2 ** min(max(receives, 1) - 1, 16)), LONGEST_PAUSE_SECONDS)
    return longest * (0.5 + 0.5 * random())


def _lanes(messages: Iterable[Message]) -> list[list[Message]]:
    """Return what must run one after the other: the messages of each group; without one, each by itself."""
    lanes: dict[tuple[str, str], list[Message]] = {}
    for message in messages:
        fifo = message.queue_arn.endswith(".fifo") and message.group is not None
        lanes.setdefault(("group", message.group or "") if fifo else ("message", message.id), []).append(message)
    return list(lanes.values())


class _Batch:
    """One invocation's messages."""

    def __init__(
        self,
        events: EventServices,
        mailbox: Mailbox,
        deadline: float,
        start_batches: Callable[[JsonObject], object] | None,
    ) -> None:
        self._events = events
        self._start_batches = start_batches
        self._mailbox = mailbox
        self._deadline = deadline
        # A run that is cut is lost and perhaps paid: it begins only while a slow provider could still answer.
        self._least = min(events.settings.first_byte_seconds, (deadline - time.monotonic()) / 2)
        self.tally = Tally(workspace=events.settings.workspace, source="sqs")

    def run_lane(self, lane: Sequence[Message]) -> set[str]:
        """Run messages one after the other and return the ids of those that come back."""
        failed: set[str] = set()
        blocked: _Return | None = None
        for message in lane:
            returned = blocked or self._handle(message)
            if returned is None:
                continue
            if self._give_up(message, returned):
                continue
            self._mailbox.delay(message, returned.seconds)
            failed.add(message.id)
            # What comes later in a group must not overtake what comes back.
            blocked = _Return(returned.seconds, _BLOCKED)
        return failed

    def _handle(self, message: Message) -> _Return | None:
        """Run one message; None when nothing is left to do for it."""
        if self._deadline - time.monotonic() < self._least:
            return _Return(0.0, _NO_TIME)
        order: Order | None = None
        try:
            try:
                event, key = message.event()
                if self._start_batches is not None and tells_of_objects(event):
                    return self._begin(message, event, self._start_batches)
                order = message.order_of(event, key)
            except PromptsideError as error:
                return self._refuse(message, Reason(error.status, error.code or "failed", error.message))
            return self._fulfil(message, order)
        except Exception as error:  # the edge: one message must not take the others of its batch with it
            log_failure("message_crashed", error, message_id=message.id)
            crash = Reason(500, "internal_error", InternalError().message)
            if order is not None:
                crash = replace(crash, run_id=order.run_id, kept_key=order.key)
            return _Return(self._pause(message), crash)

    def _begin(self, message: Message, event: JsonObject, start: Callable[[JsonObject], object]) -> _Return | None:
        try:
            start(event)
        except PromptsideError as error:
            return _Return(self._pause(message), Reason(error.status, error.code or "failed", error.message))
        return None

    def _fulfil(self, message: Message, order: Order) -> _Return | None:
        try:
            outcome = fulfil(self._events, order, deadline=self._deadline)
        except DeliveryFailed as error:
            self.tally.undelivered()
            reason = Reason(error.status, error.code or "", error.message, order.run_id, kept_key=order.key)
            if error.final:
                return self._refuse(message, reason)
            wanted = min(error.retry_after or 0.0, LONGEST_DELIVERY_PAUSE_SECONDS)
            return _Return(self._not_before(wanted, message), reason)
        self.tally.add(outcome, age=None if message.sent_at is None else outcome.ended_at - message.sent_at)
        if outcome.succeeded:
            return None
        reason = _reason(outcome)
        if not outcome.retryable:
            return self._refuse(message, reason)
        return _Return(self._seconds(message, outcome), reason, outcome)

    def _refuse(self, message: Message, reason: Reason) -> _Return | None:
        """Send a message to the dead-letter queue at once. Without one SQS's own redrive takes it in the end."""
        return None if self._mailbox.bury(message, reason) else _Return(self._pause(message), reason)

    def _give_up(self, message: Message, returned: _Return) -> bool:
        """Send a message that will not be received again to the dead-letter queue. False: it has to come back."""
        if not self._is_last(message, returned.seconds) or not self._mailbox.bury(message, returned.reason):
            return False
        if returned.outcome is not None:
            give_up(self._events, returned.outcome, deadline=self._deadline)
        return True

    def _is_last(self, message: Message, seconds: float) -> bool:
        """Tell whether a message that comes back after `seconds` would not be received again."""
        if message.receives >= self._events.settings.max_receive_count:
            return True
        if message.sent_at is None:
            return False
        age = self._events.services.clock() - message.sent_at
        return age + seconds > KEPT_BY_QUEUE_SECONDS - _LAST_CHANCE_SECONDS

    def _seconds(self, message: Message, outcome: Outcome) -> float:
        if in_progress(outcome) and outcome.retry_after is not None:
            return outcome.retry_after
        return self._not_before(outcome.retry_after or 0.0, message)

    def _not_before(self, seconds: float, message: Message) -> float:
        """Return when to come back: not before the other side wants it, and not all at the same moment."""
        return max(seconds * (1 + 0.1 * self._events.random()), self._pause(message))

    def _pause(self, message: Message) -> float:
        return pause(message.receives, self._events.random)


def _reason(outcome: Outcome) -> Reason:
    error = outcome.body.get("error", {})
    # A run that somebody else is making leaves its answer under this key; any other may be made anew by hand.
    return Reason(
        outcome.status,
        error.get("code") or "failed",
        error.get("message") or "",
        outcome.order.run_id,
        trace_id=outcome.headers.get("x-portkey-trace-id"),
        kept_key=outcome.order.key if in_progress(outcome) else None,
    )

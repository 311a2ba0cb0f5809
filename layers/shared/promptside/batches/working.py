"""Runs one line until it has ended, within the time and the patience that an invocation has."""

from __future__ import annotations

from dataclasses import replace

from promptside.attempts.paid import BUSY
from promptside.batches.base import BatchServices
from promptside.batches.entries import Entry, ended_entry, stopped_entry
from promptside.batches.stopping import Gate, Watch
from promptside.events.base import DeliveryFailed, Order, Outcome
from promptside.log import log_event, log_failure
from promptside.schema.batch import BatchRecord

RESERVE_SECONDS = 300.0
"""With less time than this, or half of what there was, no line begins: a run that our own deadline cuts may be paid."""
PATIENCE_SECONDS = 60.0
"""How long one line waits in one invocation, all its pauses together; the state machine waits for less money."""
LONGEST_PAUSE_SECONDS = 20.0


class Worker:
    """Runs the lines of one chunk in several threads. `deadline` is on `time.monotonic()`.

    `begun` says that there was an invocation before. On the `last_try` a failure that another try might mend is the
    result.
    """

    def __init__(
        self, services: BatchServices, record: BatchRecord, *, deadline: float, begun: bool, last_try: bool
    ) -> None:
        self._services = services
        self._watch = Watch(services, record)
        self._gate = Gate()
        self._deadline = deadline
        self._begun = begun
        self._last_try = last_try
        seconds = deadline - services.runs.monotonic()
        self._last_begin = deadline - min(RESERVE_SECONDS, seconds / 2)

    def run(self, order: Order) -> Entry | None:
        """Return what came of a line, or None when it is left for another invocation."""
        waited, tries = 0.0, 0
        while True:
            if (reason := self._watch.reason()) is not None:
                return self._stopped(order, reason)
            pause = self._gate.seconds(self._now())
            if pause == 0:
                if self._now() > self._last_begin:
                    return None
                outcome = self._services.run(order, deadline=self._deadline)
                tries += 1
                if not outcome.retryable:
                    return self._delivered(outcome)
                pause = self._pause(outcome, tries)
            if waited + pause > PATIENCE_SECONDS or self._now() + pause > self._last_begin:
                return self._given_up(outcome) if self._last_try and tries else None
            waited += pause
            self._services.runs.sleep(pause)

    def _stopped(self, order: Order, reason: str) -> Entry | None:
        # What an invocation that died has run is read back under its key: it is paid for.
        if not self._begun or not self._services.has_ended(order):
            return stopped_entry(order, reason)
        outcome = self._services.run(order, deadline=self._deadline)
        return None if outcome.retryable else self._delivered(outcome)

    def _given_up(self, outcome: Outcome) -> Entry | None:
        self._services.give_up(outcome)
        return self._delivered(replace(outcome, retryable=False))

    def _pause(self, outcome: Outcome, tries: int) -> float:
        """Return the seconds until the next try: those that were asked for, or ever more, by chance."""
        doubled = min(2.0 ** (tries - 1), LONGEST_PAUSE_SECONDS) * (0.5 + self._services.runs.random() / 2)
        seconds = max(outcome.retry_after or 0.0, doubled)
        if outcome.status in BUSY and outcome.retry_after:
            self._gate.close_until(self._now() + outcome.retry_after)
        return seconds

    def _delivered(self, outcome: Outcome) -> Entry | None:
        if not outcome.order.results or self._services.sink is None:
            return ended_entry(outcome)
        try:
            self._services.sink.deliver(outcome, deadline=self._deadline)
        except DeliveryFailed as error:
            log_event("result_not_delivered", run_id=outcome.order.run_id, code=error.code)
            # The next invocation replays the answer and delivers it again.
            return ended_entry(outcome, undelivered=error) if error.final or self._last_try else None
        except Exception as error:  # the edge: one line must not take the others of its chunk with it
            log_failure("delivery_crashed", error, run_id=outcome.order.run_id)
            return ended_entry(outcome, undelivered=DeliveryFailed("The result could not be delivered"))
        return ended_entry(outcome)

    def _now(self) -> float:
        return self._services.runs.monotonic()

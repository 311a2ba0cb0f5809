"""From an order to a result in its place: record that it began, run it, record what came of it, deliver."""

from __future__ import annotations

import time
from dataclasses import replace

from promptside.events.base import DeliveryFailed, Order, Outcome
from promptside.events.running import in_progress, run_order
from promptside.events.services import EventServices
from promptside.log import log_event

LONGEST_DELIVERY_SECONDS = 15.0
"""What is kept of the function's time to record and deliver what a run has given."""


def fulfil(events: EventServices, order: Order, *, deadline: float) -> Outcome:
    """Run an order and deliver what came of it, unless another try may do better.

    `deadline` is on `time.monotonic()`. Raises DeliveryFailed when the run is over but a target has not got its result.
    """
    kept = min(LONGEST_DELIVERY_SECONDS, (deadline - time.monotonic()) / 4)
    events.records.start(order, now=events.services.clock())
    outcome = run_order(events.services, order, deadline=deadline - kept)
    if in_progress(outcome):
        # The delivery that runs it writes the record and brings the result.
        return outcome
    events.records.end(outcome)
    if not outcome.retryable:
        events.results.deliver(outcome, deadline=deadline)
    return outcome


def give_up(events: EventServices, outcome: Outcome, *, deadline: float) -> None:
    """Record and announce that a run which might have been tried again will not be."""
    if not outcome.retryable or in_progress(outcome):
        return
    failed = replace(outcome, retryable=False)
    events.records.end(failed)
    try:
        events.results.deliver(failed, deadline=deadline)
    except DeliveryFailed as error:
        log_event("result_not_delivered", run_id=outcome.order.run_id, code=error.code)

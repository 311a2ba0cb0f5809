"""Writes run records. Whatever the table says, the run goes on: it may be paid for already."""

from __future__ import annotations

from collections.abc import Callable

from promptside.config import Settings
from promptside.errors import JsonObject, PromptsideError
from promptside.events.base import Order, Outcome
from promptside.events.results.targets import described, targets_of
from promptside.events.summaries import begun_of, ended_of, status_of
from promptside.log import log_event
from promptside.store.runs import RunStore


class StoredRunRecords:
    """Implements `RunRecords` over the run table."""

    def __init__(self, runs: RunStore, settings: Settings) -> None:
        self._runs = runs
        self._settings = settings

    def start(self, order: Order, *, now: float) -> None:
        """Note that the run has begun; an ended run stays as it is."""
        self._try("start", order, lambda: self._runs.start(order.run_id, self._begun(order), now=now))

    def end(self, outcome: Outcome) -> None:
        """Note what came of it, or that another delivery follows."""
        order, ended, now = outcome.order, ended_of(outcome), outcome.ended_at

        def write() -> None:
            begun = self._begun(order)
            if outcome.retryable:
                self._runs.wait(order.run_id, begun, ended, now=now)
                return
            status = status_of(outcome)
            self._runs.end(order.run_id, begun, ended, outcome=status, now=now, anew=not outcome.replayed)

        self._try("end", order, write)

    def _begun(self, order: Order) -> JsonObject:
        targets = targets_of(order, self._settings)
        return {**begun_of(order), "results": [described(target, order, self._settings) for target in targets]}

    def _try(self, step: str, order: Order, write: Callable[[], None]) -> None:
        try:
            write()
        except PromptsideError as error:
            log_event("run_not_recorded", step=step, run_id=order.run_id, code=error.code)

"""Tells the workers of a chunk when to stop, and when to wait."""

from __future__ import annotations

import threading

from promptside.batches.base import BatchServices
from promptside.batches.entries import CANCELLED, EXPIRED
from promptside.errors import PromptsideError
from promptside.log import log_event
from promptside.schema.batch import BatchRecord

_FRESH_SECONDS = 2.0
"""How long the status of a batch is believed without asking again."""


class Watch:
    """Whether a batch was cancelled or its time is over; asks the table every two seconds at most."""

    def __init__(self, services: BatchServices, record: BatchRecord) -> None:
        self._services = services
        self._record = record
        self._read_at = services.runs.monotonic()
        self._lock = threading.Lock()

    def reason(self) -> str | None:
        """Return the code of the error of lines that are not run any more, None while lines are run."""
        with self._lock:
            self._refresh()
            # While it is joined nobody waits for this worker any more: its execution was stopped.
            if self._record.status in ("cancelling", "finalizing") or self._record.ended:
                return CANCELLED
            return EXPIRED if self._services.runs.clock() >= self._record.window_ends_at else None

    def _refresh(self) -> None:
        now = self._services.runs.monotonic()
        if now - self._read_at < _FRESH_SECONDS:
            return
        self._read_at = now
        try:
            self._record = self._services.batches.get(self._record.batch_id)
        except PromptsideError as error:
            # What was known last is good enough until the table answers again.
            log_event("batch_not_read", batch_id=self._record.batch_id, code=error.code)


class Gate:
    """Keeps all workers of a chunk back for as long as a provider has asked one of them to wait."""

    def __init__(self) -> None:
        self._opens_at = 0.0
        self._lock = threading.Lock()

    def close_until(self, moment: float) -> None:
        """Let nobody through before `moment`."""
        with self._lock:
            self._opens_at = max(self._opens_at, moment)

    def seconds(self, now: float) -> float:
        """Return how long to wait."""
        with self._lock:
            return max(0.0, self._opens_at - now)

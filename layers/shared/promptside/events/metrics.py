"""What CloudWatch is told about event-driven runs, in its embedded metric format: one line an invoke.

Promptside, by workspace and source
    RunsCompleted RunsFailed RunsReplayed RunsDelayed ResultsUndelivered   counts
    RunSeconds                                                            how long runs took
    AgeSeconds                                                            how old messages were at the end of theirs
"""

from __future__ import annotations

import threading
from collections import Counter

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from promptside.events.base import Outcome

NAMESPACE = "Promptside"
_MOST_VALUES = 99
"""CloudWatch takes a hundred values of one metric in a line, and with the hundredth Powertools ends the line."""


class Tally:
    """Counts what becomes of the runs of one invoke; threads may share it. `source` is what brought them."""

    def __init__(self, *, workspace: str, source: str) -> None:
        self._workspace = workspace
        self._source = source
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._seconds: list[float] = []
        self._ages: list[float] = []

    def add(self, outcome: Outcome, *, age: float | None = None) -> None:
        """Count a run by what came of it; `age` is in seconds since its message was sent."""
        with self._lock:
            self._counts[_name(outcome)] += 1
            if not outcome.replayed:
                self._seconds.append(outcome.ended_at - outcome.started_at)
            if age is not None and not outcome.retryable:
                self._ages.append(max(age, 0.0))

    def undelivered(self) -> None:
        """Count a result that its target did not take."""
        with self._lock:
            self._counts["ResultsUndelivered"] += 1

    def flush(self) -> None:
        """Write the line, if there is anything to tell."""
        if not self._counts:
            return
        metrics = EphemeralMetrics(namespace=NAMESPACE, service="events")
        metrics.add_dimension(name="workspace", value=self._workspace)
        metrics.add_dimension(name="source", value=self._source)
        for name, count in sorted(self._counts.items()):
            metrics.add_metric(name=name, unit=MetricUnit.Count, value=count)
        for name, values in (("RunSeconds", self._seconds), ("AgeSeconds", self._ages)):
            for value in values[:_MOST_VALUES]:
                metrics.add_metric(name=name, unit=MetricUnit.Seconds, value=round(value, 3))
        metrics.flush_metrics()


def _name(outcome: Outcome) -> str:
    if outcome.replayed:
        return "RunsReplayed"
    if outcome.succeeded:
        return "RunsCompleted"
    return "RunsDelayed" if outcome.retryable else "RunsFailed"

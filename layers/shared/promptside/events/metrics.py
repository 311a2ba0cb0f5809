"""What CloudWatch is told about event-driven runs, in its embedded metric format: one line a batch."""

from __future__ import annotations

import threading
from collections import Counter

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from promptside.events.base import Outcome

NAMESPACE = "Promptside"


class Tally:
    """Counts what becomes of the runs of one invocation; threads may share it."""

    def __init__(self, workspace: str) -> None:
        self._workspace = workspace
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._seconds: list[float] = []

    def add(self, outcome: Outcome) -> None:
        """Count a run by what came of it."""
        if outcome.replayed:
            name = "RunsReplayed"
        elif outcome.succeeded:
            name = "RunsCompleted"
        else:
            name = "RunsDelayed" if outcome.retryable else "RunsFailed"
        with self._lock:
            self._counts[name] += 1
            if not outcome.replayed:
                self._seconds.append(outcome.ended_at - outcome.started_at)

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
        for name, count in sorted(self._counts.items()):
            metrics.add_metric(name=name, unit=MetricUnit.Count, value=count)
        for seconds in self._seconds[:100]:
            metrics.add_metric(name="RunSeconds", unit=MetricUnit.Seconds, value=round(seconds, 3))
        metrics.flush_metrics()

"""Tells the operator that a budget is nearly used up: a line in the log, and a metric to set an alarm on.

Promptside, by workspace and subject (`api_key`, `virtual_key`, `prompt`)
    BudgetAlerts   one for each window in which a budget's `alert_threshold` was reached
"""

from __future__ import annotations

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from promptside.log import log_event
from promptside.metering.refusal import Standing

_NAMESPACE = "Promptside"


def tell(standing: Standing, *, workspace: str) -> None:
    """Write the line and the metric."""
    subject, limit = standing.subject, standing.limit
    log_event(
        "budget_alert",
        subject=subject.kind,
        subject_name=subject.name,
        type=limit.type,
        used=limit.shown(standing.used),
        threshold=limit.shown(limit.alert_at or 0),
        limit=limit.shown(limit.most),
        span=limit.span,
    )
    metrics = EphemeralMetrics(namespace=_NAMESPACE, service="limits")
    metrics.add_dimension(name="workspace", value=workspace)
    metrics.add_dimension(name="subject", value=subject.kind)
    metrics.add_metric(name="BudgetAlerts", unit=MetricUnit.Count, value=1)
    metrics.flush_metrics()

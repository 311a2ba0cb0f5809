"""What a batch has come to, as JSON: the event's detail, the file beside the results, the answer of the last step."""

from __future__ import annotations

from promptside.batches.base import BatchServices
from promptside.errors import JsonObject
from promptside.schema.batch import BatchRecord, ResultFile


def summary(services: BatchServices, record: BatchRecord) -> JsonObject:
    """Return the summary of a batch; docs/events.md describes its fields. Times are unix seconds."""
    tally = record.tally
    cost: JsonObject = {"currency": "USD", "amount": tally.cost_nano_usd / 1e9, "unpriced_runs": tally.unpriced}
    return {
        "batch_id": record.batch_id,
        "status": record.status,
        "input": {"bucket": record.input.bucket or services.objects.bucket, "key": record.input.key},
        "counts": {
            "total": record.total,
            "completed": tally.completed,
            "failed": tally.failed,
            "cancelled": tally.cancelled,
            "expired": tally.expired,
            "blank": record.blank,
        },
        "usage": {
            "prompt_tokens": tally.prompt_tokens,
            "completion_tokens": tally.completion_tokens,
            "total_tokens": tally.total_tokens,
        },
        "cost": cost,
        "output": _file(services, record.output),
        "errors": _file(services, record.errors),
        "problems": list(record.problems),
        "metadata": dict(record.metadata),
        "created_at": record.created_at,
        "ended_at": record.moments.get(record.status) if record.ended else None,
    }


def _file(services: BatchServices, file: ResultFile | None) -> JsonObject | None:
    return None if file is None else {"bucket": services.objects.bucket, "key": file.key, "bytes": file.size}

"""Starts batches, and asks them to stop."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from promptside.batches.base import BatchServices
from promptside.errors import ConfigurationError, Conflict, InvalidRequest, JsonObject, PromptsideError
from promptside.log import log_event
from promptside.schema.batch import BatchRecord, InputFile, Layout, Shape

LONGEST_WINDOW_HOURS = 24
"""Answers are kept for a day: a line that is repeated later would be paid for a second time."""
_BATCH_ID = re.compile(r"batch_[A-Za-z0-9]{1,64}")
_WINDOW = re.compile(r"([1-9][0-9]?)h")


def start_batch(
    services: BatchServices,
    *,
    input_file: InputFile,
    shape: Shape,
    endpoint: str = "",
    completion_window: str = "24h",
    defaults: JsonObject | None = None,
    metadata: Mapping[str, str] | None = None,
    details: JsonObject | None = None,
    key_digest: str | None = None,
    batch_id: str | None = None,
) -> BatchRecord:
    """Start a batch over an object; under a `batch_id` that exists, return the batch as it is.

    `endpoint` is the one `url` that the lines of shape `openai` may have. `defaults` are what lines leave out: fields
    of an envelope for `orders`, `{"headers": {...}}` for `openai`. `key_digest` is the SHA-256 of the API key on whose
    behalf the lines run. Raises InvalidRequest, StoreUnavailable, ConfigurationError.
    """
    now = int(services.runs.clock())
    record = BatchRecord(
        batch_id=_digest_id(services.runs.new_id()) if batch_id is None else _checked_id(batch_id),
        status="validating",
        shape=shape,
        input=input_file,
        created_at=now,
        window_ends_at=now + 3600 * window_hours(completion_window),
        endpoint=endpoint,
        completion_window=completion_window,
        key_digest=key_digest,
        defaults=dict(defaults or {}),
        metadata=dict(metadata or {}),
        details=dict(details or {}),
        moments={"validating": now},
    )
    if not services.batches.create(record):
        record = services.batches.get(record.batch_id)
    if record.status == "validating":
        _start(services, record, named=batch_id is not None)
    return record


def start_batch_of_object(
    services: BatchServices,
    *,
    bucket: str,
    key: str,
    event_id: str,
    etag: str | None = None,
    version: str | None = None,
) -> BatchRecord | None:
    """Start a batch over an object that was dropped as `inbox/<prompt>/<name>.jsonl` or `.csv`; None for any other.

    `event_id` tells this state of the object from others under the same key: the same one starts the same batch. The
    folder names the prompt of lines that name none: `welcome`, `welcome@production`.
    """
    layout = _layout(key)
    if layout is None:
        log_event("object_ignored", bucket=bucket)
        return None
    folders = key.split("/")[1:-1]
    record = start_batch(
        services,
        input_file=InputFile(key, bucket=bucket, layout=layout, etag=etag, version=version),
        shape="orders",
        defaults={"prompt_id": folders[0]} if folders else {},
        batch_id=_digest_id("\n".join([bucket, key, event_id])),
    )
    log_event("object_accepted", batch_id=record.batch_id, status=record.status)
    return record


def cancel_batch(services: BatchServices, batch_id: str) -> BatchRecord:
    """Ask a batch to stop: lines that have not begun end as errors, what has begun is finished.

    Raises NotFound, and Conflict for a batch that has ended.
    """
    cancelled = services.batches.move(batch_id, "cancelling", before={"validating", "in_progress"})
    if cancelled is not None:
        return cancelled
    record = services.batches.get(batch_id)
    if record.ended and record.status != "cancelled":
        raise Conflict(f"The batch cannot be cancelled: it is {record.status}", param="batch_id", code="batch_ended")
    return record


def window_hours(text: str) -> int:
    """Return the hours of a completion window such as `24h`. Raises InvalidRequest."""
    match = _WINDOW.fullmatch(text)
    if match is None or int(match[1]) > LONGEST_WINDOW_HOURS:
        raise InvalidRequest(
            f"'completion_window' must be '1h' to '{LONGEST_WINDOW_HOURS}h'",
            param="completion_window",
            code="invalid_completion_window",
        )
    return int(match[1])


def _start(services: BatchServices, record: BatchRecord, *, named: bool) -> None:
    """Start the state machine. Whoever has named the batch comes again with the same name; nobody else does."""
    try:
        services.start_execution(record.batch_id, {"batch_id": record.batch_id})
    except PromptsideError as error:
        log_event("batch_not_started", batch_id=record.batch_id, code=error.code)
        if not named or isinstance(error, ConfigurationError):
            problem = {"code": "batch_not_started", "message": error.message, "line": None, "param": None}
            services.batches.move(record.batch_id, "failed", before={"validating"}, problems=(problem,))
        raise


def _digest_id(text: str) -> str:
    return f"batch_{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _checked_id(batch_id: str) -> str:
    if not _BATCH_ID.fullmatch(batch_id):
        raise InvalidRequest("A batch id is 'batch_' with letters and digits", param="batch_id")
    return batch_id


def _layout(key: str) -> Layout | None:
    name = key.lower()
    if name.endswith((".jsonl", ".ndjson")):
        return "jsonl"
    return "csv" if name.endswith(".csv") else None

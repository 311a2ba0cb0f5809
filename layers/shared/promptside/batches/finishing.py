"""Ends a batch: joins the parts to one output and one errors file, and announces what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from promptside.batches.base import BatchServices, index_key, part_key, parts_prefix, result_key
from promptside.batches.chunks import Chunk, chunk_of, give_up_chunk
from promptside.batches.objects import ObjectGone, ObjectRange, Objects
from promptside.batches.parts import GIVEN_UP, JSON_LINES, parts_written
from promptside.batches.result_files import keep_result_files
from promptside.batches.summary import summary
from promptside.errors import JsonObject
from promptside.log import log_event
from promptside.schema.batch import BatchRecord, ResultFile, Status, Tally

COMPLETED = "Prompt Batch Completed"
FAILED = "Prompt Batch Failed"
_AHEAD = 4
"""Parts of which the beginnings are read at the same time."""
_RUNNING: frozenset[Status] = frozenset({"in_progress", "cancelling", "finalizing"})
_OPEN: frozenset[Status] = _RUNNING | {"validating"}


def finish_batch(services: BatchServices, batch_id: str, *, reopen: bool = False) -> JsonObject:
    """Join what the chunks have written, end the batch and announce it; doing it again gives the same.

    A chunk that nobody has finished gets an error for each of its lines, so that every line is accounted for. With
    `reopen`, a batch that was planned and has failed, because its results could not be joined, is joined after all.
    Returns the summary.
    """
    record = services.batches.move(batch_id, "finalizing", before=_RUNNING)
    if record is None and reopen:
        record = _reopened(services, batch_id)
    if record is not None:
        record = _joined(services, record)
    return _announced(services, record or services.batches.get(batch_id))


def fail_batch(services: BatchServices, batch_id: str, code: str, message: str) -> BatchRecord:
    """End a batch that cannot be run as a whole, and announce it. One that has ended stays as it is."""
    problem = {"code": code, "message": message, "line": None, "param": None}
    services.batches.move(batch_id, "failed", before=_OPEN, problems=(problem,))
    record = services.batches.get(batch_id)
    _announced(services, record)
    return record


def _reopened(services: BatchServices, batch_id: str) -> BatchRecord | None:
    if not services.batches.get(batch_id).chunks:
        return None
    return services.batches.move(batch_id, "finalizing", before={"failed"}, problems=(), announced=False)


def _joined(services: BatchServices, record: BatchRecord) -> BatchRecord:
    batch_id = record.batch_id
    chunks = [chunk_of(described) for described in json.loads(services.objects.get(index_key(batch_id)) or b"[]")]
    tally, stems = _complete(services, record, chunks)
    output = _file(services, record, stems, "output")
    errors = _file(services, record, stems, "errors")
    # The files come first: whoever reads that the batch has ended finds them.
    written = replace(record, output=output, errors=errors)
    keep_result_files(services.files, written, now=services.runs.clock(), days=services.runs.settings.record_days)
    ended = services.batches.move(
        batch_id, _end(record, tally), before={"finalizing"}, tally=tally, output=output, errors=errors
    )
    return ended or services.batches.get(batch_id)


def _end(record: BatchRecord, tally: Tally) -> Status:
    if "cancelling" in record.moments:
        return "cancelled"
    return "expired" if tally.expired else "completed"


def _complete(services: BatchServices, record: BatchRecord, chunks: list[Chunk]) -> tuple[Tally, dict[int, str]]:
    """See to it that every chunk has its parts, and return what they count for together, and how each one's begin."""
    counted = services.batches.counted(record.batch_id)
    written = set(services.objects.keys(parts_prefix(record.batch_id)))
    total, stems = Tally(), dict.fromkeys((chunk.number for chunk in chunks), "")
    for chunk in chunks:
        if part_key(record.batch_id, chunk.number, "output") not in written:
            stems[chunk.number] = GIVEN_UP
            total += give_up_chunk(services, record, chunk)
        elif chunk.number in counted:
            total += counted[chunk.number]
        else:
            total += parts_written(services, record.batch_id, chunk.number) or Tally()
    return total, stems


def _file(services: BatchServices, record: BatchRecord, stems: dict[int, str], kind: str) -> ResultFile | None:
    keys = [part_key(record.batch_id, number, f"{stem}{kind}") for number, stem in stems.items()]
    key = result_key(record.batch_id, f"{kind}.jsonl")
    size = services.objects.write(key, _contents(services, keys), JSON_LINES)
    return ResultFile(key, size) if size else None


def _contents(services: BatchServices, keys: list[str]) -> Iterator[bytes]:
    begin = partial(_begun, services.objects)
    with ThreadPoolExecutor(_AHEAD) as pool:
        for start in range(0, len(keys), _AHEAD):
            for first, others in pool.map(begin, keys[start : start + _AHEAD]):
                yield first
                yield from others


def _begun(objects: Objects, key: str) -> tuple[bytes, Iterator[bytes]]:
    """Return a part's first block, which most parts do not exceed, and the way to the others."""
    blocks = objects.read(ObjectRange(objects.bucket, key))
    try:
        return next(blocks, b""), blocks
    except ObjectGone:
        return b"", iter(())


def _announced(services: BatchServices, record: BatchRecord) -> JsonObject:
    found = summary(services, record)
    if not record.ended or record.announced:
        return found
    text = json.dumps(found).encode()
    services.objects.put(result_key(record.batch_id, "summary.json"), text, "application/json")
    # Whoever dies in between announces it twice: an event may always come twice.
    services.announce(FAILED if record.status == "failed" else COMPLETED, found)
    services.batches.mark_announced(record.batch_id)
    tally = record.tally
    log_event(
        "batch_ended",
        batch_id=record.batch_id,
        status=record.status,
        completed=tally.completed,
        failed=tally.failed,
        lines=record.total,
    )
    return found

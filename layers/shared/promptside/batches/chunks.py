"""Runs one chunk of a batch: its lines side by side, each until it has ended or this invocation's time is over.

Invoking a chunk again is harmless: lines that have ended are read back or replayed under their keys, and the chunk is
counted once.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from promptside.batches.base import BatchServices, ChunkUnfinished
from promptside.batches.entries import UNKNOWN, Entry, refused_entry, stopped_entry
from promptside.batches.inputs import input_range, input_records
from promptside.batches.objects import ObjectGone
from promptside.batches.parts import Checkpoint, parts_written, read_checkpoint, write_checkpoint, write_parts
from promptside.batches.requests import LineRefused, line_order
from promptside.batches.working import Worker
from promptside.errors import InvalidRequest, JsonObject
from promptside.events.base import Order
from promptside.log import log_event
from promptside.schema.batch import BatchRecord, Tally

MOST_BARREN_TRIES = 24
"""Invocations in a row in which no line succeeded, after which a line's last failure is its result."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes of the input: `lines` requests from line `first_line` on; those in `repeated` have a custom_id again."""

    number: int
    start: int
    end: int
    first_line: int
    lines: int
    repeated: frozenset[int] = frozenset()


def chunk_of(described: JsonObject) -> Chunk:
    """Return a chunk as the index describes it."""
    return Chunk(
        described["chunk"],
        described["start"],
        described["end"],
        described["first_line"],
        described["lines"],
        frozenset(described["repeated"]),
    )


def run_chunk(services: BatchServices, batch_id: str, chunk: Chunk, *, deadline: float) -> JsonObject:
    """Run the lines of a chunk that have not ended, and write its parts of the results.

    `deadline` is on `time.monotonic()`. Raises ChunkUnfinished when lines are left for another invocation.
    """
    record = services.batches.get(batch_id)
    if record.ended:
        return {"chunk": chunk.number}
    tally = parts_written(services, batch_id, chunk.number)
    if tally is None:
        tally = _run(services, record, chunk, deadline)
    counted = services.batches.count(batch_id, chunk.number, tally)
    log_event(
        "chunk_ended",
        batch_id=batch_id,
        chunk=chunk.number,
        completed=tally.completed,
        failed=tally.failed,
        counted=counted,
    )
    return {"chunk": chunk.number}


def give_up_chunk(services: BatchServices, record: BatchRecord, chunk: Chunk) -> Tally:
    """Write parts in place of a worker that has not: what is known of its chunk, and an error for every other line."""
    kept = read_checkpoint(services, record.batch_id, chunk.number) or Checkpoint()
    entries = {entry.number: entry for entry in kept.entries}
    read = _read(services, record, chunk)
    for order in read.orders:
        entries.setdefault(_number(order), stopped_entry(order, UNKNOWN))
    _add_refused(entries, read.refused, chunk)
    log_event("chunk_given_up", batch_id=record.batch_id, chunk=chunk.number)
    return write_parts(services, record.batch_id, chunk.number, list(entries.values()), given_up=True)


@dataclass(frozen=True, slots=True)
class _Read:
    """The lines of a chunk: those that can be run, and the entries of those that cannot."""

    orders: list[Order]
    refused: list[Entry]


def _run(services: BatchServices, record: BatchRecord, chunk: Chunk, deadline: float) -> Tally:
    kept = read_checkpoint(services, record.batch_id, chunk.number)
    before = kept or Checkpoint()
    if kept is None:
        # So that whoever comes next knows, even if this process is killed.
        write_checkpoint(services, record.batch_id, chunk.number, before)
    entries = {entry.number: entry for entry in before.entries}
    read = _read(services, record, chunk)
    waiting = [order for order in read.orders if _number(order) not in entries]
    last_try = before.barren_tries >= MOST_BARREN_TRIES
    worker = Worker(services, record, deadline=deadline, begun=kept is not None, last_try=last_try)
    ended = _side_by_side(worker.run, waiting, threads=services.runs.settings.event_concurrency)
    entries |= {entry.number: entry for entry in ended}
    left = sum(_number(order) not in entries for order in read.orders)
    if left:
        barren = 0 if any(entry.succeeded for entry in ended) else before.barren_tries + 1
        write_checkpoint(services, record.batch_id, chunk.number, Checkpoint(barren, list(entries.values())))
        raise ChunkUnfinished(f"{left} of {chunk.lines} lines have not ended")
    _add_refused(entries, read.refused, chunk)
    return write_parts(services, record.batch_id, chunk.number, list(entries.values()))


def _add_refused(entries: dict[int, Entry], refused: list[Entry], chunk: Chunk) -> None:
    """Add the lines that cannot be run. When the input is gone their numbers are a guess, and their count is not."""
    for entry in refused:
        if len(entries) < chunk.lines:
            entries.setdefault(entry.number, entry)


def _side_by_side(run: Callable[[Order], Entry | None], orders: list[Order], *, threads: int) -> list[Entry]:
    if not orders:
        return []
    with ThreadPoolExecutor(max_workers=min(threads, len(orders))) as pool:
        return [entry for entry in pool.map(run, orders) if entry is not None]


def _read(services: BatchServices, record: BatchRecord, chunk: Chunk) -> _Read:
    read = _Read([], [])
    wanted = input_range(services, record.input, start=chunk.start, end=chunk.end)
    try:
        blocks = list(services.objects.read(wanted))
    except ObjectGone:
        gone = InvalidRequest("The input is gone, or was replaced before this line was run", code="input_changed")
        numbers = range(chunk.first_line, chunk.first_line + chunk.lines)
        read.refused.extend(refused_entry(record.batch_id, number, None, gone) for number in numbers)
        return read
    for line in input_records(record.input, blocks, start=chunk.start, first_line=chunk.first_line):
        if line.blank:
            continue
        try:
            read.orders.append(line_order(record, line, repeated=line.number in chunk.repeated))
        except LineRefused as refused:
            read.refused.append(refused_entry(record.batch_id, line.number, refused.custom_id, refused.error))
    return read


def _number(order: Order) -> int:
    return order.line.number if order.line is not None else 0

"""Plans a batch: reads its input once, and writes down which bytes make which chunk."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Any

from promptside.batches.base import BatchServices, index_key
from promptside.batches.finishing import fail_batch
from promptside.batches.inputs import custom_id_of, input_range, input_records
from promptside.batches.lines import Record, csv_records, guess_delimiter
from promptside.batches.objects import ObjectGone
from promptside.errors import InvalidRequest, JsonObject
from promptside.log import log_event
from promptside.schema.batch import BatchRecord, InputFile, Shape

MOST_LINES: dict[Shape, int] = {"openai": 50_000, "orders": 500_000}
LARGEST_INPUT: dict[Shape, int] = {"openai": 200 * 1024 * 1024, "orders": 2 * 1024 * 1024 * 1024}
"""Bytes."""
_CHUNK_LINES = 20
_CHUNK_BYTES = 1024 * 1024
_MOST_CHUNKS = 2_500
_MOST_COLUMNS = 500
_LONGEST_HEADER = 64 * 1024


@dataclass
class _Scan:
    """What one pass over the input has found. `seen` holds 64-bit digests: half a million lines take 40 MB."""

    chunks: list[JsonObject] = field(default_factory=list)
    total: int = 0
    blank: int = 0
    seen: set[int] = field(default_factory=set)


def plan_batch(services: BatchServices, batch_id: str) -> JsonObject:
    """Read the input once and write the index of chunks; doing it again gives the same.

    Returns `{"batch_id", "status", "bucket", "index_key", "max_concurrency"}`. A batch that cannot be run at all fails.
    """
    record = services.batches.get(batch_id)
    if record.status in ("validating", "in_progress", "cancelling"):
        record = _planned(services, record)
    return {
        "batch_id": batch_id,
        "status": record.status,
        "bucket": services.objects.bucket,
        "index_key": index_key(batch_id),
        "max_concurrency": services.runs.settings.batch_concurrency,
    }


def _planned(services: BatchServices, record: BatchRecord) -> BatchRecord:
    try:
        file = _pinned(services, record)
        scan = _scan(services, replace(record, input=file))
    except ObjectGone:
        return fail_batch(services, record.batch_id, "input_changed", "The input is gone, or was replaced meanwhile")
    except InvalidRequest as refusal:
        return fail_batch(services, record.batch_id, str(refusal.code), refusal.message)
    services.objects.put(index_key(record.batch_id), json.dumps(scan.chunks).encode(), "application/json")
    known: dict[str, Any] = {"input": file, "total": scan.total, "blank": scan.blank, "chunks": len(scan.chunks)}
    moved = services.batches.move(record.batch_id, "in_progress", before={"validating", "in_progress"}, **known)
    moved = moved or services.batches.move(record.batch_id, "cancelling", before={"cancelling"}, **known)
    log_event("batch_planned", batch_id=record.batch_id, lines=scan.total, chunks=len(scan.chunks))
    return moved or services.batches.get(record.batch_id)


def _pinned(services: BatchServices, record: BatchRecord) -> InputFile:
    """Return the input with its size, its etag, and the columns of a CSV. Raises ObjectGone, InvalidRequest."""
    size, etag = services.objects.head(input_range(services, record.input))
    if size > LARGEST_INPUT[record.shape]:
        raise _refused("file_too_large", f"The input has {size} bytes; the limit is {LARGEST_INPUT[record.shape]}")
    if size == 0:
        raise _refused("empty_file", "The input is empty: write one request in each line")
    file = replace(record.input, size=size, etag=etag)
    if file.layout != "csv":
        return file
    if "prompt_id" not in record.defaults:
        raise _refused("prompt_not_named", "Put a CSV into a folder that names its prompt: inbox/welcome/names.csv")
    delimiter, columns = _header(services, file)
    return replace(file, delimiter=delimiter, columns=columns)


def _header(services: BatchServices, file: InputFile) -> tuple[str, tuple[str, ...]]:
    beginning = b"".join(services.objects.read(input_range(services, file, end=min(file.size, _LONGEST_HEADER))))
    first = beginning.partition(b"\n")[0].decode("utf-8-sig", "replace")
    delimiter = guess_delimiter(first)
    header = next(csv_records([beginning], delimiter=delimiter), None)
    if header is None or header.row is None or header.end >= _LONGEST_HEADER:
        raise _refused("invalid_header", "The CSV's first row must name the columns, in 64 KB of UTF-8")
    columns = tuple(name.strip() for name in header.row)
    if not all(columns) or len(set(columns)) != len(columns) or len(columns) > _MOST_COLUMNS:
        raise _refused(
            "invalid_header", f"Each column of the CSV needs a name of its own, and {_MOST_COLUMNS} are the most"
        )
    return delimiter, columns


def _scan(services: BatchServices, record: BatchRecord) -> _Scan:
    scan = _Scan()
    blocks = services.objects.read(input_range(services, record.input))
    records = input_records(record.input, blocks)
    if record.input.layout == "csv":
        next(records)
    for line in records:
        if line.blank:
            scan.blank += 1
            continue
        scan.total += 1
        if scan.total > MOST_LINES[record.shape]:
            raise _refused("too_many_lines", f"The input has more than {MOST_LINES[record.shape]} requests")
        _add(scan, line, repeated=_is_repeated(scan, record, line))
    if scan.total == 0:
        raise _refused("empty_file", "The input holds no request: write one in each line")
    scan.chunks = _merged(scan.chunks)
    return scan


def _add(scan: _Scan, line: Record, *, repeated: bool) -> None:
    last = scan.chunks[-1] if scan.chunks else None
    if last is None or last["lines"] == _CHUNK_LINES or line.end - last["start"] > _CHUNK_BYTES:
        last = {"chunk": len(scan.chunks), "start": line.start, "first_line": line.number, "lines": 0, "repeated": []}
        scan.chunks.append(last)
    last["end"] = line.end
    last["lines"] += 1
    if repeated:
        last["repeated"].append(line.number)


def _merged(chunks: list[JsonObject]) -> list[JsonObject]:
    """Make larger chunks of neighbours when there are many: a batch of half a million lines has 2,500."""
    width = -(-len(chunks) // _MOST_CHUNKS)
    if width == 1:
        return chunks
    groups = [chunks[start : start + width] for start in range(0, len(chunks), width)]
    return [
        {
            **group[0],
            "chunk": number,
            "end": group[-1]["end"],
            "lines": sum(chunk["lines"] for chunk in group),
            "repeated": [line for chunk in group for line in chunk["repeated"]],
        }
        for number, group in enumerate(groups)
    ]


def _is_repeated(scan: _Scan, record: BatchRecord, line: Record) -> bool:
    custom_id = custom_id_of(record.input, line)
    if custom_id is None:
        return False
    digest = int.from_bytes(hashlib.blake2b(custom_id.encode("utf-8", "surrogatepass"), digest_size=8).digest())
    if digest in scan.seen:
        return True
    scan.seen.add(digest)
    return False


def _refused(code: str, message: str) -> InvalidRequest:
    return InvalidRequest(message, param="input", code=code)

"""The input of a batch: where its bytes are, and what its records are called."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from promptside.batches.base import BatchServices
from promptside.batches.lines import Record, csv_records, json_records
from promptside.batches.objects import ObjectRange
from promptside.schema.batch import InputFile

CUSTOM_ID = "custom_id"


def input_range(services: BatchServices, file: InputFile, *, start: int = 0, end: int | None = None) -> ObjectRange:
    """Return the part of the input object from byte `start` up to but without `end`, of the planned version."""
    bucket = file.bucket or services.objects.bucket
    return ObjectRange(bucket, file.key, etag=file.etag, version=file.version, start=start, end=end)


def input_records(file: InputFile, blocks: Iterable[bytes], *, start: int = 0, first_line: int = 1) -> Iterator[Record]:
    """Yield the records of an input from byte `start` on, which is line `first_line`; a CSV's header is one as well."""
    if file.layout == "csv":
        return csv_records(blocks, delimiter=file.delimiter, start=start, first_line=first_line)
    return json_records(blocks, start=start, first_line=first_line)


def custom_id_of(file: InputFile, line: Record) -> str | None:
    """Return the caller's own name of a line, if it has one that can be read."""
    if line.row is not None:
        row = dict(zip(file.columns, line.row, strict=False))
        return row.get(CUSTOM_ID) or None
    # Most lines of dropped files have none, and need not be parsed for that. JSON may write any letter as an escape.
    if line.text is None or (CUSTOM_ID not in line.text and "\\u" not in line.text):
        return None
    try:
        value = json.loads(line.text)
    except (ValueError, RecursionError):
        return None
    found = value.get(CUSTOM_ID) if isinstance(value, dict) else None
    return found if isinstance(found, str) and found else None

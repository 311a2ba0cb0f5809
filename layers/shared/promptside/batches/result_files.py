"""Makes files of what a batch has written, so that OpenAI's clients can list, read and delete them."""

from __future__ import annotations

import hashlib
from typing import Literal

from promptside.schema.batch import BatchRecord, ResultFile
from promptside.schema.file import FileRecord
from promptside.store.files import FileStore, file_id_of

Kind = Literal["output", "errors"]

_NAMES: dict[Kind, str] = {"output": "output", "errors": "error"}


def result_file_id(record: BatchRecord, kind: Kind) -> str | None:
    """Return the id of a file that a batch has written, None when there is none; who knows the batch can tell it."""
    if _written(record, kind) is None:
        return None
    return file_id_of(record.created_at, hashlib.sha256(f"{record.batch_id}:{kind}".encode()).hexdigest()[:32])


def keep_result_files(files: FileStore, record: BatchRecord, *, now: float, days: int) -> None:
    """Keep the output and the errors of a batch as files for `days`; doing it again gives the same.

    `output_expires_after` (seconds) in the batch's details may make it less.
    """
    seconds = days * 86400
    wanted = record.details.get("output_expires_after")
    if isinstance(wanted, int):
        seconds = min(seconds, wanted)
    for kind, name in _NAMES.items():
        file_id, written = result_file_id(record, kind), _written(record, kind)
        if file_id is None or written is None:
            continue
        files.create(
            FileRecord(
                file_id=file_id,
                filename=f"{record.batch_id}_{name}.jsonl",
                purpose="batch_output",
                size=written.size,
                key=written.key,
                created_at=int(now),
                expires_at=int(now) + seconds,
            )
        )


def _written(record: BatchRecord, kind: Kind) -> ResultFile | None:
    return record.output if kind == "output" else record.errors

"""Files in the run table, one item each, in the order in which they were created: their ids begin with the time.

    <workspace>#files   file-<time><random>   filename, purpose, size, key, created_at; `expires_at` is the TTL

DynamoDB deletes expired items late, so every read looks at `expires_at` itself. The bytes are in the stack's bucket.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import fields
from itertools import islice
from typing import Any

from promptside.errors import NotFound
from promptside.schema.file import FilePurpose, FileRecord
from promptside.store.items import Record
from promptside.store.names import Key, could_be_id
from promptside.store.patience import Patience
from promptside.store.table import Table, delete, put

_AT_ONCE = 1000
_PLAIN = tuple(field.name for field in fields(FileRecord))


def file_id_of(seconds: float, unguessable: str | None = None) -> str:
    """Return the id of a file of that moment: ids sort as the moments do, and nobody guesses one."""
    return f"file-{int(seconds * 1000):012x}{unguessable or secrets.token_hex(16)}"


class FileStore:
    """The files of one workspace. Methods raise StoreUnavailable."""

    def __init__(
        self,
        client: Any,
        *,
        table: str,
        workspace: str = "default",
        patience: Patience | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._table = Table(client, table, patience=patience)
        self._partition = f"{workspace}#files"
        self._now = now

    def create(self, record: FileRecord) -> None:
        """Store a file; the same one may be stored again."""
        self._table.write(put(self._key(record.file_id), {name: getattr(record, name) for name in _PLAIN}))

    def find(self, file_id: str) -> FileRecord | None:
        """Return a file, or None."""
        item = self._table.get(self._key(file_id))
        return None if item is None or self._expired(item) else _record(item)

    def get(self, file_id: str) -> FileRecord:
        """Return a file. Raises NotFound."""
        record = self.find(file_id) if could_be_id(file_id) else None
        if record is None:
            raise NotFound(f"No such File object: {file_id[:100]}", param="id", code="file_not_found")
        return record

    def delete(self, file_id: str) -> None:
        """Forget a file; the bytes are the caller's to delete."""
        self._table.write(delete(self._key(file_id)))

    def page(
        self, *, limit: int, after: str | None = None, purpose: FilePurpose | None = None, oldest_first: bool = False
    ) -> list[FileRecord]:
        """Return files, newest first unless told otherwise; `after` is the id that the page before ended with."""
        items = self._table.query(
            self._partition, newest_first=not oldest_first, after=after, at_once=min(limit + 1, _AT_ONCE)
        )
        wanted = (item for item in items if not self._expired(item) and purpose in (None, item["purpose"]))
        return [_record(item) for item in islice(wanted, limit)]

    def _expired(self, item: Record) -> bool:
        return bool(item["expires_at"] <= self._now())

    def _key(self, file_id: str) -> Key:
        return self._partition, file_id


def _record(item: Record) -> FileRecord:
    return FileRecord(**{name: item[name] for name in _PLAIN})

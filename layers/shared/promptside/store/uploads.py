"""Uploads in the run table: one item each, and one for every part that has arrived.

    <workspace>#upload#<id>   upload      what is to come, what has come, status; `expires_at` is the TTL
    <workspace>#upload#<id>   part#<id>   size

An upload can be used until `ends_at`; its item stays a day longer, to say what became of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import fields
from typing import Any

from promptside.errors import NotFound, StoreUnavailable
from promptside.schema.file import PartRecord, UploadRecord
from promptside.store.items import encode_value
from promptside.store.names import Key, could_be_id
from promptside.store.patience import Patience
from promptside.store.table import Change, ConditionFailed, Table, key_item, put, update

_UPLOAD = "upload"
_KEPT_SECONDS = 86400
_PLAIN = tuple(field.name for field in fields(UploadRecord))


class UploadStore:
    """The uploads of one workspace. Methods raise StoreUnavailable.

    Many clients send all parts at the same time, and each is counted: their writes wait for one another.
    """

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
        self._workspace = workspace
        self._patience = patience or Patience(attempts=10, total_seconds=8.0)
        self._now = now

    def create(self, record: UploadRecord) -> None:
        """Store a new upload."""
        item = {name: getattr(record, name) for name in _PLAIN}
        item["expires_at"] = record.ends_at + _KEPT_SECONDS
        self._table.write(put(self._key(record.upload_id), item))

    def get(self, upload_id: str) -> UploadRecord:
        """Return an upload. Raises NotFound."""
        item = self._table.get(self._key(upload_id)) if could_be_id(upload_id) else None
        if item is None or item["expires_at"] <= self._now():
            raise NotFound(f"No such Upload object: {upload_id[:100]}", param="upload_id", code="upload_not_found")
        return UploadRecord(**{name: item[name] for name in _PLAIN if name in item})

    def add_part(self, record: UploadRecord, part: PartRecord, *, most_parts: int, most_bytes: int) -> bool:
        """Note that a part has arrived. False: the upload takes none any more, or not as much."""
        kept = put(
            self._key(record.upload_id, f"part#{part.part_id}"),
            {"size": part.size, "expires_at": record.ends_at + _KEPT_SECONDS},
        )
        counted = _addition(self._key(record.upload_id), part.size, most_parts, most_bytes - part.size)
        return self._write(counted, kept)

    def parts(self, upload_id: str, part_ids: Collection[str]) -> dict[str, int]:
        """Return the sizes of those parts that are there, by id."""
        keys = {self._key(upload_id, f"part#{part_id}"): part_id for part_id in part_ids}
        items = self._table.read(keys)
        return {part_id: item["size"] for key, part_id in keys.items() if (item := items[key]) is not None}

    def all_parts(self, upload_id: str) -> list[str]:
        """Return the ids of all parts that have arrived."""
        items = self._table.query(self._key(upload_id)[0], after="part#", attributes=("sk",))
        return [sort.removeprefix("part#") for item in items if (sort := item["sk"]).startswith("part#")]

    def move(self, before: UploadRecord, **changes: Any) -> bool:
        """Set fields of an upload that is still in the state of `before`; False: it is not."""
        condition = "#status = :before AND busy_until = :busy"
        values = {"before": before.status, "busy": before.busy_until}
        # The status is always among the changes, so the condition may use its name.
        return self._write(
            update(self._key(before.upload_id), {"status": before.status, **changes}, condition, values=values)
        )

    def _write(self, *changes: Change) -> bool:
        """Apply changes; False when the condition of one does not hold. Parts that come together wait for another."""
        attempts = self._patience.start()
        while True:
            try:
                self._table.write(*changes)
            except ConditionFailed as exc:
                if exc.failed:
                    return False
                if not attempts.again():
                    raise StoreUnavailable("The store is busy with this upload: try again in a moment") from exc
                continue
            return True

    def _key(self, upload_id: str, sort: str = _UPLOAD) -> Key:
        return f"{self._workspace}#upload#{upload_id}", sort


def _addition(key: Key, size: int, most_parts: int, most_bytes_before: int) -> Change:
    values = {
        ":one": 1,
        ":size": size,
        ":pending": "pending",
        ":most_parts": most_parts,
        ":most_bytes": most_bytes_before,
    }
    return {
        "Update": {
            "Key": key_item(key),
            "UpdateExpression": "ADD part_count :one, part_bytes :size",
            "ConditionExpression": "#status = :pending AND part_count < :most_parts AND part_bytes <= :most_bytes",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {name: encode_value(value) for name, value in values.items()},
        }
    }

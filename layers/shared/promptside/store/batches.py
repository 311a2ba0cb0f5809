"""Batches in the run table: one record each, and one item for every chunk that has been counted.

    <workspace>#batch#<id>   batch             status, counts, times, files; `expires_at` is the TTL
    <workspace>#batch#<id>   chunk#<number>    this chunk's lines are part of the counts
    <workspace>#batches      <created>#<id>    the list, in order of creation

DynamoDB deletes expired items late, so every read looks at `expires_at` itself.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, fields, replace
from itertools import islice, takewhile
from typing import Any

from promptside.errors import NotFound, StoreUnavailable
from promptside.schema.batch import BatchRecord, InputFile, ResultFile, Shape, Status, Tally
from promptside.store.items import Record, encode_value
from promptside.store.names import Key, could_be_id
from promptside.store.patience import Patience
from promptside.store.table import Change, ConditionFailed, Table, key_item, put, update

_BATCH = "batch"
_CHUNK = "chunk#"
_AT_ONCE = 100
"""Items in one round trip."""
_MOST_TRIES = 12
_FIRST_PAUSE_SECONDS = 0.02


class BatchStore:
    """The batches of one workspace. Methods raise StoreUnavailable."""

    def __init__(
        self,
        client: Any,
        *,
        table: str,
        workspace: str = "default",
        days: int = 30,
        patience: Patience | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._table = Table(client, table, patience=patience)
        self._workspace = workspace
        self._seconds = days * 86400
        self._patience = patience or Patience()
        self._now = now

    def create(self, record: BatchRecord) -> bool:
        """Store a new batch. False: there is one under this id already."""
        expires_at = record.window_ends_at + self._seconds
        item = {**_attributes(record), "expires_at": expires_at}
        listed = {"batch_id": record.batch_id, "expires_at": expires_at}
        list_key = (f"{self._workspace}#batches", _place(record))
        try:
            self._table.write(put(self._key(record.batch_id), item, "attribute_not_exists(pk)"), put(list_key, listed))
        except ConditionFailed:
            return False
        return True

    def find(self, batch_id: str) -> BatchRecord | None:
        """Return a batch, or None."""
        item = self._table.get(self._key(batch_id)) if could_be_id(batch_id) else None
        if item is None or item["expires_at"] <= self._now():
            return None
        return _record(item)

    def get(self, batch_id: str) -> BatchRecord:
        """Return a batch. Raises NotFound."""
        record = self.find(batch_id)
        if record is None:
            raise NotFound(f"Batch '{batch_id[:100]}' not found", param="batch_id", code="batch_not_found")
        return record

    def page(self, *, limit: int, after: str | None = None, shape: Shape | None = None) -> list[BatchRecord]:
        """Return batches, newest first; `after` is the id that the page before ended with. Raises NotFound for it."""
        last = None if after is None else _place(self.get(after))
        places = self._table.query(f"{self._workspace}#batches", newest_first=True, after=last, at_once=_AT_ONCE)
        found: list[BatchRecord] = []
        while len(found) < limit:
            ids = [item["batch_id"] for item in islice(places, _AT_ONCE)]
            items = self._table.read([self._key(batch_id) for batch_id in ids])
            known = [_record(item) for item in items.values() if item and item["expires_at"] > self._now()]
            found += [record for record in known if shape in (None, record.shape)]
            if len(ids) < _AT_ONCE:
                break
        return found[:limit]

    def move(self, batch_id: str, status: Status, *, before: Collection[Status], **changes: Any) -> BatchRecord | None:
        """Take a batch from one of `before` to `status`, and set other fields of its record in the same step.

        Returns the batch as it is then, or None when it was in no such status. Raises NotFound.
        """
        for _ in range(_MOST_TRIES):
            record = self.get(batch_id)
            if record.status not in before:
                return None
            moments = {**record.moments, status: int(self._now())}
            after = replace(record, **{**changes, "status": status, "moments": moments})
            change = update(
                self._key(batch_id),
                _attributes(after, {"status", "moments", *changes}),
                "#status = :before",
                values={"before": record.status},
            )
            if self._write(change):
                return after
            # Somebody else was faster: what they have done decides.
        raise _busy()

    def mark_announced(self, batch_id: str) -> None:
        """Note that the end of the batch is on the bus."""
        self._write(update(self._key(batch_id), {"announced": True}, "attribute_exists(pk)"))

    def count(self, batch_id: str, chunk: int, tally: Tally) -> bool:
        """Add a chunk's lines to the counts. False: that has been done before, or the batch is being finished."""
        done = {"expires_at": int(self._now()) + self._seconds, **{n: v for n, v in asdict(tally).items() if v}}
        mark = put((self._key(batch_id)[0], f"{_CHUNK}{chunk:06}"), done, "attribute_not_exists(pk)")
        return self._write(mark, _addition(self._key(batch_id), tally))

    def counted(self, batch_id: str) -> dict[int, Tally]:
        """Return what each chunk has been counted with."""
        # Behind the chunks come the runs of all lines.
        items = self._table.query(self._key(batch_id)[0], after=_CHUNK)
        chunks = takewhile(lambda item: item["sk"].startswith(_CHUNK), items)
        return {int(item["sk"].removeprefix(_CHUNK)): _tally(item) for item in chunks}

    def _write(self, *changes: Change) -> bool:
        """Apply changes; False when the condition of one does not hold. Chunks that end together wait for another."""
        for made in range(_MOST_TRIES):
            try:
                self._table.write(*changes)
            except ConditionFailed as exc:
                if exc.failed:
                    return False
                self._patience.sleep(random.random() * _FIRST_PAUSE_SECONDS * 2 ** min(made, 6))  # noqa: S311
                continue
            return True
        raise _busy()

    def _key(self, batch_id: str) -> Key:
        return f"{self._workspace}#batch#{batch_id}", _BATCH


def _addition(key: Key, tally: Tally) -> Change:
    values = asdict(tally)
    return {
        "Update": {
            "Key": key_item(key),
            "UpdateExpression": "ADD " + ", ".join(f"#{name} :{name}" for name in values),
            # Whoever finishes the batch counts all lines anew.
            "ConditionExpression": "#status IN (:in_progress, :cancelling)",
            "ExpressionAttributeNames": {"#status": "status", **{f"#{name}": name for name in values}},
            "ExpressionAttributeValues": {
                ":in_progress": {"S": "in_progress"},
                ":cancelling": {"S": "cancelling"},
                **{f":{name}": encode_value(value) for name, value in values.items()},
            },
        }
    }


def _place(record: BatchRecord) -> str:
    return f"{record.created_at:012}#{record.batch_id}"


_PLAIN = (
    "batch_id",
    "status",
    "shape",
    "created_at",
    "window_ends_at",
    "endpoint",
    "completion_window",
    "key_digest",
    "chunks",
    "total",
    "blank",
    "announced",
)
_JSON = ("defaults", "metadata", "details", "moments")


def _attributes(record: BatchRecord, wanted: Collection[str] | None = None) -> Record:
    """Return the attributes of the `wanted` fields; a field that is None becomes an attribute that is None."""
    groups: dict[str, Record] = {
        **{name: {name: getattr(record, name)} for name in _PLAIN},
        **{name: {name: json.dumps(getattr(record, name))} for name in _JSON},
        "input": {"input": json.dumps(asdict(record.input))},
        # Numbers of their own, for DynamoDB to add to.
        "tally": asdict(record.tally),
        "problems": {"problems": json.dumps(record.problems)},
        "output": {"output": _file_text(record.output)},
        "errors": {"errors": _file_text(record.errors)},
    }
    chosen = groups if wanted is None else {name: groups[name] for name in wanted}
    return {name: value for attributes in chosen.values() for name, value in attributes.items()}


def _record(item: Record) -> BatchRecord:
    described = json.loads(item["input"])
    return BatchRecord(
        **{name: item[name] for name in _PLAIN if name in item},
        **{name: json.loads(item[name]) for name in _JSON},
        input=InputFile(**{**described, "columns": tuple(described["columns"])}),
        tally=_tally(item),
        problems=tuple(json.loads(item["problems"])),
        output=_file(item.get("output")),
        errors=_file(item.get("errors")),
    )


def _tally(item: Record) -> Tally:
    return Tally(**{part.name: item.get(part.name, 0) for part in fields(Tally)})


def _file_text(file: ResultFile | None) -> str | None:
    return None if file is None else json.dumps(asdict(file))


def _file(text: str | None) -> ResultFile | None:
    return None if text is None else ResultFile(**json.loads(text))


def _busy() -> StoreUnavailable:
    return StoreUnavailable("The store is busy with this batch: try again in a moment")

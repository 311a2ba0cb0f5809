"""Run records in the run table: what every run that no caller waits for has come to.

    <workspace>#record#<run_id>    record                 the record; `expires_at` is the TTL
    <workspace>#batch#<batch_id>   run#<line>             a line of a batch: its run_id
    <workspace>#records#<month>    <milliseconds>#<id>    a run outside of batches, by the month (UTC) in which it began

Records hold nothing of prompts, variables or answers. DynamoDB deletes expired items late, so every read looks at
`expires_at` itself.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Literal

from promptside.errors import JsonObject
from promptside.store.items import Item, Record, decode_item, encode_item
from promptside.store.names import Key, could_be_id
from promptside.store.patience import Patience, call, call_if
from promptside.store.table import Table, key_item

Ending = Literal["completed", "failed", "cancelled"]
Status = Literal["running", "queued", "completed", "failed", "cancelled"]
"""`queued` is a run whose last delivery came to nothing, and which is delivered again."""

_DAY_SECONDS = 86400
_MOST_AT_ONCE = 100
"""Items in one round trip."""
_FIRST = (
    "SET begun = if_not_exists(begun, :begun), created_at = if_not_exists(created_at, :created_at),"
    " expires_at = :expires_at"
)
"""Whatever of a run is written first says what was known at its start."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One record. `created_at` is in unix milliseconds; `begun` and `ended` are what was known then."""

    run_id: str
    status: Status
    created_at: int
    deliveries: int
    begun: JsonObject = field(default_factory=dict)
    ended: JsonObject = field(default_factory=dict)


class RunStore:
    """The run records of one workspace, kept for `days`. Methods raise StoreUnavailable."""

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
        self._client = client
        self._name = table
        self._workspace = workspace
        self._days = days
        self._patience = patience or Patience()
        self._table = Table(client, table, patience=self._patience)
        self._now = now

    def start(self, run_id: str, begun: JsonObject, *, now: float) -> None:
        """Count one more delivery of a run, and keep `begun` when it is the first. An ended run stays as it is.

        `begun` is what is known of a run at its start, with `batch_id` and `line` when it is part of a batch.
        """
        values = {**self._first(begun, now), ":one": {"N": "1"}}
        item = self._update(run_id, f"{_FIRST} REMOVE waiting ADD deliveries :one", values)
        if item is not None:
            place = self._listed(run_id, begun, item["created_at"])
            listed = {**key_item(place), **encode_item({"run_id": run_id, "expires_at": item["expires_at"]})}
            call("put_item", lambda: self._client.put_item(TableName=self._name, Item=listed), self._patience.start())

    def wait(self, run_id: str, begun: JsonObject, ended: JsonObject, *, now: float) -> None:
        """Note that a delivery came to nothing and another one follows. An ended run stays as it is."""
        values = {**self._first(begun, now), ":ended": {"S": json.dumps(ended)}, ":yes": {"BOOL": True}}
        change = f"{_FIRST}, ended = :ended, waiting = :yes"
        self._update(run_id, change, values, condition="attribute_not_exists(outcome)")

    def end(
        self, run_id: str, begun: JsonObject, ended: JsonObject, *, outcome: Ending, now: float, anew: bool = True
    ) -> None:
        """Note what a run came to. Unless this is a run `anew`, a completed one stays as it is."""
        values = {**self._first(begun, now), ":ended": {"S": json.dumps(ended)}, ":outcome": {"S": outcome}}
        condition = None
        if not anew or outcome != "completed":
            condition = "attribute_not_exists(outcome) OR outcome <> :completed"
            values[":completed"] = {"S": "completed"}
        self._update(run_id, f"{_FIRST}, ended = :ended, outcome = :outcome REMOVE waiting", values, condition)

    def find(self, run_id: str) -> RunRecord | None:
        """Return a record, or None."""
        item = self._table.get(self._key(run_id)) if could_be_id(run_id) else None
        return None if item is None else self._record(item)

    def of_batch(self, batch_id: str, *, after: RunRecord | None = None, limit: int) -> list[RunRecord]:
        """Return at most `limit` records of a batch in the order of its lines, those behind `after`."""
        low = "run#" if after is None else _line(after.begun["line"]) + "\0"
        values = {":pk": {"S": self._batch(batch_id)}, ":low": {"S": low}, ":high": {"S": "run#~"}}
        places = self._query("pk = :pk AND sk BETWEEN :low AND :high", values, forward=True)
        return self._read(places, limit)

    def newest(self, *, after: RunRecord | None = None, limit: int) -> list[RunRecord]:
        """Return at most `limit` records of runs outside of batches, newest first, those behind `after`."""
        return self._read(self._backwards(after), limit)

    def _backwards(self, after: RunRecord | None) -> Iterator[Record]:
        now = self._now()
        # A clock that is a little ahead may have put a run into tomorrow.
        latest = (now + _DAY_SECONDS) * 1000 if after is None else after.created_at
        oldest = (now - self._days * _DAY_SECONDS) * 1000
        for month in range(_month(latest), _month(oldest) - 1, -1):
            values = {":pk": {"S": self._of_month(month)}}
            condition = "pk = :pk"
            if after is not None and month == _month(latest):
                condition += " AND sk < :behind"
                values[":behind"] = {"S": _moment(after.created_at, after.run_id)}
            yield from self._query(condition, values, forward=False)

    def _read(self, places: Iterator[Record], limit: int) -> list[RunRecord]:
        """Return the records that the items of an index name."""
        found: list[RunRecord] = []
        kept = (place for place in places if place["expires_at"] > self._now())
        while len(found) < limit:
            ids = [place["run_id"] for place in islice(kept, min(limit - len(found), _MOST_AT_ONCE))]
            if not ids:
                break
            items = self._table.read([self._key(run_id) for run_id in ids])
            records = [self._record(item) for item in items.values() if item is not None]
            found += [record for record in records if record is not None]
        return found

    def _record(self, item: Record) -> RunRecord | None:
        if item["expires_at"] <= self._now():
            return None
        status = item.get("outcome", "queued" if item.get("waiting") else "running")
        begun, ended = json.loads(item["begun"]), json.loads(item.get("ended", "{}"))
        run_id = item["pk"].rpartition("#")[2]
        return RunRecord(run_id, status, item["created_at"], item.get("deliveries", 0), begun, ended)

    def _query(self, condition: str, values: Item, *, forward: bool) -> Iterator[Record]:
        request: dict[str, Any] = {
            "TableName": self._name,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ConsistentRead": True,
            "ScanIndexForward": forward,
            "Limit": _MOST_AT_ONCE,
        }
        while True:
            answer = call("query", lambda: self._client.query(**request), self._patience.start())
            yield from map(decode_item, answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _update(self, run_id: str, change: str, values: Item, condition: str | None = None) -> Record | None:
        """Return the record as it is then, None when the condition did not hold."""
        request: dict[str, Any] = {
            "TableName": self._name,
            "Key": key_item(self._key(run_id)),
            "UpdateExpression": change,
            "ExpressionAttributeValues": values,
            "ReturnValues": "ALL_NEW",
        }
        if condition is not None:
            request["ConditionExpression"] = condition

        answer = call_if("update_item", lambda: self._client.update_item(**request), self._patience.start())
        return None if answer is None else decode_item(answer["Attributes"])

    def _first(self, begun: JsonObject, now: float) -> Item:
        return {
            ":begun": {"S": json.dumps(begun)},
            ":created_at": {"N": str(math.floor(now * 1000))},
            ":expires_at": {"N": str(math.ceil(now) + self._days * _DAY_SECONDS)},
        }

    def _listed(self, run_id: str, begun: JsonObject, created_at: int) -> Key:
        if begun.get("batch_id") is not None:
            return self._batch(begun["batch_id"]), _line(begun["line"])
        return self._of_month(_month(created_at)), _moment(created_at, run_id)

    def _key(self, run_id: str) -> Key:
        return f"{self._workspace}#record#{run_id}", "record"

    def _batch(self, batch_id: str) -> str:
        return f"{self._workspace}#batch#{batch_id}"

    def _of_month(self, month: int) -> str:
        return f"{self._workspace}#records#{month // 12:04}-{month % 12 + 1:02}"


def _line(number: int) -> str:
    return f"run#{number:08}"


def _month(milliseconds: float) -> int:
    """Return the months since the year 0."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.year * 12 + moment.month - 1


def _moment(milliseconds: int, run_id: str) -> str:
    return f"{milliseconds:013}#{run_id}"

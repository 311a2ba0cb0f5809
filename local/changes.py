"""Says what an AWS call that the engine accepted has changed, as journal entries.

For items the entry is read back from the engine instead of being worked out from the call: update expressions,
conditions and idempotency tokens are then nobody's business but the engine's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import groupby, islice
from typing import Any

from local.journal import Change, JsonObject, State, key_names

DYNAMODB = "DynamoDB_20120810."
SSM = "AmazonSSM."

READS = frozenset(
    {
        *(DYNAMODB + name for name in ("BatchGetItem", "DescribeTable", "DescribeTimeToLive", "GetItem", "ListTables")),
        *(DYNAMODB + name for name in ("Query", "Scan", "TransactGetItems")),
        *(SSM + name for name in ("DescribeParameters", "GetParameter", "GetParameters", "GetParametersByPath")),
    }
)
WRITES = frozenset(
    {
        *(DYNAMODB + name for name in ("BatchWriteItem", "CreateTable", "DeleteItem", "DeleteTable", "PutItem")),
        *(DYNAMODB + name for name in ("TransactWriteItems", "UpdateItem", "UpdateTimeToLive")),
        *(SSM + name for name in ("DeleteParameter", "DeleteParameters", "PutParameter")),
    }
)

# The most that BatchWriteItem takes.
_BATCH_ITEMS = 25

Read = Callable[[str, JsonObject], Awaitable[JsonObject]]
"""Makes a call of the given target at the engine and returns its answer."""


async def changes_of(target: str, body: JsonObject, *, state: State, read: Read) -> list[Change]:
    """Return the changes of one accepted call, in order. `state` must know the tables, not their items."""
    name = target.rpartition(".")[2]
    match name:
        case "PutItem" | "UpdateItem" | "DeleteItem" | "TransactWriteItems" | "BatchWriteItem":
            return [await _item_change(table, key, read) for table, key in _touched(name, body, state)]
        case "CreateTable":
            return [{"op": "create-table", "table": body["TableName"], "definition": body}]
        case "DeleteTable":
            return [{"op": "delete-table", "table": body["TableName"]}]
        case "UpdateTimeToLive":
            specification = body["TimeToLiveSpecification"]
            return [{"op": "time-to-live", "table": body["TableName"], "specification": specification}]
        case "PutParameter":
            return [{"op": "put-parameter", "name": body["Name"], "definition": {**body, "Overwrite": True}}]
        case "DeleteParameter":
            return [{"op": "delete-parameter", "name": body["Name"]}]
        case "DeleteParameters":
            return [{"op": "delete-parameter", "name": parameter} for parameter in body["Names"]]
        case _:
            return []


def replay_calls(changes: Iterable[Change]) -> Iterator[tuple[str, JsonObject]]:
    """Yield target and body of the calls that bring a compacted list of changes back, items in batches."""
    for operation, group in groupby(changes, key=lambda change: (change["op"], change.get("table"))):
        match operation[0]:
            case "put":
                yield from _batches(str(operation[1]), group)
            case "create-table":
                for change in group:
                    yield DYNAMODB + "CreateTable", change["definition"]
            case "time-to-live":
                for change in group:
                    body = {"TableName": change["table"], "TimeToLiveSpecification": change["specification"]}
                    yield DYNAMODB + "UpdateTimeToLive", body
            case _:
                for change in group:
                    yield SSM + "PutParameter", change["definition"]


def _batches(table: str, changes: Iterator[Change]) -> Iterator[tuple[str, JsonObject]]:
    while requests := [{"PutRequest": {"Item": change["item"]}} for change in islice(changes, _BATCH_ITEMS)]:
        yield DYNAMODB + "BatchWriteItem", {"RequestItems": {table: requests}}


def _touched(name: str, body: JsonObject, state: State) -> list[tuple[str, JsonObject]]:
    """Return table and key of every item that a call writes."""
    if name == "TransactWriteItems":
        actions = [
            action for item in body["TransactItems"] for kind, action in item.items() if kind != "ConditionCheck"
        ]
    elif name == "BatchWriteItem":
        actions = [
            {"TableName": table, **request}
            for table, requests in body["RequestItems"].items()
            for entry in requests
            for request in entry.values()
        ]
    else:
        actions = [body]
    return [(action["TableName"], _key(action, state)) for action in actions]


def _key(action: JsonObject, state: State) -> JsonObject:
    if "Key" in action:
        key: JsonObject = action["Key"]
        return key
    item: dict[str, Any] = action["Item"]
    return {name: item[name] for name in key_names(state.tables[action["TableName"]])}


async def _item_change(table: str, key: JsonObject, read: Read) -> Change:
    answer = await read(DYNAMODB + "GetItem", {"TableName": table, "Key": key, "ConsistentRead": True})
    if "Item" in answer:
        return {"op": "put", "table": table, "item": answer["Item"]}
    return {"op": "delete", "table": table, "key": key}

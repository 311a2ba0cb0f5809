"""The few DynamoDB operations of the store: consistent reads, and transactions that report a lost race."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from promptside.errors import PayloadTooLarge, StoreUnavailable
from promptside.store.failures import error_code
from promptside.store.items import LARGEST_ITEM, Item, Record, decode_item, encode_item, encode_value, item_size
from promptside.store.names import Key
from promptside.store.patience import Attempts, Patience, call

Change = dict[str, Any]
"""One element of a transaction."""
_BATCH = 100
"""Keys in one BatchGetItem; DynamoDB's limit."""
_DELETES = 25
"""Requests in one BatchWriteItem; DynamoDB's limit."""


class ConditionFailed(Exception):
    """A transaction was refused as a whole; `failed` are the places of the changes whose condition did not hold.

    It is empty when another transaction was at work on the same items: reading again tells what came of it.
    """

    def __init__(self, failed: tuple[int, ...]) -> None:
        super().__init__("the condition of a change did not hold")
        self.failed = failed


class Table:
    """One table through boto3's low-level client. Every read is consistent. Methods raise StoreUnavailable."""

    def __init__(self, client: Any, name: str, *, patience: Patience | None = None) -> None:
        self._client = client
        self._name = name
        self._patience = patience or Patience()

    def read(self, keys: Collection[Key]) -> dict[Key, Record | None]:
        """Return the items under `keys`, None for those that are not there, in one round trip up to 100 keys."""
        found: dict[Key, Record | None] = dict.fromkeys(keys)
        attempts = self._patience.start()
        wanted = list(found)
        for start in range(0, len(wanted), _BATCH):
            self._read_batch(wanted[start : start + _BATCH], found, attempts)
        return found

    def get(self, key: Key) -> Record | None:
        """Return one item, or None."""
        request = {"TableName": self._name, "Key": key_item(key), "ConsistentRead": True}
        answer = call("get_item", lambda: self._client.get_item(**request), self._patience.start())
        return decode_item(answer["Item"]) if "Item" in answer else None

    def query(
        self,
        partition: str,
        *,
        newest_first: bool = False,
        attributes: Iterable[str] = (),
        after: str | None = None,
        at_once: int | None = None,
    ) -> Iterator[Record]:
        """Yield a partition's items in the order of their sort keys.

        `attributes` limits what is sent over, `after` is the sort key behind which to begin, `at_once` the number of
        items that one round trip brings at most.
        """
        request: dict[str, Any] = {
            "TableName": self._name,
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": partition}},
            "ScanIndexForward": not newest_first,
            **_projection(attributes),
        }
        if after is not None:
            request["KeyConditionExpression"] += f" AND sk {'<' if newest_first else '>'} :after"
            request["ExpressionAttributeValues"][":after"] = {"S": after}
        if at_once is not None:
            request["Limit"] = at_once
        while True:
            answer = call("query", lambda: self._client.query(**request), self._patience.start())
            yield from map(decode_item, answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def write(self, *changes: Change) -> None:
        """Apply all changes or none. Raises ConditionFailed."""
        items = [{kind: {"TableName": self._name, **body} for kind, body in change.items()} for change in changes]
        call("transact_write_items", lambda: self._transact(items), self._patience.start(), repeatable=False)

    def delete_all(self, keys: Iterable[Key]) -> None:
        """Delete items without a condition, in as many requests as that takes."""
        waiting = [{"DeleteRequest": {"Key": key_item(key)}} for key in keys]
        attempts = self._patience.start()
        while waiting:
            batch, waiting = waiting[:_DELETES], waiting[_DELETES:]
            request = {"RequestItems": {self._name: batch}}
            answer = call("batch_write_item", lambda r=request: self._client.batch_write_item(**r), attempts)  # type: ignore[misc]
            left = answer.get("UnprocessedItems", {}).get(self._name, [])
            if left and not attempts.again():
                raise StoreUnavailable("The store is throttled: try again in a moment")
            waiting = left + waiting

    def _transact(self, items: list[Change]) -> None:
        try:
            self._client.transact_write_items(TransactItems=items)
        except ClientError as exc:
            if error_code(exc) == "TransactionCanceledException":
                reasons = [reason.get("Code") for reason in exc.response.get("CancellationReasons", [])]
                failed = tuple(place for place, code in enumerate(reasons) if code == "ConditionalCheckFailed")
                if failed or "TransactionConflict" in reasons:
                    raise ConditionFailed(failed) from exc
            if error_code(exc) == "TransactionInProgressException":
                raise ConditionFailed(()) from exc
            raise

    def _read_batch(self, keys: list[Key], found: dict[Key, Record | None], attempts: Attempts) -> None:
        waiting = {self._name: {"Keys": [key_item(key) for key in keys], "ConsistentRead": True}}
        while waiting:
            answer = call("batch_get_item", lambda w=waiting: self._client.batch_get_item(RequestItems=w), attempts)  # type: ignore[misc]
            for item in answer["Responses"].get(self._name, []):
                record = decode_item(item)
                found[record["pk"], record["sk"]] = record
            # DynamoDB leaves keys out when it is throttled or the answer grows over 16 MB.
            waiting = answer.get("UnprocessedKeys") or {}
            if waiting and not attempts.again():
                raise StoreUnavailable("The store is throttled: try again in a moment", retry_after=2.0)


def put(
    key: Key, record: Mapping[str, Any], condition: str | None = None, *, values: Mapping[str, Any] | None = None
) -> Change:
    """Return a change that writes a whole item. Raises PayloadTooLarge when DynamoDB could not hold it."""
    size = item_size(record)
    if size > LARGEST_ITEM:
        raise PayloadTooLarge(
            f"This would take about {size} bytes in the table; one version, its template and parameters together,"
            f" can have {LARGEST_ITEM}",
            param="string",
        )
    body: Change = {"Item": {**key_item(key), **encode_item(record)}}
    return {"Put": {**body, **_condition(condition, values)}}


def update(key: Key, record: Mapping[str, Any], condition: str, *, values: Mapping[str, Any] | None = None) -> Change:
    """Return a change that sets some attributes of an item; None removes one."""
    given = {name: value for name, value in record.items() if value is not None}
    gone = [name for name, value in record.items() if value is None]
    expression = "SET " + ", ".join(f"#{name} = :set_{name}" for name in given)
    if gone:
        expression += " REMOVE " + ", ".join(f"#{name}" for name in gone)
    conditioned = _condition(condition, values)
    return {
        "Update": {
            "Key": key_item(key),
            "UpdateExpression": expression,
            **conditioned,
            "ExpressionAttributeNames": {f"#{name}": name for name in record},
            "ExpressionAttributeValues": {
                **conditioned.get("ExpressionAttributeValues", {}),
                **{f":set_{name}": encode_value(value) for name, value in given.items()},
            },
        }
    }


def check(key: Key, condition: str, *, values: Mapping[str, Any] | None = None) -> Change:
    """Return an element that changes nothing and only demands that a condition holds."""
    return {"ConditionCheck": {"Key": key_item(key), **_condition(condition, values)}}


def delete(key: Key, condition: str | None = None, *, values: Mapping[str, Any] | None = None) -> Change:
    """Return a change that deletes an item."""
    return {"Delete": {"Key": key_item(key), **_condition(condition, values)}}


def key_item(key: Key) -> Item:
    """Return a key as DynamoDB writes it."""
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}


def _condition(condition: str | None, values: Mapping[str, Any] | None) -> dict[str, Any]:
    if condition is None:
        return {}
    if not values:
        return {"ConditionExpression": condition}
    encoded = {f":{name}": encode_value(value) for name, value in values.items()}
    return {"ConditionExpression": condition, "ExpressionAttributeValues": encoded}


def _projection(attributes: Iterable[str]) -> dict[str, Any]:
    names = list(attributes)
    if not names:
        return {}
    return {
        "ProjectionExpression": ", ".join(f"#{name}" for name in names),
        "ExpressionAttributeNames": {f"#{name}": name for name in names},
    }

"""What was used of each limit: one item for each window, counted up under a condition, so that no two calls overrun it.

    <workspace>#usage#<kind>#<id>   <type>#<unit>#<start>                          used, expires_at  run table
    <workspace>#usage#<kind>#<id>   budget#<type>#<unit>#<start>#<since>#<round>   used, alerted     prompt table

Rate limits are in the table that forgets by itself, budgets in the one that is backed up.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from promptside.errors import ConfigurationError
from promptside.store.failures import error_code
from promptside.store.items import decode_item, encode_value
from promptside.store.patience import Patience, call, call_if
from promptside.store.table import Table, key_item

# A run waits for this.
_PATIENCE = Patience(attempts=3, total_seconds=1.0)


@dataclass(frozen=True, slots=True)
class Counter:
    """One limit's count in one window. `subject` is `<kind>#<id>`, `window` the sort key.

    `expires_at` is in unix seconds; a counter without it is a budget's and stays.
    """

    subject: str
    window: str
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """What is counted now. `taken` is False when the amount did not fit and nothing was added."""

    used: int
    taken: bool = True
    alerted: bool = False


class UsageStore:
    """Counters over boto3's low-level client. Methods raise StoreUnavailable, ConfigurationError.

    `rates` is None where there is no run table: then rate limits cannot be counted.
    """

    def __init__(
        self, client: Any, *, rates: str | None, budgets: str, workspace: str, patience: Patience = _PATIENCE
    ) -> None:
        self._client = client
        self._rates = rates
        self._budgets = budgets
        self._workspace = workspace
        self._patience = patience

    def take(self, counter: Counter, amount: int, *, most: int) -> Use:
        """Add `amount` if the sum is at most `most`; of many callers no more than fit succeed."""
        request = {
            **self._addition(counter, amount),
            "ConditionExpression": "attribute_not_exists(#used) OR #used <= :room",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        request["ExpressionAttributeValues"][":room"] = encode_value(most - amount)

        def attempt() -> Use:
            try:
                return _use(self._client.update_item(**request)["Attributes"])
            except ClientError as exc:
                if error_code(exc) != "ConditionalCheckFailedException":
                    raise
                # Where the engine does not say what there is, there is nothing left.
                return Use(_use(exc.response.get("Item", {"used": encode_value(most)})).used, taken=False)

        # An addition whose answer was lost may have counted: sent again it would count twice.
        return call("update_item", attempt, self._patience.start(), repeatable=False)

    def add(self, counter: Counter, amount: int) -> Use:
        """Add an amount, which may be below zero, whatever the sum."""
        request = self._addition(counter, amount)
        answer = call(
            "update_item", lambda: self._client.update_item(**request), self._patience.start(), repeatable=False
        )
        return _use(answer["Attributes"])

    def alert(self, counter: Counter) -> bool:
        """Note that somebody is being told about this window. Exactly one of many callers gets True."""
        request = {
            **self._place(counter),
            "UpdateExpression": "SET alerted = :yes",
            "ConditionExpression": "attribute_not_exists(alerted)",
            "ExpressionAttributeValues": {":yes": {"BOOL": True}},
        }

        answer = call_if(
            "update_item", lambda: self._client.update_item(**request), self._patience.start(), repeatable=False
        )
        return answer is not None

    def read(self, budgets: Collection[Counter]) -> list[int]:
        """Return what is used of each budget, in their order."""
        table = Table(self._client, self._budgets)
        keys = [(self._partition(counter), counter.window) for counter in budgets]
        found = table.read(keys) if keys else {}
        return [(found[key] or {}).get("used", 0) for key in keys]

    def _addition(self, counter: Counter, amount: int) -> dict[str, Any]:
        expression, values = "ADD #used :amount", {":amount": encode_value(amount)}
        if counter.expires_at is not None:
            expression += " SET expires_at = if_not_exists(expires_at, :expires)"
            values[":expires"] = encode_value(counter.expires_at)
        return {
            **self._place(counter),
            "UpdateExpression": expression,
            "ExpressionAttributeNames": {"#used": "used"},
            "ExpressionAttributeValues": values,
            "ReturnValues": "ALL_NEW",
        }

    def _place(self, counter: Counter) -> dict[str, Any]:
        table = self._budgets if counter.expires_at is None else self._rates
        if table is None:
            raise ConfigurationError(
                "Rate limits are counted in the run table: set PROMPTSIDE_RUN_TABLE", param="PROMPTSIDE_RUN_TABLE"
            )
        return {"TableName": table, "Key": key_item((self._partition(counter), counter.window))}

    def _partition(self, counter: Counter) -> str:
        return f"{self._workspace}#usage#{counter.subject}"


def _use(attributes: dict[str, Any]) -> Use:
    record = decode_item(attributes)
    return Use(record.get("used", 0), alerted=record.get("alerted", False))

"""Circuit breakers in the run table: one item for each target that fails, and none for those that do not.

    <workspace>#breaker#<digest>   state   failures, successes, window_ends, open_until, trial_until, expires_at

Moments are unix seconds outside and milliseconds in the item. DynamoDB deletes expired items late, so every read looks
at `expires_at` itself.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from promptside.store.items import decode_item, encode_value
from promptside.store.patience import Patience, call, call_if

KEPT_SECONDS = 24 * 3600
"""How long an item outlives what it says; a target nobody asked for that long is a new one."""
_STATE = "state"
_MOST_ROUNDS = 3
# A run waits for this: rather count alone than keep the caller waiting.
_PATIENCE = Patience(attempts=2, total_seconds=0.5)


@dataclass(frozen=True, slots=True)
class BreakerState:
    """What all processes together know of one target.

    Failures and successes are those since the window began. `open_until` stays when its moment has passed, until a
    trial has told whether the target is well; `trial_until` is when the trial under way is given up.
    """

    failures: int = 0
    successes: int = 0
    open_until: float | None = None
    trial_until: float | None = None


class BreakerStore:
    """States over boto3's low-level client. Names are digests. Methods raise StoreUnavailable, ConfigurationError."""

    def __init__(self, client: Any, *, table: str, workspace: str, patience: Patience = _PATIENCE) -> None:
        self._client = client
        self._table = table
        self._workspace = workspace
        self._patience = patience

    def read(self, names: Collection[str], *, now: float) -> dict[str, BreakerState]:
        """Return the states of at most 100 targets; those that never failed are not among them."""
        request = {"RequestItems": {self._table: {"Keys": [self._key(name) for name in names]}}}
        answer = call("batch_get_item", lambda: self._client.batch_get_item(**request), self._patience.start())
        # What DynamoDB was too busy for counts as well until the next look.
        found = answer["Responses"].get(self._table, [])
        records = {item["pk"]["S"].rpartition("#")[2]: decode_item(item) for item in found}
        return {name: _state(record) for name, record in records.items() if record["expires_at"] > now}

    def count_failure(self, name: str, *, successes: int, now: float, seconds: float) -> BreakerState:
        """Add a failure, and the successes since this process's last one, to a window of `seconds`."""
        counts = {":one": encode_value(1), ":successes": encode_value(successes), ":now": _moment(now)}
        for _ in range(_MOST_ROUNDS):
            item = self._update(
                name,
                "ADD failures :one, successes :successes",
                condition="window_ends > :now",
                values=counts,
            ) or self._update(
                name,
                "SET failures = :one, successes = :successes, window_ends = :ends, expires_at = :expires",
                condition="attribute_not_exists(window_ends) OR window_ends <= :now",
                values={**counts, ":ends": _moment(now + seconds), ":expires": _expiry(now + seconds)},
            )
            if item is not None:
                return _state(decode_item(item))
        return BreakerState(failures=1, successes=successes)

    def open(self, name: str, *, now: float, until: float) -> bool:
        """Leave the target alone until then; False when somebody else has already said so."""
        item = self._update(
            name,
            "SET open_until = :until, expires_at = :expires REMOVE trial_until, failures, successes, window_ends",
            condition="attribute_not_exists(open_until) OR open_until <= :now",
            values={":until": _moment(until), ":expires": _expiry(until), ":now": _moment(now)},
        )
        return item is not None

    def claim_trial(self, name: str, *, opened_until: float, now: float, until: float) -> bool:
        """Claim the one trial after the time that is over; False when another has it, or the state has changed."""
        item = self._update(
            name,
            "SET trial_until = :until",
            condition="open_until = :opened AND (attribute_not_exists(trial_until) OR trial_until <= :now)",
            values={":until": _moment(until), ":opened": _moment(opened_until), ":now": _moment(now)},
        )
        return item is not None

    def give_up_trial(self, name: str, *, until: float) -> bool:
        """Let another have the trial that was claimed until then; False when it is over already."""
        item = self._update(
            name,
            "REMOVE trial_until",
            condition="trial_until = :until",
            values={":until": _moment(until)},
        )
        return item is not None

    def close(self, name: str, *, opened_until: float) -> bool:
        """Use the target again; False when the state has changed meanwhile."""
        item = self._update(
            name,
            "REMOVE open_until, trial_until, failures, successes, window_ends",
            condition="open_until = :opened",
            values={":opened": _moment(opened_until)},
        )
        return item is not None

    def _update(
        self, name: str, expression: str, *, condition: str, values: dict[str, dict[str, str]]
    ) -> dict[str, Any] | None:
        """Return the new attributes; None when the condition does not hold."""
        request = {
            "TableName": self._table,
            "Key": self._key(name),
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ReturnValues": "ALL_NEW",
        }

        answer = call_if(
            "update_item", lambda: self._client.update_item(**request), self._patience.start(), repeatable=False
        )
        return None if answer is None else answer["Attributes"]

    def _key(self, name: str) -> dict[str, Any]:
        return {"pk": {"S": f"{self._workspace}#breaker#{name}"}, "sk": {"S": _STATE}}


def _state(record: dict[str, Any]) -> BreakerState:
    return BreakerState(
        failures=record.get("failures", 0),
        successes=record.get("successes", 0),
        open_until=_seconds(record.get("open_until")),
        trial_until=_seconds(record.get("trial_until")),
    )


def _seconds(moment: int | None) -> float | None:
    return None if moment is None else moment / 1000


def _moment(seconds: float) -> dict[str, str]:
    return encode_value(round(seconds * 1000))


def _expiry(seconds: float) -> dict[str, str]:
    return encode_value(math.ceil(seconds) + KEPT_SECONDS)

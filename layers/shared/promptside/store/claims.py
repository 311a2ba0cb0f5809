"""Claims of runs by idempotency key in the run table: who runs, what came of it, and the whole answer.

    <workspace>#run#<digest>   claim                   phase, request_hash, run_id, expires_at, head, answer
    <workspace>#run#<digest>   part#<run_id>#<number>  the rest of an answer that is too large for one item

DynamoDB deletes expired items late, so every read looks at `expires_at` itself.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from promptside.store.patience import Patience, call, call_if
from promptside.store.pieces import cut, join

Phase = Literal["running", "finished", "interrupted"]

_CLAIM = "claim"


@dataclass(frozen=True, slots=True)
class Claim:
    """One run's hold on a key. `name` is the digest of who asks for what under which key; `run_id` tells runs apart."""

    name: str
    request_hash: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier run under the same key has left. `expires_at` is in unix seconds."""

    claim: Claim
    phase: Phase
    expires_at: int
    parts: int = 0
    answer: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An HTTP answer, byte for byte."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class ClaimStore:
    """Claims over boto3's low-level client. Methods raise StoreUnavailable or ConfigurationError."""

    def __init__(self, client: Any, *, table: str, workspace: str, patience: Patience | None = None) -> None:
        self._client = client
        self._table = table
        self._workspace = workspace
        self._patience = patience or Patience()

    def take(self, claim: Claim, *, now: float, seconds: float) -> Earlier | None:
        """Claim the run for `seconds`, or return what holds the key. Exactly one of many callers gets None."""
        item = self._item(claim, "running", now + seconds)
        # A key that expires between the two calls is asked for a second time.
        while not self._put(
            item, "attribute_not_exists(pk) OR expires_at <= :now", {":now": {"N": str(math.floor(now))}}
        ):
            earlier = self._read(claim.name)
            if earlier is None:
                continue
            # The answer to our own write was lost on the way, and it was sent again.
            return None if earlier.claim.run_id == claim.run_id else earlier
        return None

    def finish(self, claim: Claim, answer: KeptAnswer, *, now: float, seconds: float) -> bool:
        """Keep the answer for `seconds`. False: it is too large, and the run is marked as interrupted."""
        head = json.dumps({"status": answer.status, "headers": dict(answer.headers)}).encode()
        pieces = cut(head + b"\n" + answer.body)
        if pieces is None:
            self.interrupt(claim, now=now, seconds=seconds)
            return False
        expires_at = now + seconds
        # The claim comes last: whoever reads it as finished finds every part.
        for number, piece in enumerate(pieces[1:], start=1):
            key = self._key(claim.name, _part(claim.run_id, number))
            self._put({**key, "expires_at": _seconds(expires_at), "answer": {"B": piece}})
        item = self._item(claim, "finished", expires_at)
        self._put_own(claim, {**item, "answer": {"B": pieces[0]}, "parts": {"N": str(len(pieces))}})
        return True

    def interrupt(self, claim: Claim, *, now: float, seconds: float) -> None:
        """Keep for `seconds` that the run was paid for, perhaps, and has no answer to repeat."""
        self._put_own(claim, self._item(claim, "interrupted", now + seconds))

    def release(self, claim: Claim) -> None:
        """Give the key back: nothing was paid for."""
        request = {
            "TableName": self._table,
            "Key": self._key(claim.name, _CLAIM),
            "ConditionExpression": "run_id = :run_id",
            "ExpressionAttributeValues": {":run_id": {"S": claim.run_id}},
        }
        call_if("delete_item", lambda: self._client.delete_item(**request), self._patience.start())

    def answer(self, earlier: Earlier) -> KeptAnswer | None:
        """Return a finished run's answer; None when parts of it have already expired."""
        pieces = [earlier.answer]
        for number in range(1, earlier.parts):
            item = self._get(earlier.claim.name, _part(earlier.claim.run_id, number))
            if item is None:
                return None
            pieces.append(item["answer"]["B"])
        head, _, body = join(pieces).partition(b"\n")
        described = json.loads(head)
        return KeptAnswer(described["status"], described["headers"], body)

    def _read(self, name: str) -> Earlier | None:
        item = self._get(name, _CLAIM)
        if item is None:
            return None
        return Earlier(
            Claim(name, item["request_hash"]["S"], item["run_id"]["S"]),
            item["phase"]["S"],
            int(item["expires_at"]["N"]),
            int(item.get("parts", {"N": "0"})["N"]),
            item.get("answer", {"B": b""})["B"],
        )

    def _get(self, name: str, sort: str) -> dict[str, Any] | None:
        request = {"TableName": self._table, "Key": self._key(name, sort), "ConsistentRead": True}
        answer = call("get_item", lambda: self._client.get_item(**request), self._patience.start())
        item: dict[str, Any] | None = answer.get("Item")
        return item

    def _put_own(self, claim: Claim, item: dict[str, Any]) -> None:
        """Write unless another run has taken over a claim that had expired."""
        self._put(item, "run_id = :run_id", {":run_id": {"S": claim.run_id}})

    def _put(self, item: dict[str, Any], condition: str = "", values: dict[str, Any] | None = None) -> bool:
        request: dict[str, Any] = {"TableName": self._table, "Item": item}
        if condition:
            request |= {"ConditionExpression": condition, "ExpressionAttributeValues": values}
        return call_if("put_item", lambda: self._client.put_item(**request), self._patience.start()) is not None

    def _item(self, claim: Claim, phase: Phase, expires_at: float) -> dict[str, Any]:
        return {
            **self._key(claim.name, _CLAIM),
            "phase": {"S": phase},
            "request_hash": {"S": claim.request_hash},
            "run_id": {"S": claim.run_id},
            "expires_at": _seconds(expires_at),
        }

    def _key(self, name: str, sort: str) -> dict[str, Any]:
        return {"pk": {"S": f"{self._workspace}#run#{name}"}, "sk": {"S": sort}}


def _part(run_id: str, number: int) -> str:
    return f"part#{run_id}#{number:03}"


def _seconds(moment: float) -> dict[str, str]:
    return {"N": str(math.ceil(moment))}

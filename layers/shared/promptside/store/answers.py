"""Answers that may be given again, in the run table: what the cache of a config keeps.

    <workspace>#answer#<digest>   answer              stored_at, id, pieces, data, expires_at
                                  piece#<id>#<NNN>    data, expires_at

DynamoDB deletes expired items late, so every read looks at the times itself. An answer that is written anew gets pieces
of its own, so that nobody who is just reading finds half of each.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from promptside.store.patience import Patience, call
from promptside.store.pieces import cut, join

_ANSWER = "answer"
# A run waits for this, and can do without: one try each way.
_PATIENCE = Patience(attempts=1)


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer's bytes and when they were kept, in unix seconds."""

    data: bytes = field(repr=False)
    stored_at: float


class AnswerStore:
    """Answers over boto3's low-level client, by digest. Methods raise StoreUnavailable or ConfigurationError."""

    def __init__(
        self, client: Any, *, table: str, workspace: str, new_id: Callable[[], str], patience: Patience = _PATIENCE
    ) -> None:
        self._client = client
        self._table = table
        self._workspace = workspace
        self._new_id = new_id
        self._patience = patience

    def find(self, digest: str, *, now: float) -> StoredAnswer | None:
        """Return the answer, None when there is none, it has expired, or pieces of it are gone."""
        item = self._get(digest, _ANSWER)
        if item is None or int(item["expires_at"]["N"]) <= now:
            return None
        pieces = [item["data"]["B"]]
        for number in range(1, int(item["pieces"]["N"])):
            piece = self._get(digest, _piece(item["id"]["S"], number))
            if piece is None:
                return None
            pieces.append(piece["data"]["B"])
        return StoredAnswer(join(pieces), int(item["stored_at"]["N"]) / 1000)

    def put(self, digest: str, data: bytes, *, now: float, seconds: float) -> bool:
        """Keep an answer for `seconds`, in place of an older one. False: it is too large."""
        pieces = cut(data)
        if pieces is None:
            return False
        identity = self._new_id()
        expires_at = {"N": str(math.ceil(now + seconds))}
        # The first piece comes last: whoever reads it finds every other.
        for number, piece in enumerate(pieces[1:], start=1):
            self._put(digest, _piece(identity, number), {"data": {"B": piece}, "expires_at": expires_at})
        head = {
            "data": {"B": pieces[0]},
            "expires_at": expires_at,
            "id": {"S": identity},
            "pieces": {"N": str(len(pieces))},
            "stored_at": {"N": str(round(now * 1000))},
        }
        self._put(digest, _ANSWER, head)
        return True

    def _get(self, digest: str, sort: str) -> dict[str, Any] | None:
        request = {"TableName": self._table, "Key": self._key(digest, sort)}
        answer = call("get_item", lambda: self._client.get_item(**request), self._patience.start())
        item: dict[str, Any] | None = answer.get("Item")
        return item

    def _put(self, digest: str, sort: str, attributes: dict[str, Any]) -> None:
        request = {"TableName": self._table, "Item": {**self._key(digest, sort), **attributes}}
        call("put_item", lambda: self._client.put_item(**request), self._patience.start())

    def _key(self, digest: str, sort: str) -> dict[str, Any]:
        return {"pk": {"S": f"{self._workspace}#answer#{digest}"}, "sk": {"S": sort}}


def _piece(identity: str, number: int) -> str:
    return f"piece#{identity}#{number:03}"

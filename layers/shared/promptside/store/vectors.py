"""Vectors of questions whose answers the cache has kept, in the run table, and the search among them.

    <workspace>#vectors#<partition>   <milliseconds>#<answer's digest>   vector, expires_at

A vector has length one and is kept as 32-bit floats, so that a product of two is their similarity. The newest of a
partition are searched one by one: docs/decisions/0015-cache.md says how long that takes and where it ends.
"""

from __future__ import annotations

import heapq
import math
import sys
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import mul
from typing import Any

from promptside.store.cache import BoundedCache
from promptside.store.patience import Patience, call

MOST_VECTORS = 1000
"""How many of a partition are searched."""
LARGEST_SEARCH = 4 * 1024 * 1024
"""Bytes of vectors of one search: long ones are fewer."""
_CACHED_BYTES = 32 * 1024 * 1024
_OVERHEAD = 400
# Clocks of functions differ, and a read may not see what was written just now: so far back is read again.
_OVERLAP_MS = 10_000
_SEARCH_SECONDS = 2.0
_BEST = 3
# A run waits for this, and can do without: one try each way.
_PATIENCE = Patience(attempts=1)


@dataclass(frozen=True, slots=True)
class Match:
    """The digest of an answer, and how similar its question is: 1 for the same direction, 0 for nothing in common."""

    answer: str
    similarity: float


@dataclass(frozen=True, slots=True)
class _Entry:
    answer: str
    expires_at: int
    vector: array[float] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Shelf:
    """What this process knows of a partition, the newest first, and when it has asked."""

    entries: tuple[_Entry, ...] = ()
    read_ms: int | None = None

    @property
    def weight(self) -> int:
        """Bytes, roughly."""
        return sum(len(entry.vector) * entry.vector.itemsize + _OVERHEAD for entry in self.entries) or _OVERHEAD


class VectorStore:
    """Vectors over boto3's low-level client. Methods raise StoreUnavailable or ConfigurationError.

    What was read is remembered, within bounds, and only what is newer is read again. Safe to share between threads.
    """

    def __init__(
        self,
        client: Any,
        *,
        table: str,
        workspace: str,
        patience: Patience = _PATIENCE,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._table = table
        self._workspace = workspace
        self._patience = patience
        self._monotonic = monotonic
        self._shelves: BoundedCache[str, _Shelf] = BoundedCache(_CACHED_BYTES, weigh=lambda shelf: shelf.weight)

    def nearest(self, partition: str, vector: Sequence[float], *, now: float) -> list[Match]:
        """Return the most similar questions of a partition, the best first: three at most, however far they are."""
        entries = self._current(partition, now=now, most=most_vectors(len(vector)))
        alive = [entry for entry in entries if entry.expires_at > now and len(entry.vector) == len(vector)]
        asked = tuple(vector)
        matches = (Match(entry.answer, _product(asked, entry.vector)) for entry in alive)
        return heapq.nlargest(_BEST, matches, key=lambda match: match.similarity)

    def put(self, partition: str, answer: str, vector: Sequence[float], *, now: float, seconds: float) -> None:
        """Keep the vector of an answer's question for `seconds`."""
        item = {
            "pk": {"S": self._pk(partition)},
            "sk": {"S": f"{_moment(round(now * 1000))}#{answer}"},
            "vector": {"B": _packed(vector)},
            "expires_at": {"N": str(math.ceil(now + seconds))},
        }
        request = {"TableName": self._table, "Item": item}
        call("put_item", lambda: self._client.put_item(**request), self._patience.start())

    def _current(self, partition: str, *, now: float, most: int) -> tuple[_Entry, ...]:
        """Return the newest entries, each answer once."""
        shelf = self._shelves.find(partition) or _Shelf()
        since = 0 if shelf.read_ms is None else shelf.read_ms - _OVERLAP_MS
        deadline = self._monotonic() + _SEARCH_SECONDS
        newer: dict[str, _Entry] = {}
        for page in self._pages(partition, since, most=most):
            for entry in page:
                newer.setdefault(entry.answer, entry)
            if self._monotonic() >= deadline:
                # What lies between is unknown, so this is not worth remembering.
                return _merged(newer, shelf.entries, most)
        entries = _merged(newer, shelf.entries, most)
        self._shelves.put(partition, _Shelf(entries, round(now * 1000)))
        return entries

    def _pages(self, partition: str, since_ms: int, *, most: int) -> Iterator[list[_Entry]]:
        """Yield what was written after a moment, the newest first, until it is so many."""
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND sk > :since",
            "ExpressionAttributeValues": {":pk": {"S": self._pk(partition)}, ":since": {"S": _moment(since_ms)}},
            "ScanIndexForward": False,
        }
        left = most
        while left > 0:
            request["Limit"] = left
            answer = call("query", lambda: self._client.query(**request), self._patience.start())
            yield [_entry(item) for item in answer["Items"]]
            left -= len(answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _pk(self, partition: str) -> str:
        return f"{self._workspace}#vectors#{partition}"


def most_vectors(dimensions: int) -> int:
    """Return how many vectors of so many dimensions are searched."""
    return min(MOST_VECTORS, LARGEST_SEARCH // (4 * dimensions))


def unit(values: Sequence[float]) -> array[float]:
    """Return a vector of length one in the same direction, as it is kept. Raises ValueError for one without any."""
    length = math.hypot(*values)
    if not 0 < length < math.inf:
        raise ValueError("The vector has no direction")
    return array("f", [value / length for value in values])


def _merged(newer: dict[str, _Entry], older: Iterable[_Entry], most: int) -> tuple[_Entry, ...]:
    rest = (entry for entry in older if entry.answer not in newer)
    return (*newer.values(), *rest)[:most]


def _entry(item: dict[str, Any]) -> _Entry:
    answer = item["sk"]["S"].partition("#")[2]
    return _Entry(answer, int(item["expires_at"]["N"]), _unpacked(item["vector"]["B"]))


def _packed(vector: Sequence[float]) -> bytes:
    values = array("f", vector)
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


def _unpacked(data: bytes) -> array[float]:
    values = array("f")
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def _moment(milliseconds: int) -> str:
    return f"{max(milliseconds, 0):013}"


def _sum_of_products(left: Iterable[float], right: Iterable[float]) -> float:
    return sum(map(mul, left, right), 0.0)


# Python 3.12 and later have it in C.
_product: Callable[[Iterable[float], Iterable[float]], float] = getattr(math, "sumprod", _sum_of_products)

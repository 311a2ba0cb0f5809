"""A bounded cache of what was used last, safe to share between threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class BoundedCache(Generic[_Key, _Value]):
    """Keeps the values used last, up to a total weight; without `weigh` each weighs one."""

    def __init__(self, capacity: int, *, weigh: Callable[[_Value], int] | None = None) -> None:
        self._capacity = capacity
        self._weigh = weigh
        self._weight = 0
        self._values: OrderedDict[_Key, tuple[_Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: _Key) -> _Value | None:
        """Return the value, or None."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def put(self, key: _Key, value: _Value) -> None:
        """Keep a value, and let go of those that were not used for longest."""
        weight = 1 if self._weigh is None else self._weigh(value)
        with self._lock:
            replaced = self._values.pop(key, None)
            if replaced is not None:
                self._weight -= replaced[1]
            self._values[key] = (value, weight)
            self._weight += weight
            while self._weight > self._capacity and self._values:
                _, (_, dropped) = self._values.popitem(last=False)
                self._weight -= dropped

    def __len__(self) -> int:
        """Count the values."""
        with self._lock:
            return len(self._values)

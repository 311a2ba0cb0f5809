"""Reads fields of somebody else's JSON and remembers which, so that the rest can be named instead of lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

from promptside.schema.prompt import JsonObject

_EMPTY: tuple[Any, ...] = (None, "", [], {})


class Reading:
    """A JSON object of which every field is taken once; `left` holds the names that nobody took."""

    def __init__(self, source: Mapping[str, Any]) -> None:
        self._left = dict(source)

    def take(self, name: str) -> Any:
        """Return a field of any type, None when absent."""
        return self._left.pop(name, None)

    def text(self, name: str) -> str | None:
        """Return a text that is not empty, else None; any other type stays untaken."""
        value = self._left.get(name)
        if value is not None and not isinstance(value, str):
            return None
        return self._left.pop(name, None) or None

    def items(self, name: str) -> list[Any]:
        """Return a list, empty when absent; any other type stays untaken."""
        value = self._left.get(name)
        if value is not None and not isinstance(value, list):
            return []
        return self._left.pop(name, None) or []

    def object(self, name: str) -> JsonObject:
        """Return an object, empty when absent; any other type stays untaken."""
        value = self._left.get(name)
        if value is not None and not isinstance(value, dict):
            return {}
        return self._left.pop(name, None) or {}

    def put_back(self, name: str, value: Any) -> None:
        """Undo taking, for a value that turned out to be of no use."""
        self._left[name] = value

    def take_present(self, names: Iterable[str]) -> list[str]:
        """Take several fields for their names alone, and return those that held something."""
        taken = {name: self.take(name) for name in names if name in self._left}
        return [name for name, value in taken.items() if not is_empty(value)]

    @property
    def left(self) -> JsonObject:
        """What nobody took and holds something: neither null nor empty."""
        return {name: value for name, value in self._left.items() if not is_empty(value)}


def is_empty(value: Any) -> bool:
    """Tell whether a value holds nothing; False and 0 hold something."""
    return any(type(value) is type(empty) and value == empty for empty in _EMPTY)


def is_object(value: Any) -> TypeGuard[JsonObject]:
    """Tell whether a decoded value is a JSON object."""
    return isinstance(value, dict)

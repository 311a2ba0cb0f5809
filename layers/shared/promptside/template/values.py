"""What a template may do with data: look names up, ask whether a value is empty, and write it as text.

Data is what JSON has: dict, list, text, numbers, true, false, null. Attributes are never read and nothing is ever
called, so a name such as `__class__` is a key like any other.
"""

from __future__ import annotations

import json
from typing import Any

from promptside.errors import InvalidRequest
from promptside.template.source import shown

Context = tuple[Any, "Context | None"]
"""The values that sections have entered, innermost first, down to the variables: `(item, (variables, None))`."""

_MISSING = object()
_LARGEST_PLAIN = 1e21
"""From here on JavaScript writes whole numbers with an exponent, and so do we."""
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def find(path: tuple[str, ...], context: Context) -> Any:
    """Return the value of a dotted name, None when there is none.

    The innermost value that knows the first part decides; the rest is looked up in what it gives.
    """
    if not path:
        return context[0]
    value = _search(path[0], context)
    for part in path[1:]:
        if value is _MISSING:
            break
        value = _member(value, part)
    return None if value is _MISSING else value


def is_truthy(value: Any) -> bool:
    """Tell whether a section is shown: all but false, null, absent, `""`, zero, NaN and `[]`; `{}` is shown."""
    if value is None or value is False:
        return False
    if isinstance(value, int | float):
        return value == value and value != 0  # noqa: PLR0124 - NaN is the number that differs from itself
    if isinstance(value, str | list | tuple):
        return len(value) > 0
    return True


def text_of(value: Any, name: str) -> str:
    """Return how a value is written: text as it is, 1.0 as `1`, null as nothing, objects and lists as compact JSON.

    Raises InvalidRequest that names the variable for what JSON cannot hold.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and abs(value) < _LARGEST_PLAIN and value % 1 == 0:
        return str(int(value))
    return json_of(value, name)


def json_of(value: Any, name: str) -> str:
    """Return a value as compact JSON. Raises InvalidRequest that names the variable."""
    try:
        return _encode(value)
    except (TypeError, ValueError, RecursionError) as exc:
        raise invalid_variable(name, "cannot be written as JSON: it is too deep or not plain data") from exc


def escape(text: str) -> str:
    """Return text as it stands between the quotes of a JSON string."""
    return _encode(text)[1:-1]


def invalid_variable(name: str, problem: str) -> InvalidRequest:
    """Return the error for a value that cannot be used where its tag stands."""
    label = shown(name)
    return InvalidRequest(f"Variable {label} {problem}", param=f"variables.{label[1:-1]}", code="invalid_variable")


def _search(key: str, context: Context) -> Any:
    """Return the value under `key` in the innermost value that has it."""
    level: Context | None = context
    while level is not None:
        value, level = level
        found = _member(value, key)
        if found is not _MISSING:
            return found
    return _MISSING


def _member(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return value.get(key, _MISSING)
    if isinstance(value, list | tuple) and key.isascii() and key.isdigit() and int(key) < len(value):
        return value[int(key)]
    return _MISSING

"""What a tag outside of any text stands for: items of a list, or one JSON value."""

from __future__ import annotations

from typing import Any

from promptside.template.json_draft import load_value
from promptside.template.values import invalid_variable


def is_empty(value: Any) -> bool:
    """Tell whether a value leaves nothing behind: null, absent, or text without a visible character."""
    return value is None or (isinstance(value, str) and not value.strip())


def items_of(value: Any, name: str) -> list[Any]:
    """Return the items that a value adds to the list it stands in.

    A list gives its items, an object itself, text what its JSON gives: `[a, b]`, and also `a, b` without the brackets.
    Nothing, `""` and `[]` give no items. Raises InvalidRequest for text that is not JSON.
    """
    if is_empty(value):
        return []
    if isinstance(value, str):
        value = _parse_items(value, name)
    return list(value) if isinstance(value, list | tuple) else [value]


def value_of(value: Any, name: str) -> Any:
    """Return the one JSON value that a tag gives: text is taken as JSON, nothing is null.

    Raises InvalidRequest for text that is not JSON.
    """
    if is_empty(value):
        return None
    if not isinstance(value, str):
        return value
    try:
        return load_value(value)
    except (ValueError, RecursionError) as exc:
        raise invalid_variable(
            name, "stands outside of quotes in the template, so it must be JSON, or the JSON text of a value"
        ) from exc


def _parse_items(text: str, name: str) -> Any:
    try:
        return load_value(text)
    except (ValueError, RecursionError):
        pass
    try:
        return load_value(f"[{text.strip().strip(',')}]")
    except (ValueError, RecursionError) as exc:
        raise invalid_variable(
            name, "stands as an element of a list in the template, so it must be a list, or the JSON text of one"
        ) from exc

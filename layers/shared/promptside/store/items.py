"""DynamoDB's typed attributes to and from plain values.

JSON values are kept as JSON text inside one attribute: floats stay exact and depth is not limited to 32 levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Record = dict[str, Any]
"""Attributes as text, int, bool, a list of text, or an object of text and ints."""
Item = dict[str, dict[str, Any]]
"""Attributes as DynamoDB writes them: `{"name": {"S": "..."}}`."""

LARGEST_ITEM = 400 * 1024
"""Bytes; DynamoDB's limit, names and values together."""
_OVERHEAD = 512
"""Bytes kept back for keys and what DynamoDB adds per attribute."""


def encode_item(record: Mapping[str, Any]) -> Item:
    """Return the attributes of a record; values that are None are left out."""
    return {name: encode_value(value) for name, value in record.items() if value is not None}


def encode_value(value: Any) -> dict[str, Any]:
    """Return one typed value."""
    match value:
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int():
            return {"N": str(value)}
        case Mapping():
            return {"M": encode_item(value)}
        case list() | tuple():
            return {"L": [encode_value(part) for part in value]}
    raise TypeError(f"{type(value).__name__} has no place in an item")


def decode_item(item: Mapping[str, Mapping[str, Any]]) -> Record:
    """Return the record of an item; numbers become int."""
    return {name: decode_value(value) for name, value in item.items()}


def decode_value(value: Mapping[str, Any]) -> Any:
    """Return one plain value."""
    ((kind, content),) = value.items()
    match kind:
        case "S" | "BOOL":
            return content
        case "N":
            return int(content)
        case "M":
            return decode_item(content)
        case "L":
            return [decode_value(part) for part in content]
        case "NULL":
            return None
    raise TypeError(f"An attribute of type {kind} was not written by this program")


def item_size(record: Mapping[str, Any]) -> int:
    """Return about how many bytes DynamoDB will count for a record, a little more rather than less."""
    return _OVERHEAD + sum(len(name.encode()) + _value_size(value) for name, value in record.items())


def _value_size(value: Any) -> int:
    match value:
        case None:
            return 0
        case str():
            return len(value.encode("utf-8", "surrogatepass")) + 3
        case Mapping():
            return 3 + sum(len(str(name).encode()) + _value_size(part) + 1 for name, part in value.items())
        case list() | tuple():
            return 3 + sum(_value_size(part) + 1 for part in value)
    return 21

"""Reads JSON request bodies with limits on everything a caller could blow up."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from promptside.errors import InvalidRequest, JsonObject, PayloadTooLarge

LARGEST_BODY = 6 * 1024 * 1024
"""Bytes; Lambda's own limit for a buffered request."""
DEEPEST = 100


def parse_object(body: bytes) -> JsonObject:
    """Decode a body that must be a JSON object; an empty one is `{}`.

    Raises InvalidRequest or PayloadTooLarge that say what to change, without quoting the body.
    """
    if len(body) > LARGEST_BODY:
        raise PayloadTooLarge(f"The body has {len(body)} bytes; the limit is {LARGEST_BODY}", param="body")
    if not body.strip():
        return {}
    # Counting brackets is a cheap upper bound of the depth; only suspicious bodies are measured.
    if body.count(b"[") + body.count(b"{") > DEEPEST and _depth(body) > DEEPEST:
        raise _invalid(f"is nested deeper than {DEEPEST} levels")
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as exc:
        raise _invalid("is not UTF-8") from exc
    except json.JSONDecodeError as exc:
        raise _invalid(f"is not JSON: {exc.msg} at line {exc.lineno}, column {exc.colno}") from exc
    except ValueError as exc:
        # Python refuses integers of more than a few thousand digits.
        raise _invalid("holds a number that is too long") from exc
    if not isinstance(value, dict):
        raise _invalid("must be a JSON object")
    return value


def optional_object(body: JsonObject, name: str) -> JsonObject:
    """Return the object under `name`, `{}` when absent or null. Raises InvalidRequest."""
    value: Any = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidRequest(f"'{name}' must be a JSON object", param=name, code="invalid_type")
    return value


def _depth(body: bytes) -> int:
    """Return how deep brackets nest outside of strings, scanning once."""
    depth = deepest = position = 0
    in_string = False
    while position < len(body):
        byte = body[position]
        if in_string:
            if byte == 0x5C:
                position += 1
            elif byte == 0x22:
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
        position += 1
    return deepest


def _refuse_constant(_: str) -> NoReturn:
    raise _invalid("holds NaN or Infinity, which are not JSON")


def _invalid(problem: str) -> InvalidRequest:
    return InvalidRequest(f"The request body {problem}", param="body", code="invalid_json")

"""Reads the fields of management bodies and queries, with errors that name the field."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from promptside.errors import InvalidRequest, JsonObject
from promptside.store.keys import timestamp
from promptside.store.names import RESERVED_SLUGS, is_slug

LONGEST_NAME = 255
LONGEST_DESCRIPTION = 4000
LARGEST_PAGE = 1000
LARGEST_ANSWER = 5 * 1024 * 1024
"""Bytes of JSON in one list."""
_Item = TypeVar("_Item")


def text(body: JsonObject, name: str, *, longest: int = LONGEST_NAME) -> str | None:
    """Return a text, or None when absent, null or empty. Raises InvalidRequest."""
    value = body.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise wrong_type(name, "a text")
    if len(value) > longest:
        raise InvalidRequest(f"'{name}' has {len(value)} characters; it can have {longest}", param=name)
    return value


def required_text(body: JsonObject, name: str, *, longest: int = LONGEST_NAME) -> str:
    """Return a text that must be there."""
    value = text(body, name, longest=longest)
    if value is None or not value.strip():
        raise missing(name)
    return value


def json_object(body: JsonObject, name: str) -> JsonObject:
    """Return an object, `{}` when absent or null."""
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong_type(name, "a JSON object")
    return value


def object_list(body: JsonObject, name: str) -> list[JsonObject] | None:
    """Return a list of objects, None when absent, null or empty."""
    value = body.get(name)
    if value is None or value == []:
        return None
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise wrong_type(name, "a list of JSON objects")
    return value


def flag(body: JsonObject, name: str) -> bool:
    """Return a boolean, that clients also write as 0 or 1; False when absent or null."""
    value = body.get(name)
    if value in (None, 0, 1):
        return bool(value)
    raise wrong_type(name, "true, false, 0 or 1")


def number(value: Any, name: str) -> int:
    """Return a whole number above zero, that may be written as a text of digits."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise wrong_type(name, "a whole number above zero")
    return value


def moment_to_come(body: JsonObject, now: str) -> datetime | None:
    """Return `expires_at`, None when absent or null. `now` is RFC 3339 in UTC. Raises InvalidRequest."""
    given = text(body, "expires_at")
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given)
    except ValueError as exc:
        raise wrong_type("expires_at", "a time such as 2027-01-31T12:00:00Z") from exc
    if moment.tzinfo is None:
        raise wrong_type("expires_at", "a time with its zone, such as 2027-01-31T12:00:00Z")
    if timestamp(moment) <= now:
        raise InvalidRequest("'expires_at' has passed", param="expires_at")
    return moment


def expiry(body: JsonObject, now: str) -> str | None:
    """Return `expires_at` in RFC 3339, None when absent or null. Raises InvalidRequest."""
    moment = moment_to_come(body, now)
    return None if moment is None else timestamp(moment)


def slug(body: JsonObject) -> str | None:
    """Return the slug that the caller chose, if any. Raises InvalidRequest for one that cannot be."""
    value = text(body, "slug", longest=128)
    if value is not None and (not is_slug(value) or value.lower() in RESERVED_SLUGS):
        raise InvalidRequest(
            "'slug' must be up to 128 letters, digits, '_' and '-', start with a letter or digit, and not be a UUID or"
            f" one of {', '.join(sorted(RESERVED_SLUGS))}",
            param="slug",
        )
    return value


def page_of(items: Sequence[_Item], query: Mapping[str, str], view: Callable[[_Item], JsonObject]) -> JsonObject:
    """Return the page of `items` that the query asks for, each as `view` shows it; see `listing`."""
    return listing(len(items), map(view, page(items, query)))


def page(items: Sequence[_Item], query: Mapping[str, str]) -> Sequence[_Item]:
    """Return the part of `items` that `current_page` and `page_size` name; everything without a size.

    Pages count from 0, as both SDKs send them.
    """
    if not query.get("page_size"):
        return items
    size = number(query["page_size"], "page_size")
    if size > LARGEST_PAGE:
        raise InvalidRequest(f"'page_size' can be {LARGEST_PAGE}", param="page_size")
    current = query.get("current_page") or "0"
    start = 0 if current == "0" else number(current, "current_page") * size
    return items[start : start + size]


def listing(total: int, rows: Iterable[JsonObject]) -> JsonObject:
    """Return `{"object": "list", "total": n, "data": [...]}`.

    Lambda cannot answer more than 6 MB: rows that would not fit are left out, and `total` shows it.
    """
    data: list[JsonObject] = []
    room = LARGEST_ANSWER
    for row in rows:
        room -= len(json.dumps(row)) + 2
        if room < 0:
            break
        data.append(row)
    return {"object": "list", "total": total, "data": data}


def missing(name: str) -> InvalidRequest:
    """Return the error for a field that has to be there."""
    return InvalidRequest(f"'{name}' is missing", param=name, code="missing_field")


def wrong_type(name: str, expected: str) -> InvalidRequest:
    """Return the error for a field of the wrong type."""
    return InvalidRequest(f"'{name}' must be {expected}", param=name, code="invalid_type")

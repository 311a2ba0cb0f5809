"""What prompts, partials and configs have in common above their versions: name, status, collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from promptside.errors import InvalidRequest, JsonObject
from promptside.management import fields
from promptside.store.records import Pointer


def renamed(old: Pointer, body: JsonObject, now: str) -> Pointer:
    """Return the pointer with the body's name, collection and status."""
    status = fields.text(body, "status") or old.status
    if status not in ("active", "archived"):
        raise InvalidRequest("'status' must be active or archived", param="status")
    collection = fields.text(body, "collection_id") if "collection_id" in body else old.collection_id
    name = fields.text(body, "name") or old.name
    return replace(old, name=name, status=status, collection_id=collection, updated_at=now)


def matching(pointers: list[Pointer], query: Mapping[str, str]) -> list[Pointer]:
    """Return the pointers that fit `search` and `collection_id`, newest first."""
    search = query.get("search", "").strip().lower()
    collection = query.get("collection_id")
    found = [
        pointer
        for pointer in pointers
        if (not collection or pointer.collection_id == collection)
        and (not search or search in pointer.name.lower() or search in pointer.slug.lower())
    ]
    found.sort(key=lambda pointer: pointer.slug)
    found.sort(key=lambda pointer: pointer.created_at, reverse=True)
    return found

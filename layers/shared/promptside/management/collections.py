"""Collections: folders of prompts and partials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from promptside.errors import InvalidRequest, JsonObject
from promptside.management import fields
from promptside.management.drafts import new_slug
from promptside.management.services import ManagementServices
from promptside.management.usage import refuse_in_use
from promptside.management.views import collection_view
from promptside.store.lists import Collection


def create_collection(services: ManagementServices, body: JsonObject) -> JsonObject:
    """Store a collection. Answers `{"id", "slug"}`."""
    now = services.timestamp()
    name = fields.required_text(body, "name")
    collection = Collection(
        id=services.new_id(),
        name=name,
        slug=new_slug(services, name).removeprefix("pp-"),
        parent_id=_parent(services, body),
        created_at=now,
        updated_at=now,
    )
    services.collections.create(collection)
    return {"id": collection.id, "slug": collection.slug}


def list_collections(services: ManagementServices, query: Mapping[str, str]) -> JsonObject:
    """Return the collections by name."""
    search = query.get("search", "").strip().lower()
    found = [item for item in services.collections.all() if search in item.name.lower()]
    found.sort(key=lambda item: (item.name.lower(), item.id))
    return fields.page_of(found, query, lambda item: collection_view(services, item))


def retrieve_collection(services: ManagementServices, identifier: str) -> JsonObject:
    """Return one collection, by UUID or slug."""
    return collection_view(services, services.collections.get(identifier))


def update_collection(services: ManagementServices, identifier: str, body: JsonObject) -> JsonObject:
    """Change a collection's name or parent. Answers `{}`."""
    old = services.collections.get(identifier)
    parent = _parent(services, body) if "parent_collection_id" in body else old.parent_id
    if parent == old.id:
        raise InvalidRequest("A collection cannot be its own parent", param="parent_collection_id")
    name = fields.text(body, "name") or old.name
    services.collections.replace(replace(old, name=name, parent_id=parent, updated_at=services.timestamp()))
    return {}


def delete_collection(services: ManagementServices, identifier: str) -> JsonObject:
    """Delete an empty collection. Answers `{}`. Raises Conflict that names what is in it."""
    collection = services.collections.get(identifier)
    inside = [
        *(f"prompt '{pointer.slug}'" for pointer in services.prompts.all() if pointer.collection_id == collection.id),
        *(f"partial '{pointer.slug}'" for pointer in services.partials.all() if pointer.collection_id == collection.id),
        *(f"collection '{item.name}'" for item in services.collections.all() if item.parent_id == collection.id),
    ]
    refuse_in_use(f"Collection '{collection.name}' holds", inside)
    services.collections.delete(collection)
    return {}


def _parent(services: ManagementServices, body: JsonObject) -> str | None:
    wanted = fields.text(body, "parent_collection_id")
    return None if wanted is None else services.collections.get(wanted).id

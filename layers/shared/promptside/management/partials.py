"""Partials: templates that prompts include, with versions of their own."""

from __future__ import annotations

from collections.abc import Mapping

from promptside.errors import JsonObject
from promptside.management import fields
from promptside.management.drafts import check_partial, new_slug, template_string
from promptside.management.pointers import matching, renamed
from promptside.management.prompts import publish, rename, version_in
from promptside.management.services import ManagementServices
from promptside.management.usage import partials_with_partial, prompts_with_partial, refuse_in_use
from promptside.management.versions import paged_versions
from promptside.management.views import partial_item, partial_version_item, partial_view
from promptside.schema.prompt import PartialVersion, parse_reference
from promptside.store.missing import partial_not_found
from promptside.store.records import Pointer
from promptside.store.versioned import version_id
from promptside.store.walk import selected


def create_partial(services: ManagementServices, body: JsonObject) -> JsonObject:
    """Store a partial with version 1, published. Answers `{"id", "slug", "version_id", "object": "partial"}`."""
    chosen = fields.slug(body)
    name = fields.text(body, "name") or chosen
    if name is None:
        raise fields.missing("name")
    now = services.timestamp()
    pointer = Pointer(
        slug=chosen or new_slug(services, name),
        id=services.new_id(),
        name=name,
        published=1,
        latest=1,
        collection_id=fields.text(body, "collection_id"),
        created_at=now,
        updated_at=now,
    )
    version = _draft(services, pointer, 1, body)
    services.partials.create(pointer, version)
    return {"id": pointer.id, "slug": pointer.slug, "version_id": version.version_id, "object": "partial"}


def update_partial(services: ManagementServices, name: str, body: JsonObject) -> JsonObject:
    """Change name or status in place; a `string` makes a new version, not published.

    Answers `{"prompt_partial_version_id"}` for a new version, else `{}`.
    """
    if "string" not in body:
        rename(services.partials, name, body, services.timestamp())
        return {}

    def make(old: Pointer) -> tuple[Pointer, PartialVersion]:
        new = renamed(old, body, services.timestamp())
        return new, _draft(services, new, old.latest + 1, body)

    _, version = services.partials.add_version(name, make)
    return {"prompt_partial_version_id": version.version_id}


def publish_partial(services: ManagementServices, name: str, body: JsonObject) -> JsonObject:
    """Publish `{"version": 2}`: every prompt that includes the partial uses it from the next call. Answers `{}`."""
    number = version_in(body)
    publish(services.partials, services.partials.get(name), number, change={"updated_at": services.timestamp()})
    return {}


def retrieve_partial(services: ManagementServices, name: str, query: Mapping[str, str]) -> JsonObject:
    """Return the published version, or the one that `?version=` names."""
    reference = parse_reference(name)
    pointer = services.partials.get(reference.id)
    number = selected(pointer, query.get("version") or reference.selector)
    if number is None:
        raise partial_not_found(name)
    return partial_view(pointer, services.partials.version(pointer, number))


def list_partials(services: ManagementServices, query: Mapping[str, str]) -> JsonObject:
    """Return the partials, newest first."""
    return fields.page_of(matching(services.partials.all(), query), query, partial_item)


def list_partial_versions(services: ManagementServices, name: str, query: Mapping[str, str]) -> JsonObject:
    """Return the versions of a partial, newest first."""
    pointer = services.partials.get(name)
    shown = paged_versions(services.partials, pointer, query)
    return fields.listing(pointer.latest, (partial_version_item(pointer, version) for version in shown))


def delete_partial(services: ManagementServices, name: str) -> JsonObject:
    """Delete a partial that nothing includes. Answers `{}`. Raises Conflict that names who does."""
    pointer = services.partials.get(name)
    users = [
        *(f"prompt '{slug}'" for slug in prompts_with_partial(services, pointer.slug)),
        *(f"partial '{slug}'" for slug in partials_with_partial(services, pointer.slug)),
    ]
    refuse_in_use(f"Partial '{pointer.slug}' is used by", users, ": take it out there first")
    services.partials.delete(pointer)
    return {}


def _draft(services: ManagementServices, pointer: Pointer, number: int, body: JsonObject) -> PartialVersion:
    string = template_string(body)
    return PartialVersion(
        slug=pointer.slug,
        partial_id=pointer.id,
        version=number,
        version_id=version_id(pointer.id, number),
        string=string,
        # Creation calls it version_description, an update description.
        description=fields.text(body, "version_description", longest=fields.LONGEST_DESCRIPTION)
        or fields.text(body, "description", longest=fields.LONGEST_DESCRIPTION),
        partials=check_partial(services, string),
        created_at=pointer.updated_at,
    )

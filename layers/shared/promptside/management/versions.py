"""The versions of a prompt, and the labels that are moved between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from promptside.errors import JsonObject, NotFound
from promptside.management import fields
from promptside.management.services import ManagementServices
from promptside.management.views import label_ids, prompt_view, version_item
from promptside.store.names import version_number
from promptside.store.records import Pointer
from promptside.store.versioned import Version, VersionedStore, numbered

_READ_AT_ONCE = 20


def list_versions(services: ManagementServices, name: str, query: Mapping[str, str]) -> JsonObject:
    """Return the versions of a prompt, newest first."""
    pointer = services.prompts.get(name)
    labels = label_ids(services, pointer)
    shown = paged_versions(services.prompts, pointer, query)
    return fields.listing(pointer.latest, (version_item(pointer, version, labels) for version in shown))


def retrieve_version(services: ManagementServices, name: str, identifier: str) -> JsonObject:
    """Return one version, by its UUID or number, with the keys of a retrieved prompt and of a listed version."""
    pointer = services.prompts.get(name)
    version = services.prompts.version(pointer, version_named(pointer, identifier))
    view = prompt_view(services, pointer, version)
    return {**view, **version_item(pointer, version, label_ids(services, pointer))}


def update_version(services: ManagementServices, name: str, identifier: str, body: JsonObject) -> JsonObject:
    """Move the label `{"label_id": ...}` to a version; null takes every label off it. Answers `{}`.

    Raises NotFound for an unknown prompt, version or label.
    """
    if "label_id" not in body:
        raise fields.missing("label_id")
    pointer = services.prompts.get(name)
    number = version_named(pointer, identifier)
    wanted = fields.text(body, "label_id")
    label = None if wanted is None else services.labels.get(wanted).name
    now = services.timestamp()

    def make(old: Pointer) -> Pointer:
        if label is None:
            labels = {name: carrier for name, carrier in old.labels.items() if carrier != number}
        else:
            labels = {**old.labels, label: number}
        return replace(old, labels=labels, updated_at=now)

    services.prompts.change(pointer.slug, make, needs_version=number)
    return {}


def paged_versions(store: VersionedStore[Version], pointer: Pointer, query: Mapping[str, str]) -> Iterator[Version]:
    """Yield the versions of the page that the query asks for, newest first, reading a few at a time."""
    # Versions have no gaps, so their numbers are known without reading them.
    numbers = fields.page(range(pointer.latest, 0, -1), query)
    for start in range(0, len(numbers), _READ_AT_ONCE):
        wanted = tuple(numbers[start : start + _READ_AT_ONCE])
        found = store.versions_of({pointer.slug: (pointer, wanted)})
        yield from sorted(found, key=lambda version: version.version, reverse=True)


def version_named(pointer: Pointer, identifier: str) -> int:
    """Return the number of a version by UUID or number. Raises NotFound."""
    number = version_number(identifier) or numbered(pointer, identifier)
    if number is None:
        raise NotFound(
            f"'{pointer.slug}' has no version '{identifier[:64]}'", param="version_id", code="prompt_version_not_found"
        )
    return number

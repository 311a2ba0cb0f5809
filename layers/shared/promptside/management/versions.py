"""The versions of a prompt, and the labels that are moved between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from promptside.errors import JsonObject, NotFound
from promptside.management import fields
from promptside.management.services import ManagementServices
from promptside.management.views import label_ids, prompt_view, version_item
from promptside.store.names import version_number
from promptside.store.records import Pointer
from promptside.store.versioned import numbered


def list_versions(services: ManagementServices, name: str, query: Mapping[str, str]) -> JsonObject:
    """Return the versions of a prompt, newest first."""
    pointer = services.prompts.get(name)
    labels = label_ids(services, pointer)
    versions = list(services.prompts.versions(pointer))
    return fields.page_of(versions, query, lambda version: version_item(pointer, version, labels))


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


def version_named(pointer: Pointer, identifier: str) -> int:
    """Return the number of a version by UUID or number. Raises NotFound."""
    number = version_number(identifier) or numbered(pointer, identifier)
    if number is None:
        raise NotFound(
            f"'{pointer.slug}' has no version '{identifier[:64]}'", param="version_id", code="prompt_version_not_found"
        )
    return number

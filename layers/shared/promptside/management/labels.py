"""Labels: names such as `production` that are moved from version to version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from promptside.errors import Conflict, InvalidRequest, JsonObject
from promptside.management import fields
from promptside.management.services import ManagementServices
from promptside.management.usage import refuse_in_use
from promptside.management.views import label_view
from promptside.store.lists import Label
from promptside.store.names import RESERVED_LABELS, is_label


def create_label(services: ManagementServices, body: JsonObject) -> JsonObject:
    """Store a label. Answers `{"id"}`. Raises InvalidRequest for a reserved name, Conflict for a taken one."""
    now = services.timestamp()
    label = Label(
        id=services.new_id(),
        name=_name(body),
        description=fields.text(body, "description", longest=fields.LONGEST_DESCRIPTION),
        color_code=fields.text(body, "color_code", longest=32),
        created_at=now,
        updated_at=now,
    )
    services.labels.create(label)
    return {"id": label.id}


def list_labels(services: ManagementServices, query: Mapping[str, str]) -> JsonObject:
    """Return the labels, the built-in ones first."""
    search = query.get("search", "").strip().lower()
    found = [label for label in services.labels.all() if search in label.name.lower()]
    return fields.page_of(found, query, lambda label: label_view(services, label))


def retrieve_label(services: ManagementServices, identifier: str) -> JsonObject:
    """Return one label, by id or name."""
    return label_view(services, services.labels.get(identifier))


def update_label(services: ManagementServices, identifier: str, body: JsonObject) -> JsonObject:
    """Change a label. Answers `{}`. Raises Conflict for a built-in one, or a new name while versions carry the old."""
    old = _own(services, identifier)
    name = _name(body) if body.get("name") is not None else old.name
    if name != old.name:
        _check_unused(services, old, "renamed")
    new = replace(old, name=name, updated_at=services.timestamp())
    if "description" in body:
        new = replace(new, description=fields.text(body, "description", longest=fields.LONGEST_DESCRIPTION))
    if "color_code" in body:
        new = replace(new, color_code=fields.text(body, "color_code", longest=32))
    services.labels.replace(old, new)
    return {}


def delete_label(services: ManagementServices, identifier: str) -> JsonObject:
    """Delete a label that no version carries. Answers `{}`. Raises Conflict that names who does."""
    label = _own(services, identifier)
    _check_unused(services, label, "deleted")
    services.labels.delete(label)
    return {}


def _own(services: ManagementServices, identifier: str) -> Label:
    label = services.labels.get(identifier)
    if label.built_in:
        raise Conflict(f"Label '{label.name}' is built in and cannot be changed", param="label_id", code="built_in")
    return label


def _check_unused(services: ManagementServices, label: Label, what: str) -> None:
    users = [
        f"version {pointer.labels[label.name]} of '{pointer.slug}'"
        for pointer in services.prompts.all()
        if label.name in pointer.labels
    ]
    refuse_in_use(f"Label '{label.name}' cannot be {what}: it is on", users)


def _name(body: JsonObject) -> str:
    name = fields.required_text(body, "name")
    if not is_label(name):
        raise InvalidRequest(
            "A label's name must be up to 64 letters, digits, '_' and '-', not digits only, and not one of"
            f" {', '.join(sorted(RESERVED_LABELS))}",
            param="name",
        )
    return name

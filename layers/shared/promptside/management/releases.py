"""Prompts as resources of a CloudFormation stack: made, changed, rolled back and deleted with it.

A version is found by its content, so the Update that CloudFormation sends on rollback, with the properties of before,
leads back to the version of before. Nothing is remembered between requests: whose a prompt is follows from its UUID.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

from promptside.errors import Conflict, JsonObject
from promptside.management.partials import create_partial, delete_partial, publish_partial, update_partial
from promptside.management.prompts import create_prompt, delete_prompt, draft_prompt, publish_prompt, update_prompt
from promptside.management.release_properties import Release, read_release
from promptside.management.services import ManagementServices
from promptside.management.versions import update_version
from promptside.schema.prompt import PartialVersion, PromptVersion
from promptside.store.names import is_uuid
from promptside.store.records import Pointer
from promptside.store.versioned import VersionedStore, version_id

_OWNER_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Released:
    """What CloudFormation is told: the resource's physical id, and what `Fn::GetAtt` reads."""

    physical_id: str
    data: JsonObject


def release(services: ManagementServices, event: JsonObject) -> Released:
    """Do what a Create, Update or Delete asks for. Raises PromptsideError; repeating a request changes nothing."""
    if event["RequestType"] == "Delete":
        return _withdraw(services, event["PhysicalResourceId"])
    wanted = read_release(event["ResourceProperties"])
    if wanted.label is not None:
        # Before anything is written, so that an unknown label leaves nothing behind.
        services.labels.get(wanted.label)
    pointer = _store(services, wanted.kind).find(wanted.slug)
    if pointer is None:
        _create(services, wanted, _identity(event, wanted))
    elif not _is_ours(pointer, event, wanted) and not wanted.adopt:
        raise Conflict(
            f"{wanted.kind.capitalize()} '{wanted.slug}' exists already and is not this resource's:"
            " set Adopt to true to go on from it",
            param="Slug",
        )
    pointer = _store(services, wanted.kind).get(wanted.slug)
    number = _number_of(services, wanted, pointer)
    if pointer.name != wanted.name:
        _rename(services, wanted)
    _point(services, wanted, number)
    _take_off_old_label(services, event, wanted, number)
    return Released(_physical_id(pointer, event, wanted), _data(services, wanted, pointer, number))


def physical_id_on_failure(event: JsonObject) -> str:
    """Return the id for an answer that says FAILED: after a failed Create, CloudFormation sends a Delete for it.

    It names what this request would have made and nothing else, so that Delete cannot hit what was there before.
    """
    known = event.get("PhysicalResourceId")
    if isinstance(known, str) and known:
        return known
    try:
        wanted = read_release(event["ResourceProperties"])
    except Exception:  # an edge: whatever the properties are, there has to be an answer
        return f"not-created/{event.get('RequestId', '')}"
    return f"{wanted.kind}/{wanted.slug}/{_identity(event, wanted)}"


def _withdraw(services: ManagementServices, physical_id: str) -> Released:
    """Delete what this resource has made; what it only adopted, or somebody else made since, stays."""
    kind, _, rest = physical_id.partition("/")
    slug, _, owner = rest.partition("/")
    if kind in ("prompt", "partial") and is_uuid(owner):
        pointer = _store(services, kind).find(slug)
        if pointer is not None and pointer.id == owner:
            (delete_partial if kind == "partial" else delete_prompt)(services, slug)
    return Released(physical_id, {})


def _create(services: ManagementServices, wanted: Release, identity: str) -> None:
    make = create_partial if wanted.kind == "partial" else create_prompt
    try:
        make(replace(services, new_id=lambda: identity), {"name": wanted.name, "slug": wanted.slug, **wanted.body})
    except Conflict:
        # The same request, delivered twice, made it a moment ago.
        pointer = _store(services, wanted.kind).find(wanted.slug)
        if pointer is None or pointer.id != identity:
            raise


def _number_of(services: ManagementServices, wanted: Release, pointer: Pointer) -> int:
    """Return the newest version with this content; the next one, made now, when there is none."""
    content = _digest(_drafted(services, wanted, pointer))
    for version in _store(services, wanted.kind).versions(pointer):
        if _digest(version) == content:
            return int(version.version)
    if wanted.kind == "partial":
        made = update_partial(services, wanted.slug, wanted.body)["prompt_partial_version_id"]
    else:
        made = update_prompt(services, wanted.slug, wanted.body)["prompt_version_id"]
    latest = _store(services, wanted.kind).get(wanted.slug).latest
    return next(number for number in range(latest, 0, -1) if version_id(pointer.id, number) == made)


def _drafted(services: ManagementServices, wanted: Release, pointer: Pointer) -> PromptVersion | PartialVersion:
    if wanted.kind == "partial":
        return PartialVersion(wanted.slug, pointer.id, 1, "", wanted.body["string"])
    empty = PromptVersion(wanted.slug, pointer.id, 1, "", kind="chat", string="")
    return draft_prompt(services, empty, wanted.body)


def _digest(version: PromptVersion | PartialVersion) -> str:
    """Return the SHA-256 of all that a call can notice of a version."""
    content: list[Any] = [version.string]
    if isinstance(version, PromptVersion):
        content += [version.kind, version.raw, version.model, version.virtual_key, version.parameters, version.tools]
        content += [version.functions, version.tool_choice, version.variables_schema]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _rename(services: ManagementServices, wanted: Release) -> None:
    (update_partial if wanted.kind == "partial" else update_prompt)(services, wanted.slug, {"name": wanted.name})


def _point(services: ManagementServices, wanted: Release, number: int) -> None:
    """Publish the version and move the label to it, where they are not there yet."""
    pointer = _store(services, wanted.kind).get(wanted.slug)
    if wanted.publish and pointer.published != number:
        (publish_partial if wanted.kind == "partial" else publish_prompt)(services, wanted.slug, {"version": number})
    if wanted.label is not None:
        name = services.labels.get(wanted.label).name
        if pointer.labels.get(name) != number:
            update_version(services, wanted.slug, str(number), {"label_id": name})


def _take_off_old_label(services: ManagementServices, event: JsonObject, wanted: Release, number: int) -> None:
    """Remove the label that the resource had asked for before and does not ask for any more."""
    old = event.get("OldResourceProperties") or {}
    label = old.get("Label")
    if event["RequestType"] != "Update" or not label or label == wanted.label or old.get("Slug") != wanted.slug:
        return
    now = services.timestamp()

    def make(pointer: Pointer) -> Pointer:
        labels = {name: carrier for name, carrier in pointer.labels.items() if name != label}
        return replace(pointer, labels=labels, updated_at=now)

    if label in services.prompts.get(wanted.slug).labels:
        services.prompts.change(wanted.slug, make, needs_version=number)


def _identity(event: JsonObject, wanted: Release) -> str:
    """Return the UUID (version 8) of what this request makes: the resource's digits, then the request's."""
    own = hashlib.sha256(str(event.get("RequestId", "")).encode()).hexdigest()
    digits = f"{_owner(event, wanted)}8{own[:3]}8{own[3:18]}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))


def _owner(event: JsonObject, wanted: Release) -> str:
    owner = json.dumps([event.get("StackId"), event.get("LogicalResourceId"), wanted.kind, wanted.slug])
    return hashlib.sha256(owner.encode()).hexdigest()[:_OWNER_DIGITS]


def _is_ours(pointer: Pointer, event: JsonObject, wanted: Release) -> bool:
    known = str(event.get("PhysicalResourceId") or "")
    adopted = known == f"{wanted.kind}/{wanted.slug}/{pointer.id}/adopted"
    return adopted or pointer.id.replace("-", "").startswith(_owner(event, wanted))


def _physical_id(pointer: Pointer, event: JsonObject, wanted: Release) -> str:
    made = pointer.id.replace("-", "").startswith(_owner(event, wanted))
    return f"{wanted.kind}/{pointer.slug}/{pointer.id}" + ("" if made else "/adopted")


def _data(services: ManagementServices, wanted: Release, pointer: Pointer, number: int) -> JsonObject:
    return {
        "Slug": pointer.slug,
        "Version": str(number),
        "PromptId": pointer.id,
        "VersionId": version_id(pointer.id, number),
        "Id": f"promptside:{services.workspace}:{wanted.kind}/{pointer.slug}@{number}",
    }


def _store(services: ManagementServices, kind: str) -> VersionedStore[Any]:
    return services.partials if kind == "partial" else services.prompts

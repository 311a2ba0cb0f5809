"""The answers of management as both SDKs and Portkey's Terraform provider read them."""

from __future__ import annotations

from collections.abc import Mapping

from promptside.errors import JsonObject
from promptside.management.limits import limits_view
from promptside.management.services import ManagementServices
from promptside.management.variables import variables_of
from promptside.schema.experiment import experiment_view
from promptside.schema.limits import Subject
from promptside.schema.prompt import PartialVersion, PromptVersion
from promptside.store.lists import BUILT_IN_LABELS, Collection, Label
from promptside.store.records import Pointer
from promptside.store.virtual_keys import VirtualKeyRecord

_BUILT_IN = {label.name: label.id for label in BUILT_IN_LABELS}


def prompt_view(services: ManagementServices, pointer: Pointer, version: PromptVersion) -> JsonObject:
    """Return a prompt with one of its versions; `variables` are the names its template uses."""
    view: JsonObject = {
        "id": pointer.id,
        "slug": pointer.slug,
        "name": pointer.name,
        "collection_id": pointer.collection_id,
        "string": version.string,
        "parameters": version.parameters,
        "model": version.model,
        "virtual_key": version.virtual_key,
        "functions": version.functions,
        "tools": version.tools,
        "tool_choice": version.tool_choice,
        "template_metadata": version.template_metadata or {"template_type": _template_type(version)},
        # Terraform's provider decodes a number, not a boolean.
        "is_raw_template": int(version.raw),
        "prompt_version": version.version,
        "prompt_version_id": version.version_id,
        "prompt_version_status": version_status(pointer, version.version),
        "prompt_version_description": version.description,
        "prompt_version_label_id": label_ids(services, pointer).get(version.version),
        "status": pointer.status,
        "created_at": pointer.created_at,
        "last_updated_at": pointer.updated_at,
        "variables_schema": version.variables_schema,
        "variables": variables_of(services, version),
        "object": "prompt",
    }
    if pointer.experiment is not None:
        view["experiment"] = experiment_view(pointer.experiment)
    if pointer.limits:
        view |= limits_view(services, Subject("prompt", pointer.id, pointer.slug, pointer.limits))[0]
    return view


def prompt_item(pointer: Pointer) -> JsonObject:
    """Return a prompt as it stands in lists."""
    return {
        "id": pointer.id,
        "slug": pointer.slug,
        "name": pointer.name,
        "collection_id": pointer.collection_id,
        "model": pointer.model,
        "status": pointer.status,
        "created_at": pointer.created_at,
        "last_updated_at": pointer.updated_at,
        "object": "prompt",
    }


def version_item(pointer: Pointer, version: PromptVersion, labels: Mapping[int, str]) -> JsonObject:
    """Return a version as it stands in lists."""
    return {
        "id": version.version_id,
        "prompt_id": pointer.id,
        "prompt_version": version.version,
        "prompt_template": version.string,
        "prompt_description": version.description,
        "label_id": labels.get(version.version),
        "created_at": version.created_at,
        "status": version_status(pointer, version.version),
        "object": "prompt",
    }


def partial_view(pointer: Pointer, version: PartialVersion) -> JsonObject:
    """Return a partial with one of its versions."""
    return {
        "id": pointer.id,
        "slug": pointer.slug,
        "name": pointer.name,
        "collection_id": pointer.collection_id,
        "string": version.string,
        "version": version.version,
        "version_description": version.description,
        "prompt_partial_version_id": version.version_id,
        "status": pointer.status,
        "created_at": pointer.created_at,
        "last_updated_at": pointer.updated_at,
        "object": "partial",
    }


def partial_item(pointer: Pointer) -> JsonObject:
    """Return a partial as it stands in lists."""
    item = prompt_item(pointer)
    del item["model"]
    return {**item, "object": "partial"}


def partial_version_item(pointer: Pointer, version: PartialVersion) -> JsonObject:
    """Return a partial's version as it stands in lists."""
    return {
        "prompt_partial_id": pointer.id,
        "prompt_partial_version_id": version.version_id,
        "slug": pointer.slug,
        "version": version.version,
        "string": version.string,
        "description": version.description,
        "created_at": version.created_at,
        "prompt_version_status": version_status(pointer, version.version),
        "object": "partial",
    }


def label_view(services: ManagementServices, label: Label) -> JsonObject:
    """Return a label; built-in ones are in every workspace."""
    return {
        "id": label.id,
        "name": label.name,
        "description": label.description,
        "color_code": label.color_code,
        "organisation_id": services.workspace,
        "workspace_id": services.workspace,
        "is_universal": label.built_in,
        "created_at": label.created_at,
        "last_updated_at": label.updated_at,
        "status": label.status,
        "object": "label",
    }


def virtual_key_view(services: ManagementServices, key: VirtualKeyRecord) -> JsonObject:
    """Return a virtual key with what is used of its budgets; of its secrets only whether there are any."""
    expired = key.expires_at is not None and key.expires_at <= services.timestamp()
    limits, exhausted = limits_view(services, Subject("virtual_key", key.id, key.slug, key.limits))
    return {
        "id": key.id,
        "slug": key.slug,
        "name": key.name,
        "note": key.note,
        "provider": key.provider,
        "ai_provider_name": key.provider,
        "settings": dict(key.settings),
        "masked_api_key": "********" if key.secret_name else None,
        "status": "expired" if expired else "exhausted" if exhausted else "active",
        **limits,
        "model_config": key.limits.get("model_config"),
        "deploymentConfig": key.limits.get("deployment_config"),
        "reset_usage": None,
        "created_at": key.created_at,
        "last_updated_at": key.updated_at,
        "expires_at": key.expires_at,
        "object": "virtual-key",
    }


def collection_view(services: ManagementServices, collection: Collection) -> JsonObject:
    """Return a collection."""
    return {
        "id": collection.id,
        "slug": collection.slug,
        "name": collection.name,
        "parent_collection_id": collection.parent_id,
        "workspace_id": services.workspace,
        "status": collection.status,
        "created_at": collection.created_at,
        "last_updated_at": collection.updated_at,
        "object": "collection",
    }


def label_ids(services: ManagementServices, pointer: Pointer) -> dict[int, str]:
    """Return the label's id for each version that carries one; of several the first by name."""
    if not pointer.labels:
        return {}
    ids = _BUILT_IN
    if pointer.labels.keys() - ids.keys():
        ids = {label.name: label.id for label in services.labels.all()}
    found: dict[int, str] = {}
    for name in sorted(pointer.labels):
        found.setdefault(pointer.labels[name], ids.get(name, name))
    return found


def version_status(pointer: Pointer, version: int) -> str:
    """Return `active` for the published version."""
    return "active" if version == pointer.published else "archived"


def _template_type(version: PromptVersion) -> str:
    return "chat" if version.kind == "chat" else "completion"

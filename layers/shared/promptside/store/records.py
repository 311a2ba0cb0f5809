"""What the table holds, as values: pointers, versions, callers' keys and virtual keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from promptside.schema.experiment import Experiment, experiment_of, experiment_view
from promptside.schema.prompt import ApiKey, ConfigVersion, JsonObject, PartialVersion, PromptVersion, VirtualKey
from promptside.store.items import Record


@dataclass(frozen=True, slots=True)
class Pointer:
    """What is known of a prompt, partial or config apart from its versions; the only part of it that changes.

    `labels` maps a label's name to the version that carries it. `revision` grows with every change, so that a writer
    notices that somebody else was faster. `model` is the published version's. `experiment` says which labels share the
    calls that ask for no version, `limits` are as in `schema.limits`. Times are RFC 3339 in UTC.
    """

    slug: str
    id: str
    name: str
    published: int
    latest: int
    labels: Mapping[str, int] = field(default_factory=dict)
    collection_id: str | None = None
    status: str = "active"
    model: str | None = None
    experiment: Experiment | None = None
    limits: JsonObject = field(default_factory=dict)
    revision: int = 1
    created_at: str = ""
    updated_at: str = ""


def pointer_record(pointer: Pointer) -> Record:
    """Return the attributes of a pointer."""
    return {
        "id": pointer.id,
        "name": pointer.name,
        "published": pointer.published,
        "latest": pointer.latest,
        "labels": dict(pointer.labels),
        "collection_id": pointer.collection_id,
        "status": pointer.status,
        "model": pointer.model,
        "experiment": None if pointer.experiment is None else json.dumps(experiment_view(pointer.experiment)),
        "limits": _text(pointer.limits or None),
        "revision": pointer.revision,
        "created_at": pointer.created_at,
        "updated_at": pointer.updated_at,
    }


def pointer_of(record: Mapping[str, Any]) -> Pointer:
    """Return the pointer in an item."""
    return Pointer(
        slug=record["sk"],
        id=record["id"],
        name=record["name"],
        published=record["published"],
        latest=record["latest"],
        labels=record.get("labels", {}),
        collection_id=record.get("collection_id"),
        status=record.get("status", "active"),
        model=record.get("model"),
        experiment=experiment_of(json.loads(record["experiment"])) if record.get("experiment") else None,
        limits=_object(record.get("limits")),
        revision=record["revision"],
        created_at=record.get("created_at", ""),
        updated_at=record.get("updated_at", ""),
    )


def prompt_record(version: PromptVersion) -> Record:
    """Return the attributes of a prompt version; JSON values as text."""
    return {
        "slug": version.slug,
        "owner_id": version.prompt_id,
        "version": version.version,
        "version_id": version.version_id,
        "kind": version.kind,
        "string": version.string,
        "raw": version.raw,
        "model": version.model,
        "virtual_key": version.virtual_key,
        "parameters": json.dumps(version.parameters),
        "tools": _text(version.tools),
        "functions": _text(version.functions),
        "tool_choice": _text(version.tool_choice),
        "template_metadata": json.dumps(version.template_metadata),
        "description": version.description,
        "partials": list(version.partials),
        "variables_schema": _text(version.variables_schema),
        "created_at": version.created_at,
    }


def prompt_of(record: Mapping[str, Any]) -> PromptVersion:
    """Return the prompt version in an item."""
    return PromptVersion(
        slug=record["slug"],
        prompt_id=record["owner_id"],
        version=record["version"],
        version_id=record["version_id"],
        kind=record["kind"],
        string=record["string"],
        raw=record["raw"],
        model=record.get("model"),
        virtual_key=record.get("virtual_key"),
        parameters=json.loads(record["parameters"]),
        tools=_value(record.get("tools")),
        functions=_value(record.get("functions")),
        tool_choice=_value(record.get("tool_choice")),
        template_metadata=json.loads(record["template_metadata"]),
        description=record.get("description"),
        partials=tuple(record["partials"]),
        variables_schema=_value(record.get("variables_schema")),
        created_at=record["created_at"],
    )


def partial_record(version: PartialVersion) -> Record:
    """Return the attributes of a partial's version."""
    return {
        "slug": version.slug,
        "owner_id": version.partial_id,
        "version": version.version,
        "version_id": version.version_id,
        "string": version.string,
        "description": version.description,
        "partials": list(version.partials),
        "created_at": version.created_at,
    }


def partial_of(record: Mapping[str, Any]) -> PartialVersion:
    """Return the partial's version in an item."""
    return PartialVersion(
        slug=record["slug"],
        partial_id=record["owner_id"],
        version=record["version"],
        version_id=record["version_id"],
        string=record["string"],
        description=record.get("description"),
        partials=tuple(record["partials"]),
        created_at=record["created_at"],
    )


def config_record(version: ConfigVersion) -> Record:
    """Return the attributes of a config's version; the config as JSON text."""
    return {
        "slug": version.slug,
        "owner_id": version.config_id,
        "version": version.version,
        "version_id": version.version_id,
        "config": json.dumps(version.config),
        "created_at": version.created_at,
    }


def config_of(record: Mapping[str, Any]) -> ConfigVersion:
    """Return the config's version in an item."""
    return ConfigVersion(
        slug=record["slug"],
        config_id=record["owner_id"],
        version=record["version"],
        version_id=record["version_id"],
        config=json.loads(record["config"]),
        created_at=record["created_at"],
    )


def api_key_record(key: ApiKey) -> Record:
    """Return the attributes of a caller's key."""
    defaults: JsonObject = {}
    if key.config is not None:
        defaults |= {"config_id": key.config, "allow_config_override": not key.fixed_config}
    if key.metadata:
        defaults["metadata"] = dict(key.metadata)
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "status": key.status,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "defaults": defaults or None,
        "limits": _text(key.limits or None),
    }


def api_key_of(record: Mapping[str, Any]) -> ApiKey:
    """Return the caller's key in an item."""
    defaults = record.get("defaults") or {}
    return ApiKey(
        id=record["id"],
        digest=record["sk"],
        name=record["name"],
        scopes=frozenset(record["scopes"]),
        status=record["status"],
        created_at=record["created_at"],
        expires_at=record.get("expires_at"),
        config=defaults.get("config_id"),
        fixed_config=not defaults.get("allow_config_override", True),
        metadata=defaults.get("metadata", {}),
        limits=_object(record.get("limits")),
    )


def virtual_key_of(record: Mapping[str, Any]) -> VirtualKey:
    """Return the virtual key in an item."""
    return VirtualKey(
        slug=record["sk"],
        provider=record["provider"],
        settings=record.get("settings", {}),
        secret_name=record.get("secret_name"),
        expires_at=record.get("expires_at"),
        id=record.get("id", ""),
        limits=_run_limits(record.get("limits")),
    )


def _run_limits(text: str | None) -> JsonObject:
    """Return what is counted of a virtual key's limits; the rest is the caller's own note."""
    limits = _object(text)
    return limits if limits.keys() & {"rate_limits", "usage_limits"} else {}


def _object(text: str | None) -> JsonObject:
    return {} if text is None else json.loads(text)


def _text(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


def _value(text: str | None) -> Any:
    return None if text is None else json.loads(text)

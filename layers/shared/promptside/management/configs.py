"""Configs: stored under a slug, checked before they are, and in force from the very next call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from promptside.errors import InvalidRequest, JsonObject, PayloadTooLarge
from promptside.management import fields
from promptside.management.pointers import renamed
from promptside.management.services import ManagementServices
from promptside.management.usage import prompts_with_config, refuse_in_use
from promptside.management.versions import paged_versions, version_named
from promptside.management.warnings import with_warnings
from promptside.routing.config import LARGEST_CONFIG, parse_config
from promptside.routing.identity import secret_fields
from promptside.routing.problems import problem
from promptside.schema.prompt import ConfigVersion
from promptside.store.names import is_slug
from promptside.store.records import Pointer
from promptside.store.versioned import version_id


def create_config(services: ManagementServices, body: JsonObject) -> JsonObject:
    """Store `{"name", "config", "slug"?}` as version 1.

    Answers `{"success", "data": {"id", "slug", "version_id"}, "id", "slug", "version_id", "object": "config"}`. Raises
    InvalidRequest that gives the path in the config.
    """
    name = fields.required_text(body, "name")
    config = checked_config(body.get("config"))
    slug = fields.slug(body) or _new_slug(services)
    now = services.timestamp()
    pointer = Pointer(slug=slug, id=services.new_id(), name=name, published=1, latest=1, created_at=now, updated_at=now)
    version = _version(pointer, 1, config, now)
    services.configs.create(pointer, version)
    return with_warnings(_written(pointer, version), _default_warnings(body))


def list_configs(services: ManagementServices, query: Mapping[str, str]) -> JsonObject:
    """Return the configs without their content, newest first."""
    pointers = sorted(services.configs.all(), key=lambda pointer: (pointer.created_at, pointer.slug), reverse=True)
    answer = fields.page_of(pointers, query, lambda pointer: _item(services, pointer))
    return {"success": True, **answer}


def retrieve_config(services: ManagementServices, name: str) -> JsonObject:
    """Return a config as it is in force, flat and once more in `data`."""
    pointer = services.configs.get(name)
    view = {
        **_item(services, pointer),
        "config": services.configs.version(pointer, pointer.latest).config,
        "format": "json",
        "type": "ORG_CONFIG",
    }
    return {"success": True, "data": view, **view}


def update_config(services: ManagementServices, name: str, body: JsonObject) -> JsonObject:
    """Change name or status in place; a `config` makes a new version, which is in force at once.

    Answers `{"success", "data": {"version_id"}, "version_id", "object": "config", ...}`.
    """
    if body.get("config") is None:
        pointer = services.configs.change(name, lambda old: renamed(old, body, services.timestamp()))
        version = services.configs.version(pointer, pointer.latest)
        return with_warnings(_written(pointer, version), _default_warnings(body))
    config = checked_config(body["config"])

    def make(old: Pointer) -> tuple[Pointer, ConfigVersion]:
        now, number = services.timestamp(), old.latest + 1
        return replace(renamed(old, body, now), published=number), _version(old, number, config, now)

    pointer, version = services.configs.add_version(name, make)
    return with_warnings(_written(pointer, version), _default_warnings(body))


def delete_config(services: ManagementServices, name: str) -> JsonObject:
    """Delete a config that no prompt and no API key uses, with its versions. Answers `{}`."""
    pointer = services.configs.get(name)
    users = [f"prompt '{slug}'" for slug in prompts_with_config(services, pointer.slug)]
    users += [
        f"API key '{key.name}'" for key in services.keys.all() if key.config == pointer.slug and key.status == "active"
    ]
    refuse_in_use(f"Config '{pointer.slug}' is used by", users, ": change that first")
    services.configs.delete(pointer)
    return {}


def list_config_versions(services: ManagementServices, name: str, query: Mapping[str, str]) -> JsonObject:
    """Return the versions of a config, newest first."""
    pointer = services.configs.get(name)
    shown = paged_versions(services.configs, pointer, query)
    return {"success": True, **fields.listing(pointer.latest, (_version_item(pointer, each) for each in shown))}


def retrieve_config_version(services: ManagementServices, name: str, identifier: str) -> JsonObject:
    """Return one version of a config, by its UUID or number."""
    pointer = services.configs.get(name)
    version = services.configs.version(pointer, version_named(pointer, identifier))
    return {"success": True, **_version_item(pointer, version)}


def checked_config(value: Any, path: str = "config") -> JsonObject:
    """Return a config, given as an object or as JSON text, that can be stored. Raises InvalidRequest with the path.

    Secrets are refused: what is stored in the table is shown to whoever may read configs.
    """
    if value is None or value == "":
        raise fields.missing(path)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as exc:
            raise problem(path, "is not JSON") from exc
    option = parse_config(value, path)
    size = len(json.dumps(value))
    if size > LARGEST_CONFIG:
        raise PayloadTooLarge(f"The config has {size} bytes; it can have {LARGEST_CONFIG}", param=path)
    for leaf in option.leaves():
        for name in secret_fields(leaf.identity):
            raise problem(
                f"{leaf.path}.{name}", "is a secret, and configs are not kept secret: store it in a virtual key"
            )
    config: JsonObject = value
    return config


def check_prompts_config(parameters: JsonObject) -> None:
    """Check `config` among the parameters of a prompt: a slug or a whole config. Raises InvalidRequest."""
    value = parameters.get("config")
    if value is None or value == "":
        return
    if isinstance(value, dict):
        checked_config(value, "parameters.config")
    elif not isinstance(value, str) or not is_slug(value):
        raise InvalidRequest(
            "'parameters.config' must be the slug of a config or a JSON object", param="parameters.config"
        )


def existing_config(services: ManagementServices, name: str, param: str) -> str:
    """Return the slug of a config by slug or UUID. Raises InvalidRequest."""
    pointer = services.configs.find(name)
    if pointer is None:
        raise InvalidRequest(f"Unknown config '{name[:64]}': create it first", param=param, code="unknown_config")
    return pointer.slug


def _new_slug(services: ManagementServices) -> str:
    return f"pc-{services.new_suffix()}"


def _version(pointer: Pointer, number: int, config: JsonObject, now: str) -> ConfigVersion:
    return ConfigVersion(pointer.slug, pointer.id, number, version_id(pointer.id, number), config, now)


def _item(services: ManagementServices, pointer: Pointer) -> JsonObject:
    return {
        "id": pointer.id,
        "slug": pointer.slug,
        "name": pointer.name,
        "workspace_id": services.workspace,
        "organisation_id": services.workspace,
        "is_default": 0,
        "status": pointer.status,
        "owner_id": None,
        "updated_by": None,
        "version_id": version_id(pointer.id, pointer.latest),
        "version": pointer.latest,
        "created_at": pointer.created_at,
        "last_updated_at": pointer.updated_at,
        "object": "config",
    }


def _version_item(pointer: Pointer, version: ConfigVersion) -> JsonObject:
    return {
        "id": pointer.id,
        "slug": pointer.slug,
        "version_id": version.version_id,
        "version": version.version,
        "config": version.config,
        "status": "active" if version.version == pointer.latest else "archived",
        "created_at": version.created_at,
        "object": "config",
    }


def _written(pointer: Pointer, version: ConfigVersion) -> JsonObject:
    named = {"id": pointer.id, "slug": pointer.slug, "version_id": version.version_id}
    return {"success": True, "data": named, **named, "object": "config"}


def _default_warnings(body: JsonObject) -> list[str]:
    if not (body.get("is_default") or body.get("isDefault")):
        return []
    return ["A workspace has no default config: give it to API keys in 'defaults.config_id'"]

"""The routes of prompt management: method, path, the scope they need, and the use case behind them.

The front door registers this table and nothing else, so no route can lack its check.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from promptside.api.bodies import parse_object
from promptside.errors import InvalidRequest, JsonObject
from promptside.management import api_keys, collections, configs, labels, partials, prompts, versions, virtual_keys
from promptside.management.services import ManagementServices
from promptside.schema.prompt import ApiKey


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to a route: the names in its path, its query and body, and the key that asks (None after IAM)."""

    names: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)
    body: JsonObject = field(default_factory=dict, repr=False)
    caller: ApiKey | None = None


UseCase = Callable[[ManagementServices, Asked], JsonObject]


@dataclass(frozen=True, slots=True)
class Route:
    """One row; `{name}` in the path stands for one segment. The first row that fits is taken."""

    method: str
    path: str
    scope: str
    run: UseCase


def read_body(method: str, body: bytes) -> JsonObject:
    """Return the JSON object of a write. Some SDKs announce JSON on reads as well, and then send none."""
    if method not in ("POST", "PUT"):
        return {}
    parsed = parse_object(body)
    try:
        json.dumps(parsed, ensure_ascii=False).encode()
    except UnicodeEncodeError as exc:
        raise InvalidRequest(
            "The request body holds half a surrogate pair, which is no text", param="body", code="invalid_json"
        ) from exc
    return parsed


def create_first_key(services: ManagementServices, event: JsonObject) -> JsonObject:
    """Answer the direct invoke that makes a key without having one: IAM decides who may invoke the function.

    `{"promptside": "create-api-key", "name": "admin", "scopes"?: ["*"]}`
    """
    if event.get("promptside") != "create-api-key":
        raise InvalidRequest('The only direct invoke is {"promptside": "create-api-key", "name": ...}')
    return api_keys.create_api_key(services, {"scopes": ["*"], **event}, caller=None)


_PROMPT = "/prompts/{name}"
_PARTIAL = "/prompts/partials/{name}"
_VIRTUAL_KEY = "/virtual-keys/{slug}"
_CONFIG = "/configs/{name}"
_KEY = "/api-keys/{id}"

# `partials` is a reserved slug: its rows come before those of the prompts.
ROUTES: tuple[Route, ...] = (
    Route("POST", "/prompts/partials", "prompts.create", lambda s, a: partials.create_partial(s, a.body)),
    Route("GET", "/prompts/partials", "prompts.list", lambda s, a: partials.list_partials(s, a.query)),
    Route("GET", _PARTIAL, "prompts.read", lambda s, a: partials.retrieve_partial(s, a.names["name"], a.query)),
    Route("PUT", _PARTIAL, "prompts.update", lambda s, a: partials.update_partial(s, a.names["name"], a.body)),
    Route("DELETE", _PARTIAL, "prompts.delete", lambda s, a: partials.delete_partial(s, a.names["name"])),
    Route(
        "PUT",
        f"{_PARTIAL}/makeDefault",
        "prompts.publish",
        lambda s, a: partials.publish_partial(s, a.names["name"], a.body),
    ),
    Route(
        "GET",
        f"{_PARTIAL}/versions",
        "prompts.read",
        lambda s, a: partials.list_partial_versions(s, a.names["name"], a.query),
    ),
    Route("POST", "/prompts", "prompts.create", lambda s, a: prompts.create_prompt(s, a.body)),
    Route("GET", "/prompts", "prompts.list", lambda s, a: prompts.list_prompts(s, a.query)),
    Route("GET", _PROMPT, "prompts.read", lambda s, a: prompts.retrieve_prompt(s, a.names["name"], a.query)),
    Route(
        "PUT",
        _PROMPT,
        "prompts.update",
        lambda s, a: prompts.update_prompt(s, a.names["name"], a.body, caller=a.caller),
    ),
    Route("DELETE", _PROMPT, "prompts.delete", lambda s, a: prompts.delete_prompt(s, a.names["name"])),
    Route(
        "PUT",
        f"{_PROMPT}/makeDefault",
        "prompts.publish",
        lambda s, a: prompts.publish_prompt(s, a.names["name"], a.body),
    ),
    Route(
        "GET", f"{_PROMPT}/versions", "prompts.read", lambda s, a: versions.list_versions(s, a.names["name"], a.query)
    ),
    Route(
        "GET",
        f"{_PROMPT}/versions/{{version}}",
        "prompts.read",
        lambda s, a: versions.retrieve_version(s, a.names["name"], a.names["version"]),
    ),
    # A label decides what calls get, so moving one is publishing.
    Route(
        "PUT",
        f"{_PROMPT}/versions/{{version}}",
        "prompts.publish",
        lambda s, a: versions.update_version(s, a.names["name"], a.names["version"], a.body),
    ),
    Route("POST", "/labels", "prompts.create", lambda s, a: labels.create_label(s, a.body)),
    Route("GET", "/labels", "prompts.list", lambda s, a: labels.list_labels(s, a.query)),
    Route("GET", "/labels/{id}", "prompts.read", lambda s, a: labels.retrieve_label(s, a.names["id"])),
    Route("PUT", "/labels/{id}", "prompts.update", lambda s, a: labels.update_label(s, a.names["id"], a.body)),
    Route("DELETE", "/labels/{id}", "prompts.delete", lambda s, a: labels.delete_label(s, a.names["id"])),
    Route("POST", "/collections", "prompts.create", lambda s, a: collections.create_collection(s, a.body)),
    Route("GET", "/collections", "prompts.list", lambda s, a: collections.list_collections(s, a.query)),
    Route("GET", "/collections/{id}", "prompts.read", lambda s, a: collections.retrieve_collection(s, a.names["id"])),
    Route(
        "PUT",
        "/collections/{id}",
        "prompts.update",
        lambda s, a: collections.update_collection(s, a.names["id"], a.body),
    ),
    Route(
        "DELETE", "/collections/{id}", "prompts.delete", lambda s, a: collections.delete_collection(s, a.names["id"])
    ),
    Route("POST", "/virtual-keys", "virtual_keys.create", lambda s, a: virtual_keys.create_virtual_key(s, a.body)),
    Route("GET", "/virtual-keys", "virtual_keys.list", lambda s, a: virtual_keys.list_virtual_keys(s, a.query)),
    Route("GET", _VIRTUAL_KEY, "virtual_keys.read", lambda s, a: virtual_keys.retrieve_virtual_key(s, a.names["slug"])),
    Route(
        "PUT",
        _VIRTUAL_KEY,
        "virtual_keys.update",
        lambda s, a: virtual_keys.update_virtual_key(s, a.names["slug"], a.body),
    ),
    Route(
        "DELETE", _VIRTUAL_KEY, "virtual_keys.delete", lambda s, a: virtual_keys.delete_virtual_key(s, a.names["slug"])
    ),
    Route("POST", "/configs", "configs.create", lambda s, a: configs.create_config(s, a.body)),
    Route("GET", "/configs", "configs.list", lambda s, a: configs.list_configs(s, a.query)),
    Route("GET", _CONFIG, "configs.read", lambda s, a: configs.retrieve_config(s, a.names["name"])),
    Route("PUT", _CONFIG, "configs.update", lambda s, a: configs.update_config(s, a.names["name"], a.body)),
    Route("DELETE", _CONFIG, "configs.delete", lambda s, a: configs.delete_config(s, a.names["name"])),
    Route(
        "GET",
        f"{_CONFIG}/versions",
        "configs.read",
        lambda s, a: configs.list_config_versions(s, a.names["name"], a.query),
    ),
    Route(
        "GET",
        f"{_CONFIG}/versions/{{version}}",
        "configs.read",
        lambda s, a: configs.retrieve_config_version(s, a.names["name"], a.names["version"]),
    ),
    Route("GET", "/api-keys", "api_keys.list", lambda s, a: api_keys.list_api_keys(s, a.query)),
    Route("GET", _KEY, "api_keys.read", lambda s, a: api_keys.retrieve_api_key(s, a.names["id"])),
    Route(
        "PUT",
        _KEY,
        "api_keys.update",
        lambda s, a: api_keys.update_api_key(s, a.names["id"], a.body, caller=a.caller),
    ),
    Route("DELETE", _KEY, "api_keys.delete", lambda s, a: api_keys.revoke_api_key(s, a.names["id"])),
    Route(
        "POST",
        f"{_KEY}/rotate",
        "api_keys.update",
        lambda s, a: api_keys.rotate_api_key(s, a.names["id"], a.body, caller=a.caller),
    ),
    # `organisation` or `workspace`, then `user` or `service`: every key here belongs to the workspace.
    Route(
        "POST",
        "/api-keys/{type}/{sub_type}",
        "api_keys.create",
        lambda s, a: api_keys.create_api_key(s, a.body, caller=a.caller),
    ),
)

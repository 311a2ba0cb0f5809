"""Callers' API keys: made, listed, changed, rotated, revoked. A key is shown once, when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from promptside.errors import Forbidden, InvalidRequest, JsonObject
from promptside.management import fields
from promptside.management.configs import existing_config
from promptside.management.limits import FIELDS, limits_in, limits_view
from promptside.management.services import ManagementServices
from promptside.schema.prompt import ApiKey
from promptside.schema.request import LONGEST_METADATA, MOST_METADATA
from promptside.store.keys import KeyDefaults
from promptside.store.records import api_key_record

_LONGEST_TRANSITION_MS = 30 * 24 * 3600 * 1000


def create_api_key(services: ManagementServices, body: JsonObject, *, caller: ApiKey | None) -> JsonObject:
    """Make a key from `{"name", "scopes", "expires_at"?, "defaults"?, "rate_limits"?, "usage_limits"?}`.

    Answers `{"id", "key", "object": "api-key"}`.

    Nobody can give more than they have: `caller` is the key that asks, None when IAM has let the caller in.
    """
    name = fields.required_text(body, "name")
    scopes = _scopes(body)
    if scopes is None:
        raise fields.missing("scopes")
    _check_reach(caller, scopes)
    defaults = _defaults(services, body, ApiKey("", "", "", frozenset())) or KeyDefaults()
    expires_at = fields.moment_to_come(body, services.timestamp())
    limits = limits_in(body, {}, services.timestamp())
    created = services.keys.create(name, scopes, expires_at=expires_at, defaults=defaults, limits=limits)
    return {"id": created.record.id, "key": created.key, "object": "api-key"}


def list_api_keys(services: ManagementServices, query: Mapping[str, str]) -> JsonObject:
    """Return the keys without what is secret of them, newest last."""
    return fields.page_of(services.keys.all(), query, lambda key: _view(services, key))


def retrieve_api_key(services: ManagementServices, identifier: str) -> JsonObject:
    """Return one key without what is secret of it."""
    return _view(services, services.keys.get(identifier))


def update_api_key(
    services: ManagementServices, identifier: str, body: JsonObject, *, caller: ApiKey | None
) -> JsonObject:
    """Change name, scopes, `defaults` and limits; `reset_usage` empties the budgets. Answers `{}`."""
    scopes = _scopes(body)
    key = services.keys.get(identifier)
    _check_reach(caller, key.scopes | (scopes or frozenset()))
    defaults = _defaults(services, body, key)
    limits = limits_in(body, key.limits, services.timestamp()) if body.keys() & FIELDS else None
    services.keys.change(identifier, name=fields.text(body, "name"), scopes=scopes, defaults=defaults, limits=limits)
    return {}


def revoke_api_key(services: ManagementServices, identifier: str) -> JsonObject:
    """Make a key useless from the next call on. Answers `{}`."""
    services.keys.revoke(identifier)
    return {}


def rotate_api_key(
    services: ManagementServices, identifier: str, body: JsonObject, *, caller: ApiKey | None
) -> JsonObject:
    """Give a key a new secret; the old one ends after `key_transition_period_ms`, at once without it.

    Answers `{"id", "key", "object": "api-key"}`.
    """
    _check_reach(caller, services.keys.get(identifier).scopes)
    milliseconds = 0
    if body.get("key_transition_period_ms"):
        milliseconds = fields.number(body["key_transition_period_ms"], "key_transition_period_ms")
    if milliseconds > _LONGEST_TRANSITION_MS:
        raise InvalidRequest(
            f"'key_transition_period_ms' can be {_LONGEST_TRANSITION_MS}", param="key_transition_period_ms"
        )
    created = services.keys.rotate(identifier, transition=timedelta(milliseconds=milliseconds))
    return {"id": created.record.id, "key": created.key, "object": "api-key"}


def _view(services: ManagementServices, key: ApiKey) -> JsonObject:
    view: JsonObject = {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "status": key.status,
        "created_at": key.created_at,
        "last_updated_at": key.created_at,
        "expires_at": key.expires_at,
        "object": "api-key",
    }
    defaults = api_key_record(key)["defaults"]
    if defaults is not None:
        view["defaults"] = defaults
    if key.subject is not None:
        view |= limits_view(services, key.subject)[0]
    return view


def _defaults(services: ManagementServices, body: JsonObject, key: ApiKey) -> KeyDefaults | None:
    """Return `{"config_id"?, "allow_config_override"?, "metadata"?}`, None when the body says nothing about them.

    What it leaves out stays as it is in `key`; an empty object, or null, removes everything.
    """
    if "defaults" not in body:
        return None
    given = fields.json_object(body, "defaults")
    if not given:
        return KeyDefaults()
    config = key.config
    if "config_id" in given:
        name = fields.text(given, "config_id")
        config = None if name is None else existing_config(services, name, "defaults.config_id")
    fixed = key.fixed_config
    if given.get("allow_config_override") is not None:
        fixed = not fields.flag(given, "allow_config_override")
    return KeyDefaults(config, fixed, _metadata(given) if "metadata" in given else key.metadata)


def _metadata(defaults: JsonObject) -> dict[str, str]:
    metadata = fields.json_object(defaults, "metadata")
    if len(metadata) > MOST_METADATA:
        raise InvalidRequest(f"'defaults.metadata' can have {MOST_METADATA} fields", param="defaults.metadata")
    for name, value in metadata.items():
        if not isinstance(value, str) or max(len(name), len(value)) > LONGEST_METADATA:
            raise fields.wrong_type(
                f"defaults.metadata.{name[:64]}", f"a text of at most {LONGEST_METADATA} characters"
            )
    return metadata


def _scopes(body: JsonObject) -> frozenset[str] | None:
    value = body.get("scopes")
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(scope, str) for scope in value):
        raise fields.wrong_type("scopes", "a list of texts")
    return frozenset(value)


def _check_reach(caller: ApiKey | None, scopes: frozenset[str]) -> None:
    """Raise Forbidden unless the caller has every scope itself."""
    if caller is None:
        return
    beyond = sorted(scope for scope in scopes if not caller.allows(scope))
    if beyond:
        raise Forbidden(f"This API key lacks the scope '{beyond[0][:64]}' and cannot act on a key that has it")

"""Virtual keys: named provider credentials. Nothing here ever returns or logs a secret.

A secret is written before what refers to it, and never in place of another one: its name is new, and the virtual key
then points to it, settings and all, in one write that the very next call reads. So a rotation counts at once, settings
and secret never mix, and no process sends a secret that it remembers to a host that was set later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from promptside.errors import Conflict, InvalidRequest, JsonObject
from promptside.management import fields
from promptside.management.credentials import checked, decides_host, given_fields, split_secrets
from promptside.management.drafts import new_slug
from promptside.management.limits import limits_in
from promptside.management.services import ManagementServices
from promptside.management.usage import prompts_with_virtual_key, refuse_in_use
from promptside.management.views import virtual_key_view
from promptside.providers.registry import ALIASES, get_provider
from promptside.store.virtual_keys import VirtualKeyRecord

_NOTES = ("model_config", "deployment_config")
_LIMITS = ("usage_limits", "rate_limits", "usage_since", "usage_round", *_NOTES)
_OURS = frozenset(
    {
        "name", "slug", "provider", "ai_provider_name", "note", "workspace_id", "expires_at", "type", "sub-type",
        "sub_type", "deploymentConfig", "secret_mappings", "reset_usage", "organisation_id", "organization_id",
        *_LIMITS,
    }
)  # fmt: skip


def create_virtual_key(services: ManagementServices, body: JsonObject) -> JsonObject:
    """Store credentials under a slug: `{"name", "provider", "key", "slug"?, "note"?, ...fields of the provider}`.

    Answers `{"success": true, "data": {"slug"}, "id", "slug", "object": "virtual-key"}`.
    """
    name = fields.required_text(body, "name")
    provider_name = fields.text(body, "provider") or fields.required_text(body, "ai_provider_name")
    provider = get_provider(provider_name)
    _refuse_unsupported(body)
    given = given_fields(provider, body, _OURS)
    values = {field: value for field, value in given.values.items() if value is not None}
    public, secret = split_secrets(provider, checked(provider, values, services.settings))
    slug = fields.slug(body) or new_slug(services, name).removeprefix("pp-")
    now = services.timestamp()
    key = VirtualKeyRecord(
        slug=slug,
        id=services.new_id(),
        name=name,
        provider=ALIASES.get(provider_name, provider_name),
        settings=public,
        secret_name=_new_secret(services, slug, secret),
        note=fields.text(body, "note", longest=fields.LONGEST_DESCRIPTION),
        limits=_limits(body, {}, now),
        expires_at=fields.expiry(body, services.timestamp()),
        created_at=now,
        updated_at=now,
    )
    try:
        services.virtual_keys.create(key)
    except Conflict:
        _forget(services, key.secret_name)
        raise
    return _written(key, given.ignored)


def list_virtual_keys(services: ManagementServices, query: Mapping[str, str]) -> JsonObject:
    """Return the virtual keys without their secrets."""
    return fields.page_of(services.virtual_keys.all(), query, lambda key: virtual_key_view(services, key))


def retrieve_virtual_key(services: ManagementServices, slug: str) -> JsonObject:
    """Return one virtual key without its secrets."""
    return virtual_key_view(services, services.virtual_keys.get(slug))


def update_virtual_key(services: ManagementServices, slug: str, body: JsonObject) -> JsonObject:
    """Change what the body names. A new `key` rotates the secret, from the next call on.

    What decides the host can only be changed together with the secrets themselves: who may change a virtual key may not
    thereby learn what it holds. Answers as creation does.
    """
    old = services.virtual_keys.get(slug)
    provider = get_provider(old.provider)
    wanted = fields.text(body, "provider")
    if wanted is not None and ALIASES.get(wanted, wanted) != old.provider:
        raise InvalidRequest("The provider of a virtual key cannot change: create another one", param="provider")
    _refuse_unsupported(body)
    given = given_fields(provider, body, _OURS)
    new = replace(
        old,
        name=fields.text(body, "name") or old.name,
        note=fields.text(body, "note", longest=fields.LONGEST_DESCRIPTION) if "note" in body else old.note,
        limits=_limits(body, old.limits, services.timestamp()),
        expires_at=fields.expiry(body, services.timestamp()) if "expires_at" in body else old.expires_at,
        updated_at=services.timestamp(),
    )
    if given.values:
        new = _with_fields(services, old, new, given.values)
    try:
        services.virtual_keys.replace(old, new)
    except Conflict:
        if new.secret_name != old.secret_name:
            _forget(services, new.secret_name)
        raise
    if new.secret_name != old.secret_name:
        _forget(services, old.secret_name)
    return _written(new, given.ignored)


def delete_virtual_key(services: ManagementServices, slug: str) -> JsonObject:
    """Delete a virtual key that no prompt uses, its secret first. Answers `{}`. Raises Conflict that names who does."""
    key = services.virtual_keys.get(slug)
    users = [f"prompt '{slug}'" for slug in prompts_with_virtual_key(services, key.slug)]
    refuse_in_use(f"Virtual key '{key.slug}' is used by", users, ": change that first")
    _forget(services, key.secret_name)
    services.virtual_keys.delete(key)
    return {}


def _with_fields(
    services: ManagementServices,
    old: VirtualKeyRecord,
    new: VirtualKeyRecord,
    given: Mapping[str, str | None],
) -> VirtualKeyRecord:
    """Store changed secrets and return the record with the changed settings."""
    provider = get_provider(old.provider)
    stored = (services.secrets.find(old.secret_name, refresh=True) or {}) if old.secret_name else {}
    before = {**old.settings, **stored}
    after = {name: value for name, value in {**before, **given}.items() if value is not None}
    public, secret = split_secrets(provider, checked(provider, after, services.settings))
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    moved = decides_host(provider, changed)
    if moved and any(given.get(name) is None for name in stored):
        raise InvalidRequest(
            f"'{moved[0]}' decides where the secret is sent: send the secret again together with it",
            param=moved[0],
            code="custom_host_refused",
        )
    if not split_secrets(provider, dict.fromkeys(given, ""))[1]:
        return replace(new, settings=public)
    return replace(new, settings=public, secret_name=_new_secret(services, old.slug, secret))


def _new_secret(services: ManagementServices, slug: str, secret: Mapping[str, str]) -> str:
    """Store a secret under a name that was never used, and return it; empty when there is none."""
    if not secret:
        return ""
    name = f"virtual-keys/{slug}/{services.new_id()}"
    services.secrets.put(name, secret)
    return name


def _forget(services: ManagementServices, secret_name: str) -> None:
    if secret_name:
        services.secrets.delete(secret_name)


def _limits(body: JsonObject, old: JsonObject, now: str) -> JsonObject:
    """Return the limits that are counted, and what the caller notes beside them."""
    given: JsonObject = {name: body[name] for name in _NOTES if name in body}
    if "deploymentConfig" in body:
        given["deployment_config"] = body["deploymentConfig"]
    for name, value in given.items():
        _check_note(name, value)
    notes = {**{name: value for name, value in old.items() if name in _NOTES}, **given}
    return {**limits_in(body, old, now), **{name: value for name, value in notes.items() if value is not None}}


def _check_note(name: str, value: Any) -> None:
    kind = list if name == "deployment_config" else dict
    if value is not None and not isinstance(value, kind):
        raise fields.wrong_type(name, "a list" if kind is list else "a JSON object")


def _refuse_unsupported(body: JsonObject) -> None:
    if body.get("secret_mappings"):
        raise InvalidRequest("'secret_mappings' is not supported: send the secret itself", param="secret_mappings")


def _written(key: VirtualKeyRecord, ignored: tuple[str, ...]) -> JsonObject:
    answer: JsonObject = {
        "success": True,
        "data": {"slug": key.slug},
        "id": key.id,
        "slug": key.slug,
        "object": "virtual-key",
    }
    if ignored:
        names = ", ".join(f"'{name[:64]}'" for name in ignored[:20])
        answer["warnings"] = [f"{key.provider} has no field {names}: nothing was stored of it"]
    return answer

"""Chooses the provider of a run and finds its credentials.

Two rules protect secrets: credentials come either from the caller or from the store, never mixed; and a field that
decides the host is taken from the caller only together with credentials of the caller's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlsplit

from promptside.config import Settings
from promptside.errors import ConfigurationError, Forbidden, InvalidRequest, JsonObject, ProviderError
from promptside.providers.base import Credentials, Provider, ProviderRequest, SigV4
from promptside.providers.fields import CUSTOM_HOST, all_fields, check_credentials, check_sent, is_host, public_settings
from promptside.providers.registry import ALIASES, MODULES, get_provider
from promptside.schema.prompt import VirtualKey, split_model
from promptside.schema.request import RunRequest
from promptside.store.base import SecretStore
from promptside.transport.addresses import is_listed

DEMO = "demo"
CREDENTIALS_MISSING = "provider_credentials_missing"
_SHORTEST_SECRET = 6
_REGION = "aws_region"
_HOST = re.compile(r"[a-z0-9._:-]+")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a run goes. `secret` names the stored secret behind the credentials, if any: it may be re-read.

    `guarded` says that the host was not set by the stack's operator, so it must be public. `model` may differ from what
    was asked for: `@slug/model` loses its prefix, and the demo provider has one model.
    """

    provider: Provider
    credentials: Credentials
    settings: Mapping[str, str]
    model: str
    secret: str | None = None
    guarded: bool = False
    virtual_key: VirtualKey | None = None
    """The stored virtual key behind the credentials, if it is one."""

    def blame(self, error: ProviderError) -> None:
        """Name the provider in an error, and take out of it any secret that the provider's answer repeated."""
        error.provider = error.provider or self.provider.name
        for field in self.provider.fields:
            secret = self.credentials.get(field.name, "")
            if field.secret and len(secret) >= _SHORTEST_SECRET:
                error.message = error.message.replace(secret, "***")
                error.extra = cast("JsonObject", _without(error.extra, secret))


@dataclass(frozen=True, slots=True)
class _Choice:
    provider: str
    secret: str
    settings: Mapping[str, str]
    model: str
    virtual_key: VirtualKey | None = None

    @property
    def stored(self) -> bool:
        """Whether it is a virtual key that somebody has made."""
        return self.virtual_key is not None


def choose_target(
    request: RunRequest,
    *,
    model: str,
    stored_slug: str | None,
    virtual_keys: Mapping[str, VirtualKey],
    secrets: SecretStore,
    settings: Settings,
    now: float = 0.0,
) -> Target:
    """Return the target: the request's provider or virtual key, else one in the model's name, else the stored one.

    `now` is in unix seconds: an expired virtual key is refused.
    """
    choice = _choose(request, model=model, stored_slug=stored_slug, virtual_keys=virtual_keys, now=now)
    provider = get_provider(choice.provider)
    sent = _sent_fields(provider, request)
    if _brings_credentials(provider, request, sent):
        return _callers_target(provider, sent, choice.model, settings)
    return _stored_target(provider, choice, sent, secrets=secrets, settings=settings)


def refreshed(target: Target, secrets: SecretStore) -> Target | None:
    """Return the target with its secret read anew after the provider refused it, or None if nothing changed."""
    if target.secret is None:
        return None
    fields = secrets.find(target.secret, refresh=True)
    if fields is None:
        return None
    credentials = check_credentials(target.provider, {**target.settings, **fields}, from_caller=False)
    return None if dict(credentials) == dict(target.credentials) else replace(target, credentials=credentials)


def check_signing(target: Target, request: ProviderRequest) -> None:
    """Refuse to sign with the stack's own role for a host that its operator did not set. Raises InvalidRequest."""
    if target.guarded and isinstance(request.signing, SigV4) and request.signing.access_key_id is None:
        raise InvalidRequest(
            f"{target.provider.name}: a custom host needs AWS keys of its own; the stack's role signs for AWS only",
            param="custom_host",
            code="custom_host_refused",
        )


def requested_slugs(request: RunRequest) -> tuple[str, ...]:
    """Return the virtual keys that the request itself names."""
    model = request.overrides.get("model")
    slugs = [
        request.provider[1:] if request.provider is not None and request.provider.startswith("@") else None,
        request.virtual_key,
        split_model(model)[0] if isinstance(model, str) else None,
    ]
    return tuple(slug for slug in slugs if slug)


def _choose(
    request: RunRequest, *, model: str, stored_slug: str | None, virtual_keys: Mapping[str, VirtualKey], now: float
) -> _Choice:
    model_slug, bare_model = split_model(model)
    if request.provider is not None and not request.provider.startswith("@"):
        return _provider_choice(request.provider, bare_model)
    slug = (request.provider[1:] if request.provider is not None else None) or request.virtual_key or model_slug
    slug = slug or stored_slug
    if not slug:
        raise InvalidRequest(
            "No provider: store a virtual_key with the prompt or send x-portkey-provider", param="provider"
        )
    stored = virtual_keys.get(slug)
    if stored is not None:
        _check_expiry(stored, now)
        secret = f"virtual-keys/{slug}" if stored.secret_name is None else stored.secret_name
        return _Choice(stored.provider, secret, stored.settings, bare_model, virtual_key=stored)
    if slug in MODULES or slug in ALIASES:
        return _provider_choice(slug, bare_model)
    raise InvalidRequest(
        f"Unknown virtual key '{slug[:64]}': create it, or use a provider's name",
        param="virtual_key",
        code="unknown_virtual_key",
    )


def _check_expiry(key: VirtualKey, now: float) -> None:
    if key.expires_at is not None and datetime.fromisoformat(key.expires_at).timestamp() <= now:
        raise Forbidden(f"Virtual key '{key.slug}' has expired", param="virtual_key", code="virtual_key_expired")


def _provider_choice(name: str, model: str) -> _Choice:
    known = ALIASES.get(name, name)
    return _Choice(known, f"providers/{known}", {}, model)


def _sent_fields(provider: Provider, request: RunRequest) -> dict[str, str]:
    sent: dict[str, str] = {}
    for field in all_fields(provider):
        value = request.provider_headers.get(field.header) if field.header else None
        if value:
            sent[field.name] = value
    if request.provider_fields:
        # A run without a config has none.
        from promptside.routing.identity import fields_of

        sent |= fields_of(provider, request.provider_fields)
    return sent


def _brings_credentials(provider: Provider, request: RunRequest, sent: dict[str, str]) -> bool:
    """Tell whether the caller speaks for themselves, adding their `Authorization` to `sent` if they do."""
    names_provider = request.provider is not None and not request.provider.startswith("@")
    if not names_provider:
        return False
    if request.provider_key is not None:
        sent.setdefault("api_key", request.provider_key)
    own = any(field.secret and field.name in sent for field in all_fields(provider))
    return own or CUSTOM_HOST.name in sent


def _callers_target(provider: Provider, sent: Mapping[str, str], model: str, settings: Settings) -> Target:
    credentials = check_credentials(provider, with_region(provider, sent, settings), from_caller=True)
    guarded = CUSTOM_HOST.name in credentials
    if guarded:
        check_custom_host(credentials[CUSTOM_HOST.name], settings)
    return Target(provider, credentials, public_settings(provider, credentials), model, guarded=guarded)


def _stored_target(
    provider: Provider, choice: _Choice, sent: Mapping[str, str], *, secrets: SecretStore, settings: Settings
) -> Target:
    for field in all_fields(provider):
        if is_host(field) and field.name in sent:
            raise InvalidRequest(
                f"'{field.header}' needs credentials of your own: name the provider with x-portkey-provider and send "
                "its key as Authorization. Stored credentials only go to the stored host",
                param=field.header,
                code="custom_host_refused",
            )
    stored = secrets.find(choice.secret) if choice.secret else None
    # A virtual key is somebody's decision, so nothing stands in for it: it may need no secret at all.
    if stored is None and settings.demo_base_url is not None and not choice.stored:
        return _demo_target(settings.demo_base_url)
    if stored is None and _lacks_secret(provider, choice, settings):
        raise ConfigurationError(
            f"No credentials for {provider.name}: store them in the SecureString '{secrets.path(choice.secret)}'",
            param="virtual_key",
            code=CREDENTIALS_MISSING,
        )
    check_sent(provider, sent)
    values = with_region(provider, {**choice.settings, **(stored or {}), **sent}, settings)
    credentials = check_credentials(provider, values, from_caller=False)
    guarded = CUSTOM_HOST.name in choice.settings
    if guarded:
        check_custom_host(credentials[CUSTOM_HOST.name], settings)
    return Target(
        provider,
        credentials,
        public_settings(provider, credentials),
        choice.model,
        secret=choice.secret if stored is not None else None,
        guarded=guarded,
        virtual_key=choice.virtual_key,
    )


def _lacks_secret(provider: Provider, choice: _Choice, settings: Settings) -> bool:
    """Tell whether nothing can be called without a secret, which is not there."""
    known = with_region(provider, choice.settings, settings)
    if any(field.required and field.name not in known for field in all_fields(provider)):
        return True
    # Where no single field is required, one of several is; on AWS, the function's own role will do.
    return not choice.stored and _REGION not in known and any(field.secret for field in provider.fields)


def _demo_target(base_url: str) -> Target:
    """Stand in, named as such, for a provider without a key: local runs only."""
    provider = cast("Provider", replace(cast("Any", get_provider("custom")), name=DEMO))
    credentials = Credentials({CUSTOM_HOST.name: base_url})
    return Target(provider, credentials, public_settings(provider, credentials), DEMO)


def with_region(provider: Provider, values: Mapping[str, str], settings: Settings) -> dict[str, str]:
    """Fill in the stack's own region where the provider needs one and nobody said."""
    if any(field.name == _REGION for field in provider.fields):
        return {_REGION: settings.region, **values}
    return dict(values)


def check_custom_host(url: str, settings: Settings) -> None:
    """Refuse a host that the stack does not allow. Raises InvalidRequest."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError as exc:
        raise _refused("is not a URL") from exc
    if parts.scheme not in {"http", "https"} or parts.username is not None or "#" in url or "?" in url:
        raise _refused("must be an http(s) URL without user, query or fragment")
    if not _HOST.fullmatch(host):
        raise _refused("must have a plain host name")
    if parts.scheme == "http" and not settings.allow_private_hosts:
        raise _refused("must use https")
    if not is_listed(host, port, settings.allowed_custom_hosts):
        raise _refused("is not among the custom hosts that this stack allows (parameter AllowedCustomHosts)")


def _without(value: Any, secret: str) -> Any:
    if isinstance(value, str):
        return value.replace(secret, "***")
    if isinstance(value, dict):
        return {name: _without(item, secret) for name, item in value.items()}
    if isinstance(value, list):
        return [_without(item, secret) for item in value]
    return value


def _refused(problem: str) -> InvalidRequest:
    return InvalidRequest(f"The custom host {problem}", param="custom_host", code="custom_host_refused")

"""Checks a provider's configuration before anything is built from it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from promptside.errors import ConfigurationError, InvalidRequest, PromptsideError
from promptside.providers.base import Credentials, Field, Provider

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

CUSTOM_HOST = Field(
    "custom_host",
    "Another base URL for this provider; only hosts that the stack allows are used",
    header="x-portkey-custom-host",
    pattern=r"https?://[^\s?#]+(\?[^\s#]*)?",
    aliases=("customHost", "base_url"),
    host=True,
)


def all_fields(provider: Provider) -> tuple[Field, ...]:
    """Return the provider's own fields and those that every provider has."""
    return (
        provider.fields
        if any(field.name == "custom_host" for field in provider.fields)
        else (
            *provider.fields,
            CUSTOM_HOST,
        )
    )


def is_host(field: Field) -> bool:
    """Tell whether a field decides the host that secrets are sent to.

    A provider may describe its custom host in its own words; it decides the host all the same.
    """
    return field.host or field.name == CUSTOM_HOST.name


def check_credentials(provider: Provider, values: Mapping[str, str], *, from_caller: bool) -> Credentials:
    """Return the fields this provider knows, checked.

    A field that is missing or malformed is the caller's fault (400) when `from_caller`, else the stack's (500). Values
    with control characters are refused whatever the field: they would end up in headers and URLs.
    """
    known: dict[str, str] = {}
    for field in all_fields(provider):
        value = values.get(field.name, "").strip()
        if value:
            _check(provider, field, value, from_caller=from_caller)
            known[field.name] = value
        elif field.required:
            raise _refusal(provider, field, "is missing", from_caller=from_caller)
    return Credentials(known)


def check_sent(provider: Provider, values: Mapping[str, str]) -> None:
    """Check the fields that a caller adds to stored ones. Raises InvalidRequest that names the header."""
    for field in all_fields(provider):
        value = values.get(field.name, "").strip()
        if value:
            _check(provider, field, value, from_caller=True)


def public_settings(provider: Provider, credentials: Mapping[str, str]) -> dict[str, str]:
    """Return the fields that are no secrets; adapters decide by them."""
    return {
        field.name: credentials[field.name]
        for field in all_fields(provider)
        if not field.secret and field.name in credentials
    }


def _check(provider: Provider, field: Field, value: str, *, from_caller: bool) -> None:
    if not field.multiline and _CONTROL.search(value):
        raise _refusal(provider, field, "holds control characters", from_caller=from_caller)
    if field.pattern is not None and re.fullmatch(field.pattern, value) is None:
        raise _refusal(provider, field, "is malformed", from_caller=from_caller)


def _refusal(provider: Provider, field: Field, problem: str, *, from_caller: bool) -> PromptsideError:
    name = field.header if from_caller and field.header else field.name
    message = f"{provider.name}: the field '{name}' {problem}. {field.description}"
    if from_caller:
        return InvalidRequest(message, param=name, code="invalid_provider_configuration")
    return ConfigurationError(message, param=name, code="provider_credentials_invalid")

"""Reads provider credentials from a body, in every spelling that SDKs and exports use, and checks them.

`{"key": ..., "awsRegion": ...}` from the Python SDK and `{"aws_region": ...}` from the Node SDK are the same to us.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from promptside.config import Settings
from promptside.errors import ConfigurationError, InvalidRequest, JsonObject
from promptside.management.fields import wrong_type
from promptside.providers.base import Provider
from promptside.providers.fields import CUSTOM_HOST, all_fields, check_credentials, is_host
from promptside.providers.spellings import spellings
from promptside.schema.spelling import snake
from promptside.target import check_custom_host, with_region

_LONGEST_VALUE = 8192


@dataclass(frozen=True, slots=True)
class GivenFields:
    """The provider's fields that a body has; None takes a field away. `ignored` are keys that nothing here knows."""

    values: Mapping[str, str | None] = field(repr=False)
    ignored: tuple[str, ...]


def given_fields(provider: Provider, body: JsonObject, known: frozenset[str]) -> GivenFields:
    """Return the fields of `provider` in `body`; keys in `known` belong to others. Raises InvalidRequest."""
    known_spellings = spellings(provider)
    values: dict[str, str | None] = {}
    ignored: list[str] = []
    for name, value in body.items():
        target = known_spellings.get(snake(name))
        if target is not None:
            values[target.name] = _value(name, value)
        elif name not in known and value not in (None, ""):
            ignored.append(name)
    return GivenFields(values, tuple(ignored))


def split_secrets(provider: Provider, values: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the public fields and the secret ones."""
    secret = {field.name for field in all_fields(provider) if field.secret}
    return (
        {name: value for name, value in values.items() if name not in secret},
        {name: value for name, value in values.items() if name in secret},
    )


def decides_host(provider: Provider, names: set[str]) -> list[str]:
    """Return which of the fields decide the host that secrets are sent to."""
    return sorted(field.name for field in all_fields(provider) if field.name in names and is_host(field))


def checked(provider: Provider, values: Mapping[str, str], settings: Settings) -> dict[str, str]:
    """Return the fields if the provider can be called with them. Raises InvalidRequest that names the field."""
    try:
        check_credentials(provider, with_region(provider, values, settings), from_caller=False)
    except ConfigurationError as exc:
        raise InvalidRequest(exc.message, param=exc.param, code="invalid_provider_configuration") from exc
    if CUSTOM_HOST.name in values:
        check_custom_host(values[CUSTOM_HOST.name], settings)
    return dict(values)


def _value(name: str, value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, dict | list):
        # A Google service account and Azure's deployments are JSON that clients put in as it is.
        value = json.dumps(value)
    if not isinstance(value, str):
        raise wrong_type(name, "a text")
    if len(value) > _LONGEST_VALUE:
        raise InvalidRequest(f"'{name}' has {len(value)} characters; it can have {_LONGEST_VALUE}", param=name)
    return value.strip() or None

"""Whom a target calls: a virtual key, or a provider with the fields that it needs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from promptside.errors import InvalidRequest, JsonObject
from promptside.providers.base import Provider
from promptside.providers.registry import get_provider
from promptside.providers.spellings import spellings
from promptside.routing.problems import problem, text_at
from promptside.schema.spelling import snake

_LONGEST_VALUE = 8192
# For a target that does not say which provider it is: how the fields of any provider may begin.
_FIELD_OF_SOME = re.compile(
    r"api_key|api_version|custom_host|resource_name|endpoint_name|deployment_(id|name|config)|organization|project|"
    r"region|base_model|(aws|vertex|azure|google|openai|anthropic|fireworks|perplexity|mistral|bedrock)_\w+"
)
_SECRET_OF_SOME = re.compile(r"\w*(api_?key|secret|token|service_account|password)\w*")
_HOST = "custom_host"
_HEADER_PREFIX = "x-portkey-"
_OTHERS = frozenset({"provider", "virtual_key", "name", "weight", "strategy", "targets", "retry", "cache", "prompt_id"})
"""Keys of a config that are no provider's field, whatever a provider calls its own."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The provider (`openai`, `@slug`) or virtual key, and fields as they were spelled, in snake case.

    Without provider and virtual key it is what the request or the prompt names.
    """

    provider: str | None = None
    virtual_key: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def named(self) -> bool:
        """Whether it names somebody itself."""
        return self.provider is not None or self.virtual_key is not None


def parse_identity(given: JsonObject, path: str, above: Identity) -> tuple[Identity, frozenset[str]]:
    """Return who is named, or was named above, and the keys that are not about that.

    Raises InvalidRequest for an unknown provider or a field that it does not have.
    """
    provider = text_at(given["provider"], f"{path}.provider") if "provider" in given else None
    key = text_at(given["virtual_key"], f"{path}.virtual_key").removeprefix("@") if "virtual_key" in given else None
    own = provider is not None or key is not None
    effective = provider if own else above.provider
    adapter = None if effective is None or effective.startswith("@") else _adapter(effective, path)
    names = frozenset(name for name in given if _is_field(adapter, name))
    fields = {name: _value(given[name], f"{path}.{name}") for name in names}
    # Another provider's fields are of no use, but a host goes down to whoever is called below it.
    inherited = {_HOST: above.fields[_HOST]} if own and _HOST in above.fields else {} if own else above.fields
    identity = Identity(
        provider=provider if own else above.provider,
        virtual_key=key if own else above.virtual_key,
        fields={**inherited, **fields},
    )
    return identity, frozenset(given) - names


def secret_fields(identity: Identity) -> list[str]:
    """Return the names of secrets that stand in a config in clear."""
    if identity.provider is None or identity.provider.startswith("@"):
        return sorted(name for name in identity.fields if _SECRET_OF_SOME.fullmatch(name))
    known = spellings(get_provider(identity.provider))
    return sorted(name for name in identity.fields if name in known and known[name].secret)


def concerns(identity: Identity, param: str | None) -> bool:
    """Tell whether a parameter that something is wrong with, a field or its header, is one of an identity's own."""
    if param is None or not (identity.named or identity.fields):
        return False
    name = snake(param.removeprefix(_HEADER_PREFIX))
    return name in ("provider", "virtual_key") or _FIELD_OF_SOME.fullmatch(name) is not None


def fields_of(provider: Provider, given: Mapping[str, str]) -> dict[str, str]:
    """Return the provider's fields behind what a config spells. Raises InvalidRequest for one that it lacks."""
    known = spellings(provider)
    found: dict[str, str] = {}
    for name, value in given.items():
        if name not in known:
            raise InvalidRequest(
                f"{provider.name} has no field '{name[:64]}', which the config gives it",
                param=name,
                code="invalid_config",
            )
        found[known[name].name] = value
    return found


def _adapter(name: str, path: str) -> Provider:
    try:
        return get_provider(name)
    except InvalidRequest as exc:
        raise problem(f"{path}.provider", f"is not known: {exc.message}") from exc


def _is_field(provider: Provider | None, name: str) -> bool:
    if name in _OTHERS:
        return False
    if provider is None:
        return _FIELD_OF_SOME.fullmatch(name) is not None
    return name in spellings(provider)


def _value(value: Any, path: str) -> str:
    # A Google service account and Azure's deployments are JSON that callers put in as it is.
    text = json.dumps(value) if isinstance(value, dict | list) else value
    return text_at(text, path, longest=_LONGEST_VALUE)

"""Parameter handling as a table: what a provider renames, drops, refuses or converts.

Unknown names are forwarded as they are, so that a provider's new parameter works without a release. Nothing is clamped
and no default is invented.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from promptside.errors import InvalidRequest, JsonObject

Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class ParameterTable:
    """The differences of one provider from OpenAI's parameters.

    `rename` maps OpenAI's name to the provider's; when two names meet, the one listed first in `rename` wins over later
    ones, and a parameter given under the provider's own name loses to none. `drop` names knobs the provider lacks.
    `refuse` maps a name to the reason for a 400: those would change the answer's contract. `fixed` maps a name to the
    one value that is how the provider works anyway: it is not sent, any other is a 400. `convert` changes a value.
    """

    rename: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    drop: frozenset[str] = frozenset()
    refuse: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    fixed: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    convert: Mapping[str, Convert] = field(default_factory=lambda: MappingProxyType({}))

    def apply(self, parameters: Mapping[str, Any], *, strict: bool, provider: str) -> tuple[JsonObject, list[str]]:
        """Return the provider's parameters and the names of the dropped ones.

        Raises InvalidRequest for a refused parameter, and for a dropped one when `strict`.
        """
        body: JsonObject = {}
        dropped: list[str] = []
        for name, value in parameters.items():
            if name in self.refuse:
                raise unsupported(name, provider, self.refuse[name])
            if name in self.fixed:
                self._check_fixed(name, value, provider)
                continue
            if name in self.drop:
                drop(name, dropped, strict=strict, provider=provider)
                continue
            converted = self.convert[name](value) if name in self.convert else value
            body.setdefault(self.rename.get(name, name), converted)
        for name, target in reversed(list(self.rename.items())):
            if parameters.get(name) is not None:
                body[target] = self.convert[name](parameters[name]) if name in self.convert else parameters[name]
        return body, dropped

    def _check_fixed(self, name: str, value: Any, provider: str) -> None:
        if value != self.fixed[name]:
            raise unsupported(name, provider, f"leave it at {json.dumps(self.fixed[name])}")


def drop(name: str, dropped: list[str], *, strict: bool, provider: str) -> None:
    """Note that `name` is left out; with `strict` that is an error instead."""
    if strict:
        raise unsupported(name, provider, "remove it, or unset strict_params to have it dropped")
    if name not in dropped:
        dropped.append(name)


def unsupported(name: str, provider: str, advice: str) -> InvalidRequest:
    """Return the 400 for a parameter that the provider cannot honour."""
    return InvalidRequest(f"{provider} does not support '{name}': {advice}", param=name, code="unsupported_parameter")


def no_text_endpoint(provider: str) -> InvalidRequest:
    """Return the 400 for a text prompt that the provider has no endpoint for."""
    return InvalidRequest(
        f"{provider} has no text completions endpoint: store this prompt as a chat prompt",
        param="prompt",
        code="unsupported_prompt_type",
    )

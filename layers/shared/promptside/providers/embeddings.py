"""Texts as vectors: the request for one text, and the vector in its answer, for the providers that have embeddings.

Everything here is pure, as adapters are. Which models exist was read on 2026-11-23 in each vendor's documentation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, cast

from promptside.errors import InvalidRequest, JsonObject, ProviderUnusable
from promptside.providers.base import Provider, ProviderRequest

DIMENSIONS = 256
"""What is asked of models that can shorten their vectors."""
LONGEST_VECTOR = 4096

WIRES: dict[str, str] = {
    "azure-openai": "openai",
    "bedrock": "bedrock",
    "custom": "openai",
    "fireworks-ai": "openai",
    "google": "gemini",
    "mistral-ai": "openai",
    "openai": "openai",
    "together-ai": "openai",
    "vertex-ai": "vertex",
}
"""The providers with embeddings, and the module of `embedding_wires` that speaks to each."""

DEFAULT_MODELS: dict[str, str] = {
    "bedrock": "amazon.titan-embed-text-v2:0",
    "fireworks-ai": "fireworks/qwen3-embedding-8b",
    "google": "gemini-embedding-001",
    "mistral-ai": "mistral-embed",
    "openai": "text-embedding-3-small",
    "vertex-ai": "gemini-embedding-001",
}
"""The model to use when nobody names one; the others run what was deployed there, which has no common name."""


@dataclass(frozen=True, slots=True)
class EmbeddingCall:
    """One text for one model. `settings` are the public fields of the provider's configuration."""

    model: str
    text: str
    settings: Mapping[str, str]


class EmbeddingWire(Protocol):
    """What a module of `embedding_wires` has."""

    def build_request(self, provider: Provider, call: EmbeddingCall, credentials: Mapping[str, str]) -> ProviderRequest:
        """Build the HTTP request. Raises InvalidRequest for a model or a configuration that it cannot use."""
        ...

    def find_vector(self, body: JsonObject) -> Any:
        """Return what stands where the vector should be, or None."""
        ...


def build_embedding(provider: Provider, call: EmbeddingCall, credentials: Mapping[str, str]) -> ProviderRequest:
    """Build the request for the vector of a text. Raises InvalidRequest."""
    return _wire(provider).build_request(provider, call, credentials)


def parse_embedding(provider: Provider, body: JsonObject) -> list[float]:
    """Return the vector in an answer with a 2xx status. Raises ProviderUnusable when there is none."""
    vector = _wire(provider).find_vector(body)
    if not isinstance(vector, list) or not 0 < len(vector) <= LONGEST_VECTOR or not all(map(_is_number, vector)):
        raise ProviderUnusable(f"{provider.name} answered no embedding", provider=provider.name)
    return [float(value) for value in vector]


def usual_model(provider: Provider) -> str | None:
    """Return the model to use when nobody names one. Raises InvalidRequest for a provider without embeddings."""
    _wire_name(provider)
    return DEFAULT_MODELS.get(provider.name)


def _wire(provider: Provider) -> EmbeddingWire:
    # Imported with the first text of a provider: most runs have no use for any.
    return cast("EmbeddingWire", import_module(f"promptside.providers.embedding_wires.{_wire_name(provider)}"))


def _wire_name(provider: Provider) -> str:
    name = WIRES.get(provider.name)
    if name is None:
        raise InvalidRequest(
            f"{provider.name} has no embeddings here: use one of {', '.join(sorted(WIRES))}",
            param="provider",
            code="no_embeddings",
        )
    return name


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

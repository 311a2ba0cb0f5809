"""OpenAI's embeddings, which Azure, Fireworks, Mistral, Together and compatible hosts have as well.

https://developers.openai.com/api/docs/api-reference/embeddings and the types of openai 3.54.0, mistralai 3.7.0 and
together 3.1.1; https://docs.fireworks.ai/guides/querying-embeddings-models (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

from promptside.errors import JsonObject
from promptside.providers.base import Provider, ProviderCall, ProviderRequest
from promptside.providers.embeddings import DIMENSIONS, EmbeddingCall
from promptside.providers.openai_format.compatible import OpenAICompatible

_PATH = "/embeddings"
# Others refuse a number of dimensions, or have none to choose from.
_SHORTENED: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        "fireworks-ai": ("dimensions", ("qwen3-embedding-", "nomic-embed-text-v1.5")),
        "mistral-ai": ("output_dimension", ("codestral-embed",)),
    }
)
_OPENAI = ("dimensions", ("text-embedding-3-",))


def build_request(provider: Provider, call: EmbeddingCall, credentials: Mapping[str, str]) -> ProviderRequest:
    """Build the request; see `EmbeddingWire`. On Azure the model is the name of the deployment."""
    body: JsonObject = {"model": call.model, "input": call.text}
    parameter, models = _SHORTENED.get(provider.name, _OPENAI)
    if call.model.rpartition("/")[2].startswith(models):
        body[parameter] = DIMENSIONS
    # A deployment in the configuration is the one for completions.
    settings = {**call.settings, "deployment_id": call.model}
    addressed = ProviderCall("chat", call.model, {}, completion_id="", created=0, settings=settings)
    return cast("OpenAICompatible", provider).request_to(_PATH, body, addressed, credentials)


def find_vector(body: JsonObject) -> Any:
    """Return the vector of `{"data": [{"embedding": [0.1, ...], "index": 0, "object": "embedding"}], ...}`."""
    entries = body.get("data")
    first = entries[0] if isinstance(entries, list) and entries else None
    return first.get("embedding") if isinstance(first, dict) else None

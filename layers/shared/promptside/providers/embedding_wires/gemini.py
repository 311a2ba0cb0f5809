"""Embeddings of the Gemini API.

https://ai.google.dev/api/embeddings and the types of google-genai 3.4.0 (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from promptside.errors import JsonObject
from promptside.providers.base import Provider, ProviderRequest
from promptside.providers.draft import encode_body
from promptside.providers.embeddings import DIMENSIONS, EmbeddingCall
from promptside.providers.google import method_url, model_name

SIMILARITY = "SEMANTIC_SIMILARITY"
"""The task that the models from before `gemini-embedding-2` want to be told."""


def build_request(provider: Provider, call: EmbeddingCall, credentials: Mapping[str, str]) -> ProviderRequest:
    """Build the embedContent request; see `EmbeddingWire`."""
    del provider
    model = model_name(call.model)
    body: JsonObject = {
        "model": f"models/{model}",
        "content": {"parts": [{"text": call.text}]},
        "outputDimensionality": DIMENSIONS,
    }
    if takes_task(model):
        body["taskType"] = SIMILARITY
    headers = {"x-goog-api-key": credentials["api_key"], "content-type": "application/json"}
    return ProviderRequest(method_url(model, "embedContent", credentials), encode_body(body), headers)


def takes_task(model: str) -> bool:
    """Tell whether the model is told what its vectors are for."""
    return model.startswith(("gemini-embedding-001", "text-embedding-", "text-multilingual-embedding-"))


def find_vector(body: JsonObject) -> Any:
    """Return the vector of `{"embedding": {"values": [0.1, ...]}}`."""
    embedding = body.get("embedding")
    return embedding.get("values") if isinstance(embedding, dict) else None

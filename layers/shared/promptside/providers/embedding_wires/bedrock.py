"""Embeddings on Bedrock, by InvokeModel: Amazon's Titan and Cohere's Embed.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html and
/model-parameters-embed.html (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from promptside.errors import InvalidRequest, JsonObject
from promptside.providers.base import Provider, ProviderRequest
from promptside.providers.bedrock import request_to
from promptside.providers.embeddings import DIMENSIONS, EmbeddingCall


def build_request(provider: Provider, call: EmbeddingCall, credentials: Mapping[str, str]) -> ProviderRequest:
    """Build the InvokeModel request; see `EmbeddingWire`."""
    if "titan-embed-text" in call.model:
        body = _titan(call)
    elif "cohere.embed" in call.model:
        body = _cohere(call)
    else:
        raise InvalidRequest(
            f"{provider.name}: embeddings need a model of Titan or of Cohere, such as amazon.titan-embed-text-v2:0",
            param="model",
            code="invalid_model",
        )
    return request_to(call.model, "invoke", body, credentials)


def find_vector(body: JsonObject) -> Any:
    """Return the vector of `{"embedding": [...]}` or `{"embeddings": {"float": [[...]]}}`."""
    embeddings = body.get("embeddings")
    if not isinstance(embeddings, dict):
        return body.get("embedding")
    vectors = embeddings.get("float")
    return vectors[0] if isinstance(vectors, list) and vectors else None


def _titan(call: EmbeddingCall) -> JsonObject:
    if "titan-embed-text-v1" in call.model:
        return {"inputText": call.text}
    return {"inputText": call.text, "dimensions": DIMENSIONS, "normalize": True}


def _cohere(call: EmbeddingCall) -> JsonObject:
    # Questions are compared with each other, so neither side is a document.
    body: JsonObject = {"texts": [call.text], "input_type": "clustering", "embedding_types": ["float"]}
    return {**body, "output_dimension": DIMENSIONS} if "embed-v4" in call.model else body

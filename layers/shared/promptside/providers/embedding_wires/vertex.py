"""Embeddings on Vertex AI: Gemini's by embedContent, the older models' by predict.

https://cloud.google.com/vertex-ai/generative-ai/docs/embeddings/get-text-embeddings and the requests that google-genai
3.4.0 makes (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from promptside.errors import InvalidRequest, JsonObject
from promptside.providers.base import Provider, ProviderCall, ProviderRequest
from promptside.providers.draft import encode_body
from promptside.providers.embedding_wires import gemini
from promptside.providers.embeddings import DIMENSIONS, EmbeddingCall
from promptside.providers.vertex.address import auth_headers, signing_of, url_of
from promptside.providers.vertex.routes import route_of

_GENERATE = ":generateContent"


def build_request(provider: Provider, call: EmbeddingCall, credentials: Mapping[str, str]) -> ProviderRequest:
    """Build the request; see `EmbeddingWire`."""
    route = route_of(call.model)
    if route.wire != "gemini" or route.endpoint:
        raise InvalidRequest(
            f"{provider.name}: embeddings need one of Google's own models, such as gemini-embedding-001",
            param="model",
            code="invalid_model",
        )
    addressed = ProviderCall("chat", route.model, {}, completion_id="", created=0, settings=call.settings)
    method, body = _method_and_body(route.model, call.text)
    # The address is that of the model's completions but for the method.
    url = url_of(route, addressed, credentials).removesuffix(_GENERATE)
    headers = {"content-type": "application/json", **auth_headers(credentials)}
    return ProviderRequest(f"{url}:{method}", encode_body(body), headers, signing=signing_of(credentials))


def find_vector(body: JsonObject) -> Any:
    """Return the vector of `{"embedding": {"values"}}` or `{"predictions": [{"embeddings": {"values"}}]}`."""
    predictions = body.get("predictions")
    first = predictions[0] if isinstance(predictions, list) and predictions else None
    embeddings = first.get("embeddings") if isinstance(first, dict) else None
    return embeddings.get("values") if isinstance(embeddings, dict) else gemini.find_vector(body)


def _method_and_body(model: str, text: str) -> tuple[str, JsonObject]:
    task = gemini.SIMILARITY if gemini.takes_task(model) else None
    if "gemini" in model:
        config: JsonObject = {"outputDimensionality": DIMENSIONS, **({"taskType": task} if task else {})}
        return "embedContent", {"content": {"role": "user", "parts": [{"text": text}]}, "embedContentConfig": config}
    instance: JsonObject = {"content": text, **({"task_type": task} if task else {})}
    return "predict", {"instances": [instance], "parameters": {"outputDimensionality": DIMENSIONS}}

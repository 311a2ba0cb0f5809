"""Google Gemini, by generateContent: https://ai.google.dev/api/generate-content (read 2026-11-22)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from promptside.errors import InvalidRequest, JsonObject, PromptsideError
from promptside.providers.base import Capabilities, Field, ProviderCall, ProviderRequest, StreamMapper
from promptside.providers.draft import encode_body
from promptside.providers.gemini_format.errors import parse_gemini_error
from promptside.providers.gemini_format.request import build_generate_body
from promptside.providers.gemini_format.response import parse_generated
from promptside.providers.gemini_format.stream import GenerateStream
from promptside.schema.chat import Completion

BASE_URL = "https://generativelanguage.googleapis.com"

VERSION = "v1beta"
"""The version that has every field this adapter sends."""

# The model becomes one path segment.
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_PREFIXES = ("publishers/google/models/", "models/", "google/", "google.")


class Google:
    """The adapter; it holds nothing."""

    name = "google"
    fields: tuple[Field, ...] = (
        Field(
            "api_key",
            "An API key from aistudio.google.com",
            secret=True,
            required=True,
            environment=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
            aliases=("apiKey", "key"),
        ),
        Field(
            "custom_host",
            "Another origin than https://generativelanguage.googleapis.com, with an optional path prefix",
            environment=("GOOGLE_GEMINI_BASE_URL",),
            header="x-portkey-custom-host",
            pattern=r"https?://[A-Za-z0-9.:_\[\]-]+(/[A-Za-z0-9._~/-]*)?",
            aliases=("customHost", "base_url"),
            host=True,
        ),
        Field(
            "api_version",
            f"The API version, {VERSION} unless given",
            pattern=r"v\d{1,2}((alpha|beta)\d{0,2})?",
            aliases=("apiVersion",),
        ),
        Field(
            "base_model",
            "The model whose capabilities count, when the prompt's model name does not tell its version",
            pattern=r"[A-Za-z0-9._-]{1,128}",
        ),
    )
    capabilities = Capabilities(
        fetches_images=False,
        documents=True,
        reasoning=True,
        note="Also audio and video; keep tool_calls[].extra_content when a conversation goes on",
    )

    def build_request(self, call: ProviderCall, credentials: Mapping[str, str]) -> ProviderRequest:
        """Build the generateContent request; see `Provider.build_request`."""
        model = model_name(call.model)
        draft = build_generate_body(call, provider=self.name)
        url = method_url(model, generate_method(call), credentials)
        headers = {"x-goog-api-key": credentials["api_key"], "content-type": "application/json"}
        return ProviderRequest(url, encode_body(draft.body), headers, dropped=tuple(draft.dropped))

    def parse_response(self, body: JsonObject, call: ProviderCall) -> Completion:
        """Turn an answer into a completion; see `Provider.parse_response`."""
        return parse_generated(body, call, provider=self.name)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> PromptsideError:
        """Return the error of a refused request; see `Provider.parse_error`."""
        return parse_gemini_error(self.name, status, headers, body)

    def stream_mapper(self, call: ProviderCall) -> StreamMapper:
        """Return the mapper of one stream."""
        return GenerateStream(call, provider=self.name)


def model_name(model: str) -> str:
    """Return the bare name of a model. Raises InvalidRequest for what is none: it becomes part of a path."""
    prefix = next((prefix for prefix in _PREFIXES if model.startswith(prefix)), "")
    name = model.removeprefix(prefix)
    if ".." in name or not _MODEL.fullmatch(name):
        raise InvalidRequest("'model' must be the name of a Gemini model", param="model", code="invalid_model")
    return name


def method_url(model: str, method: str, credentials: Mapping[str, str]) -> str:
    """Return the URL of a method of a model, which `model_name` has checked."""
    base = (credentials.get("custom_host") or BASE_URL).rstrip("/")
    version = credentials.get("api_version") or VERSION
    return f"{base}/{version}/models/{model}:{method}"


def generate_method(call: ProviderCall) -> str:
    """Return the method and, for a stream, the wish for server-sent events instead of one long list."""
    return "streamGenerateContent?alt=sse" if call.stream else "generateContent"


PROVIDER = Google()

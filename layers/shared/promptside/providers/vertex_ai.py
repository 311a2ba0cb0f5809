"""Google Vertex AI: Gemini, Claude, Mistral, open models and endpoints of one's own, each on its own wire.

https://cloud.google.com/vertex-ai/generative-ai/docs (read 2026-11-22). The model's name decides the wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from promptside.errors import JsonObject, PromptsideError
from promptside.providers.base import Capabilities, Field, ProviderCall, ProviderRequest, StreamMapper
from promptside.providers.draft import encode_body
from promptside.providers.gemini_format.errors import parse_gemini_error
from promptside.providers.gemini_format.request import build_generate_body
from promptside.providers.gemini_format.response import parse_generated
from promptside.providers.gemini_format.stream import GenerateStream
from promptside.providers.vertex.address import (
    DEFAULT_REGION,
    GEMINI_VERSION,
    PROJECT_PATTERN,
    REGION_PATTERN,
    VERSION,
    auth_headers,
    signing_of,
    url_of,
)
from promptside.providers.vertex.routes import Route, route_of
from promptside.schema.chat import Completion

# What only Claude and the open models need is imported on their first call: a cold start pays for one wire.


class VertexAI:
    """The adapter; it holds nothing."""

    name = "vertex-ai"
    fields: tuple[Field, ...] = (
        Field(
            "vertex_project_id",
            "The id or number of the Google Cloud project; a service account's own unless given",
            environment=("GOOGLE_CLOUD_PROJECT",),
            header="x-portkey-vertex-project-id",
            pattern=PROJECT_PATTERN,
            aliases=("vertexProjectId", "project_id"),
        ),
        Field(
            "vertex_region",
            f"The region, such as europe-west4, or us, eu or global; {DEFAULT_REGION} unless given",
            environment=("GOOGLE_CLOUD_LOCATION",),
            header="x-portkey-vertex-region",
            pattern=REGION_PATTERN,
            aliases=("vertexRegion", "region"),
            host=True,
        ),
        # It has no header: a caller's federation would let the function's own role in where the caller says.
        Field(
            "vertex_service_account_json",
            "The JSON of a service account's key, or of a federation that lets the function's AWS role in without one",
            secret=True,
            environment=("GOOGLE_APPLICATION_CREDENTIALS_JSON",),
            aliases=("vertexServiceAccountJson", "service_account_json"),
            multiline=True,
        ),
        Field(
            "vertex_access_token",
            "An access token made elsewhere, sent as it is",
            secret=True,
            aliases=("vertexAccessToken",),
        ),
        Field(
            "api_key",
            "An API key of Vertex AI's express mode, for Gemini without a project",
            secret=True,
            aliases=("apiKey", "key"),
        ),
        Field(
            "custom_host",
            "Another origin than the region's own, with an optional path prefix",
            environment=("GOOGLE_VERTEX_BASE_URL",),
            header="x-portkey-custom-host",
            pattern=r"https?://[A-Za-z0-9.:_\[\]-]+(/[A-Za-z0-9._~/-]*)?",
            aliases=("customHost", "base_url"),
            host=True,
        ),
        Field(
            "api_version",
            f"The API version; {GEMINI_VERSION} for Gemini and {VERSION} for other models unless given",
            pattern=r"v\d{1,2}((alpha|beta)\d{0,2})?",
            aliases=("apiVersion",),
        ),
        Field(
            "base_model",
            "The model whose capabilities count, when the prompt's model is the number of a tuned one",
            pattern=r"[A-Za-z0-9._@-]{1,128}",
        ),
        Field(
            "beta",
            "Beta features of Claude, comma-separated",
            header="x-portkey-anthropic-beta",
            pattern=r"[A-Za-z0-9._-]+(\s*,\s*[A-Za-z0-9._-]+)*",
            aliases=("anthropic_beta", "anthropicBeta"),
        ),
    )
    capabilities = Capabilities(
        fetches_images=False,
        documents=True,
        reasoning=True,
        note="What a model takes depends on its publisher, written before its name: anthropic.claude-..., meta/...",
    )

    def build_request(self, call: ProviderCall, credentials: Mapping[str, str]) -> ProviderRequest:
        """Build the request on the model's own wire; see `Provider.build_request`."""
        route = route_of(call.model)
        match route.wire:
            case "gemini":
                return self._gemini_request(route, call, credentials)
            case "claude":
                return self._claude_request(route, call, credentials)
            case wire:
                from promptside.providers.vertex.compatible import compatible

                return compatible(wire, self.name).build_request(call, credentials)

    def parse_response(self, body: JsonObject, call: ProviderCall) -> Completion:
        """Turn an answer into a completion; see `Provider.parse_response`."""
        route = route_of(call.model)
        match route.wire:
            case "gemini":
                return parse_generated(body, replace(call, model=route.model), provider=self.name)
            case "claude":
                from promptside.providers.anthropic_format.response import parse_message

                return parse_message(body, replace(call, model=route.model), provider=self.name)
            case wire:
                from promptside.providers.vertex.compatible import compatible

                return compatible(wire, self.name).parse_response(body, call)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> PromptsideError:
        """Return the error of a refused request; see `Provider.parse_error`."""
        from promptside.providers.vertex.claude import claude_error

        return claude_error(self.name, status, headers, body) or parse_gemini_error(self.name, status, headers, body)

    def stream_mapper(self, call: ProviderCall) -> StreamMapper:
        """Return the mapper of one stream."""
        route = route_of(call.model)
        match route.wire:
            case "gemini":
                return GenerateStream(replace(call, model=route.model), provider=self.name)
            case "claude":
                from promptside.providers.anthropic_format.stream import MessageStream

                return MessageStream(replace(call, model=route.model), provider=self.name)
            case wire:
                from promptside.providers.vertex.compatible import compatible

                return compatible(wire, self.name).stream_mapper(call)

    def _gemini_request(self, route: Route, call: ProviderCall, credentials: Mapping[str, str]) -> ProviderRequest:
        draft = build_generate_body(replace(call, model=route.model), provider=self.name, cloud=True)
        return ProviderRequest(
            url_of(route, call, credentials),
            encode_body(draft.body),
            {"content-type": "application/json", **auth_headers(credentials)},
            signing=signing_of(credentials),
            dropped=tuple(draft.dropped),
        )

    def _claude_request(self, route: Route, call: ProviderCall, credentials: Mapping[str, str]) -> ProviderRequest:
        from promptside.providers.vertex.claude import build_claude_body

        built = build_claude_body(replace(call, model=route.model), provider=self.name)
        headers = {"content-type": "application/json", **auth_headers(credentials)}
        if built.betas:
            headers["anthropic-beta"] = ",".join(built.betas)
        return ProviderRequest(
            url_of(route, call, credentials),
            encode_body(built.body),
            headers,
            signing=signing_of(credentials),
            dropped=built.dropped,
        )


PROVIDER = VertexAI()

"""Anthropic, by the Messages API: https://platform.claude.com/docs/en/api/messages (read 2026-11-22)."""

from __future__ import annotations

from collections.abc import Mapping

from promptside.errors import JsonObject, PromptsideError
from promptside.providers.anthropic_format.request import build_messages_body
from promptside.providers.anthropic_format.response import parse_message, parse_messages_error
from promptside.providers.anthropic_format.stream import MessageStream
from promptside.providers.base import Capabilities, Field, ProviderCall, ProviderRequest, StreamMapper
from promptside.providers.draft import encode_body
from promptside.schema.chat import Completion

BASE_URL = "https://api.anthropic.com"

VERSION = "2023-06-01"
"""Pinned: the next version refuses parameters that stored prompts have, and the vendor's SDKs switch without asking."""

NO_SAMPLING_SINCE = "2026-10-21"
"""From this version of the API on, no model takes sampling parameters."""


class Anthropic:
    """The adapter; it holds nothing."""

    name = "anthropic"
    fields: tuple[Field, ...] = (
        Field(
            "api_key",
            "An API key from console.anthropic.com",
            secret=True,
            required=True,
            environment=("ANTHROPIC_API_KEY",),
            aliases=("apiKey", "key"),
        ),
        Field(
            "custom_host",
            "Another origin than https://api.anthropic.com, with an optional path prefix",
            environment=("ANTHROPIC_BASE_URL",),
            header="x-portkey-custom-host",
            pattern=r"https?://[A-Za-z0-9.:_\[\]-]+(/[A-Za-z0-9._~/-]*)?",
            aliases=("customHost", "base_url"),
            host=True,
        ),
        Field(
            "version",
            f"The API version, {VERSION} unless given",
            header="x-portkey-anthropic-version",
            pattern=r"\d{4}-\d{2}-\d{2}",
            aliases=("anthropic_version", "anthropicVersion"),
        ),
        Field(
            "beta",
            "Beta features, comma-separated",
            header="x-portkey-anthropic-beta",
            pattern=r"[A-Za-z0-9._-]+(\s*,\s*[A-Za-z0-9._-]+)*",
            aliases=("anthropic_beta", "anthropicBeta"),
        ),
        Field(
            "base_model",
            "The model whose capabilities count, when the prompt's model name does not tell its version",
            pattern=r"[A-Za-z0-9._:@-]+",
        ),
    )
    capabilities = Capabilities(documents=True, reasoning=True)

    def build_request(self, call: ProviderCall, credentials: Mapping[str, str]) -> ProviderRequest:
        """Build the Messages request; see `Provider.build_request`."""
        version = credentials.get("version") or VERSION
        built = build_messages_body(call, provider=self.name, takes_sampling=version < NO_SAMPLING_SINCE)
        if call.stream:
            built.body["stream"] = True
        headers = {
            "x-api-key": credentials["api_key"],
            "anthropic-version": version,
            "content-type": "application/json",
        }
        if built.betas:
            headers["anthropic-beta"] = ",".join(built.betas)
        base = (credentials.get("custom_host") or BASE_URL).rstrip("/")
        return ProviderRequest(f"{base}/v1/messages", encode_body(built.body), headers, dropped=built.dropped)

    def parse_response(self, body: JsonObject, call: ProviderCall) -> Completion:
        """Turn a Message into a completion; see `Provider.parse_response`."""
        return parse_message(body, call, provider=self.name)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> PromptsideError:
        """Return the error of a refused request; see `Provider.parse_error`."""
        return parse_messages_error(self.name, status, headers, body)

    def stream_mapper(self, call: ProviderCall) -> StreamMapper:
        """Return the mapper of one stream."""
        return MessageStream(call, provider=self.name)


PROVIDER = Anthropic()

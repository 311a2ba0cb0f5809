"""Perplexity: answers with sources, through the Agent API or, where a setting says so, the older Sonar API.

https://docs.perplexity.ai/docs/agent-api and https://docs.perplexity.ai/docs/sonar, read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Mapping

from promptside.providers.base import Capabilities, Field, ProviderCall
from promptside.providers.openai_format.compatible import OpenAICompatible
from promptside.providers.openai_format.endpoints import join_url
from promptside.providers.openai_format.rules import Wire
from promptside.providers.perplexity.agent import AGENT, NAME
from promptside.providers.perplexity.sonar import SONAR_ANSWERS, SONAR_PARAMETERS, rewrite_for_sonar
from promptside.providers.perplexity.stream import AgentStreamMapper

_BASE_URL = "https://api.perplexity.ai"
# The longest first: what people paste behind the origin.
_PASTED = ("/v1/agent", "/v1/responses", "/v1/chat/completions", "/v1/sonar", "/v1", "/chat/completions")

FIELDS = (
    Field(
        "api_key",
        "A Perplexity API key",
        secret=True,
        required=True,
        environment=("PERPLEXITY_API_KEY", "PPLX_API_KEY"),
        aliases=("apiKey", "key"),
    ),
    Field(
        "custom_host",
        "Another origin, with a path prefix if it has one, without /v1; only hosts that the stack allows are used",
        environment=("PERPLEXITY_BASE_URL",),
        header="x-portkey-custom-host",
        pattern=r"https?://[^\s?#@\\]+",
        aliases=("customHost", "base_url"),
        host=True,
    ),
    Field(
        "perplexity_api",
        "agent or sonar: which of Perplexity's APIs to call; the Agent API unless given",
        header="x-portkey-perplexity-api",
        pattern="agent|sonar",
        aliases=("perplexityApi",),
    ),
)


def _choose_wire(call: ProviderCall) -> Wire:
    return "chat" if call.settings.get("perplexity_api") == "sonar" else "responses"


def _build_url(_: ProviderCall, credentials: Mapping[str, str], path: str) -> str:
    base = credentials.get("custom_host", _BASE_URL).rstrip("/")
    pasted = next((ending for ending in _PASTED if base.endswith(ending)), "")
    return join_url(base.removesuffix(pasted), path)


PROVIDER = OpenAICompatible(
    name=NAME,
    fields=FIELDS,
    base_url=_BASE_URL,
    parameters=SONAR_PARAMETERS,
    answers=SONAR_ANSWERS,
    ask_usage="never",
    has_functions=False,
    build_url=_build_url,
    rewrite=rewrite_for_sonar,
    choose_wire=_choose_wire,
    responses=AGENT,
    responses_mapper=AgentStreamMapper,
    capabilities=Capabilities(
        reasoning=True,
        note="The Agent API, with Sonar's model names and search parameters translated; the Sonar API by a setting",
    ),
)

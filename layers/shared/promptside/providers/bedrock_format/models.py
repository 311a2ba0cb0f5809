"""What each family of models on Bedrock takes, as one table.

Read 2026-11-22 from AWS's table of supported Converse features, the botocore 1.44.5 service model and LiteLLM's model
map. Claude's own differences between generations are in `anthropic_models`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from promptside.providers.anthropic_format.models import ClaudeModel, claude_model
from promptside.providers.base import ProviderCall

Reasoning = Literal["claude", "nova", "field", "none"]
TopK = Literal["field", "nova", "none"]

_FORCED = frozenset({"required", "named"})
_ANY = frozenset({"required"})
_NEVER: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Family:
    """The capabilities of one family.

    `forced` are the tool choices that can be demanded. `text_beside_results` says whether a user's text may stand in
    the turn that answers tools, `result_status` whether a tool result says that it failed. `references` says whether
    tool schemas may have `$ref`. `input_includes_cache` marks those whose
    streams count the cached tokens twice.
    """

    name: str
    system: bool = True
    tools: bool = True
    forced: frozenset[str] = _FORCED
    text_beside_results: bool = True
    result_status: bool = False
    references: bool = False
    prefill: bool = False
    stop: bool = True
    sampling: bool = True
    top_k: TopK = "none"
    reasoning: Reasoning = "none"
    json_schema: bool = False
    cache: bool = False
    cache_tools: bool = False
    input_includes_cache: bool = False


_CLAUDE = Family(
    "claude",
    result_status=True,
    references=True,
    top_k="field",
    reasoning="claude",
    cache=True,
    cache_tools=True,
)

ROWS: tuple[tuple[str, Family], ...] = (
    (r"anthropic\.claude", _CLAUDE),
    (r"amazon\.nova-2", Family("nova", result_status=True, top_k="nova", reasoning="nova", cache=True)),
    (r"amazon\.nova", Family("nova", result_status=True, top_k="nova", cache=True)),
    (r"amazon\.titan", Family("titan", system=False, tools=False, forced=_NEVER)),
    (r"meta\.llama", Family("llama", forced=_NEVER, text_beside_results=False)),
    (r"mistral\.(mistral-7b|mixtral)", Family("mistral", system=False, tools=False, forced=_NEVER)),
    (r"mistral\.(mistral-(small|large)-240|pixtral)", Family("mistral", forced=_ANY, text_beside_results=False)),
    (r"mistral\.", Family("mistral", forced=_ANY, text_beside_results=False, json_schema=True)),
    (r"cohere\.command-(text|light)", Family("cohere", system=False, tools=False, forced=_NEVER)),
    (r"cohere\.", Family("cohere", forced=_NEVER)),
    (r"ai21\.", Family("ai21", forced=_NEVER)),
    (r"deepseek\.r1", Family("deepseek", tools=False, forced=_NEVER)),
    (r"deepseek\.", Family("deepseek", forced=_NEVER, json_schema=True)),
    (r"openai\.gpt-oss", Family("openai", forced=_NEVER, reasoning="field", json_schema=True)),
    (r"openai\.", Family("openai", stop=False, reasoning="field", json_schema=True, input_includes_cache=True)),
    (r"(xai|x-ai)\.", Family("grok", stop=False, json_schema=True)),
    (r"(qwen|google|minimax|moonshot|moonshotai|nvidia)\.", Family("open", forced=_NEVER, json_schema=True)),
)
"""A pattern for the base model's id, and its family; the first that fits counts."""

UNKNOWN = Family(
    "unknown",
    result_status=True,
    references=True,
    prefill=True,
    json_schema=True,
    cache=True,
    cache_tools=True,
)
"""An id that does not tell, such as an application inference profile: sent as asked for, and Bedrock decides."""


@dataclass(frozen=True, slots=True)
class BedrockModel:
    """The family of a model, and for Claude its generation."""

    family: Family
    claude: ClaudeModel | None = None

    @property
    def json_schema(self) -> bool:
        """Tell whether answers can be held to a schema without the help of a tool."""
        return self.claude.json_schema if self.claude else self.family.json_schema

    @property
    def forced(self) -> frozenset[str]:
        """The tool choices that can be demanded."""
        return _NEVER if self.claude and not self.claude.forced_tools else self.family.forced

    @property
    def prefill(self) -> bool:
        """Tell whether the last message may be the beginning of the answer."""
        return self.claude.prefill if self.claude else self.family.prefill

    @property
    def cache_ttl(self) -> bool:
        """Tell whether a cache point may say how long it lasts."""
        return self.claude is not None and self.claude.cache_ttl

    @property
    def strict_tools(self) -> bool:
        """Tell whether tools may be strict."""
        return self.claude is not None and self.claude.strict_on_bedrock


def bedrock_model(call: ProviderCall) -> BedrockModel:
    """Return what the call's model takes; the setting `aws_bedrock_model` names the base model of an opaque id."""
    name = (call.settings.get("aws_bedrock_model") or call.model).lower()
    for pattern, family in ROWS:
        if re.search(rf"(^|[./:]){pattern}", name):
            return BedrockModel(family, claude_model(name) if family is _CLAUDE else None)
    return BedrockModel(UNKNOWN)

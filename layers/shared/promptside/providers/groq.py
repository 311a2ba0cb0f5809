"""Groq: chat completions only, by a host that refuses every unknown key of a message.

https://console.groq.com/docs/openai and the types of groq 1.7.0, read 2026-11-23.
"""

from __future__ import annotations

from types import MappingProxyType

from promptside.errors import JsonObject
from promptside.providers.base import Capabilities
from promptside.providers.openai_format.compatible import OpenAICompatible
from promptside.providers.openai_format.fields import api_key, base_url
from promptside.providers.openai_format.only import KNOBS, PROMISES, TEXT_ANSWERS
from promptside.providers.openai_format.parts import without_markers
from promptside.providers.openai_format.rules import AnswerRules, MessageRules, ToolRules
from promptside.providers.parameters import ParameterTable

# Parameters that the SDK's types call not supported by any model.
_NOT_YET = frozenset(
    {"frequency_penalty", "logit_bias", "logprobs", "metadata", "prediction", "presence_penalty", "top_logprobs"}
)

# "property 'timestamp' is unsupported": https://github.com/ServiceStack/llms/issues/17 ; the same for the
# `reasoning_content` of our own answers, replayed: https://github.com/janhq/jan/issues/8136
_TEXT = frozenset({"role", "content"})
_KEYS = MappingProxyType(
    {
        "system": _TEXT,
        "developer": _TEXT,
        "user": _TEXT,
        "assistant": _TEXT | {"tool_calls", "function_call", "reasoning"},
        "tool": _TEXT | {"tool_call_id"},
        "function": _TEXT | {"name"},
    }
)


def read_groq_extras(body: JsonObject) -> None:
    """Give the usage and the error of `x_groq` their usual places.

    `{"x_groq": {"id": "req_1", "usage": {"prompt_tokens": 71, ...}, "error": "text"}}`; in a whole answer its usage
    counts the tokens of caches, and the usual usage stands beside it.
    """
    extras = body.get("x_groq")
    if not isinstance(extras, dict):
        return
    if isinstance(extras.get("usage"), dict) and body.get("usage") is None:
        body["usage"] = dict(extras["usage"])
    if extras.get("error") and not body.get("error"):
        body["error"] = extras["error"]


PROVIDER = OpenAICompatible(
    name="groq",
    fields=(
        api_key("A Groq API key", "GROQ_API_KEY"),
        base_url("Another base URL, with its /openai/v1", "GROQ_BASE_URL"),
    ),
    base_url="https://api.groq.com/openai/v1",
    parameters=ParameterTable(
        drop=KNOBS | _NOT_YET,
        refuse=PROMISES,
        fixed=MappingProxyType({"n": 1, **TEXT_ANSWERS}),
    ),
    messages=MessageRules(
        # "value must be a string", by model: https://github.com/OpenHands/OpenHands/issues/4643
        join_text_parts=True,
        keys=_KEYS,
        tool_call_keys=frozenset({"id", "type", "function"}),
        part=without_markers,
    ),
    tools=ToolRules(strip=frozenset({"cache_control"})),
    answers=AnswerRules(answer=read_groq_extras, answer_keys=frozenset({"x_groq"})),
    # Flex capacity is used up: https://console.groq.com/docs/errors
    statuses=MappingProxyType({498: 503}),
    capabilities=Capabilities(reasoning=True, note="JSON schemas and images on the models that Groq lists for them"),
)

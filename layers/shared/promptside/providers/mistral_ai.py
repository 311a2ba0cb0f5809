"""Mistral AI: chat completions under its own names, with ids, messages and answers of its own.

https://docs.mistral.ai/api and the types of mistralai 3.7.0, read 2026-11-23. Its errors come in four shapes, all of
which `error_bodies` reads.
"""

from __future__ import annotations

from types import MappingProxyType

from promptside.providers.base import Capabilities
from promptside.providers.openai_format.compatible import OpenAICompatible
from promptside.providers.openai_format.fields import api_key, base_url
from promptside.providers.openai_format.mistral_answers import choose_message, read_message
from promptside.providers.openai_format.mistral_messages import mistral_part, mistral_schema, nine_characters
from promptside.providers.openai_format.only import KNOBS, PROMISES, TEXT_ANSWERS
from promptside.providers.openai_format.rules import AnswerRules, MessageRules, ToolRules
from promptside.providers.parameters import ParameterTable

# A replayed `reasoning_content`, a user's `name` or an `index` of a tool call is a 422:
# https://github.com/charmbracelet/crush/issues/1590 , https://github.com/BerriAI/litellm/issues/6696
_TEXT = frozenset({"role", "content"})
_KEYS = MappingProxyType(
    {
        "system": _TEXT,
        "developer": _TEXT,
        "user": _TEXT,
        "assistant": _TEXT | {"tool_calls", "prefix"},
        "tool": _TEXT | {"tool_call_id", "name"},
    }
)

PROVIDER = OpenAICompatible(
    name="mistral-ai",
    fields=(
        api_key("A Mistral API key", "MISTRAL_API_KEY"),
        base_url("Another base URL, with its /v1, such as https://api.eu.mistral.ai/v1", "MISTRAL_BASE_URL"),
    ),
    base_url="https://api.mistral.ai/v1",
    parameters=ParameterTable(
        rename=MappingProxyType({"max_completion_tokens": "max_tokens", "seed": "random_seed"}),
        # Unlike the others, it has a `prompt_cache_key`.
        drop=KNOBS - {"prompt_cache_key"} | {"logit_bias", "user"},
        refuse=PROMISES,
        fixed=TEXT_ANSWERS,
    ),
    messages=MessageRules(
        keys=_KEYS,
        tool_call_keys=frozenset({"id", "type", "function"}),
        tool_call_id=nine_characters,
        part=mistral_part,
    ),
    tools=ToolRules(
        strip=frozenset({"cache_control"}),
        # `required` is newer than the API's first models; `any` works with all.
        choices=MappingProxyType({"required": "any"}),
        schema=mistral_schema,
        needs_parameters=True,
    ),
    has_functions=False,
    answers=AnswerRules(answer=choose_message, answer_keys=frozenset(), message=read_message),
    # It is a 422, and the last chunk has the usage without it.
    ask_usage="never",
    capabilities=Capabilities(documents=True, reasoning=True, note="Documents by data URI or file_id"),
)

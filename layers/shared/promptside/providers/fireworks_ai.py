"""Fireworks AI: chat and text completions; unknown keys of a request or a message are a 400.

https://docs.fireworks.ai/api-reference/post-chatcompletions, read 2026-11-23.
"""

from __future__ import annotations

from types import MappingProxyType

from promptside.errors import JsonObject
from promptside.providers.base import Capabilities, Field, ProviderCall
from promptside.providers.openai_format.compatible import OpenAICompatible
from promptside.providers.openai_format.fields import api_key, base_url
from promptside.providers.openai_format.only import KNOBS, PROMISES, TEXT_ANSWERS
from promptside.providers.openai_format.parts import refusing
from promptside.providers.openai_format.rules import AnswerRules, MessageRules, ToolRules
from promptside.providers.openai_format.values import objects
from promptside.providers.parameters import ParameterTable

_TEXT = frozenset({"role", "content", "name"})
_KEYS = MappingProxyType(
    {
        "system": _TEXT,
        "developer": _TEXT,
        "user": _TEXT,
        "assistant": _TEXT | {"tool_calls", "reasoning_content"},
        "tool": _TEXT | {"tool_call_id"},
    }
)


def expand_model(body: JsonObject, call: ProviderCall, _: list[str]) -> JsonObject:
    """Write a short model name as a path of the configured account: `glm-5p2` as `accounts/acme/models/glm-5p2`."""
    account = call.settings.get("account_id")
    if account and "/" not in call.model:
        body["model"] = f"accounts/{account}/models/{call.model}"
    return body


def read_tool_calls(message: JsonObject) -> None:
    """Put right a tool call whose `function` is only its name, as the vendor's types allow."""
    for call in objects(message.get("tool_calls")):
        if isinstance(call.get("function"), str):
            call["function"] = {"name": call["function"]}


PROVIDER = OpenAICompatible(
    name="fireworks-ai",
    fields=(
        api_key("A Fireworks API key", "FIREWORKS_API_KEY"),
        base_url("Another base URL, with its /inference/v1", "FIREWORKS_BASE_URL"),
        Field(
            "account_id",
            "The account whose models short names mean; without it, models are written as full paths",
            environment=("FIREWORKS_ACCOUNT_ID",),
            header="x-portkey-fireworks-account-id",
            pattern=r"[a-zA-Z0-9][a-zA-Z0-9_-]*",
            aliases=("fireworksAccountId", "fireworks_account_id"),
        ),
    ),
    base_url="https://api.fireworks.ai/inference/v1",
    text_path="/completions",
    parameters=ParameterTable(
        # Both names together are a 400, so one is sent.
        rename=MappingProxyType({"max_completion_tokens": "max_tokens"}),
        drop=KNOBS - {"prompt_cache_key"},
        refuse=PROMISES,
        fixed=TEXT_ANSWERS,
    ),
    messages=MessageRules(
        keys=_KEYS,
        tool_call_keys=frozenset({"id", "type", "function"}),
        part=refusing("fireworks-ai", "file"),
    ),
    tools=ToolRules(
        # https://github.com/BerriAI/litellm/pull/9774
        strip=frozenset({"strict", "cache_control"}),
        # Older deployments know only this word.
        choices=MappingProxyType({"required": "any"}),
        needs_parameters=True,
    ),
    answers=AnswerRules(message=read_tool_calls),
    rewrite=expand_model,
    capabilities=Capabilities(
        text=True, reasoning=True, note="A prompt longer than the context is cut unless told otherwise"
    ),
)

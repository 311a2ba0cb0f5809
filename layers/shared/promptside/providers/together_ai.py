"""Together AI: chat and text completions, whose answers mix OpenAI's forms with its own.

https://docs.together.ai/reference/chat-completions-1 and the types of together 3.1.1, read 2026-11-23.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from promptside.errors import InvalidRequest, JsonObject
from promptside.providers.base import Capabilities, ProviderCall
from promptside.providers.openai_format.compatible import OpenAICompatible
from promptside.providers.openai_format.fields import api_key, base_url
from promptside.providers.openai_format.only import KNOBS, PROMISES, TEXT_ANSWERS
from promptside.providers.openai_format.parts import refusing
from promptside.providers.openai_format.rules import AnswerRules, MessageRules, ToolRules
from promptside.providers.openai_format.together_logprobs import as_count, chat_logprobs, text_logprobs
from promptside.providers.openai_format.values import objects
from promptside.providers.parameters import ParameterTable, drop

_NAME = "together-ai"
_MISSING = frozenset({"metadata", "parallel_tool_calls", "prediction", "service_tier", "user"})


def as_list(stop: Any) -> Any:
    """Return stop sequences as the list that the API demands."""
    return [stop] if isinstance(stop, str) else stop


def rewrite_body(body: JsonObject, call: ProviderCall, dropped: list[str]) -> JsonObject:
    """Write log probabilities, reasoning and a text prompt in Together's form."""
    _set_logprobs(body, call, dropped)
    if body.get("reasoning_effort") == "none":
        del body["reasoning_effort"]
        if "gpt-oss" in call.model:
            # These models cannot stop reasoning.
            drop("reasoning_effort", dropped, strict=call.strict_params, provider=_NAME)
        else:
            body.setdefault("reasoning", {"enabled": False})
    if call.kind == "text":
        body["prompt"] = _one_prompt(call.prompt)
    return body


def read_frame(body: JsonObject) -> None:
    """Put right an answer or a chunk: a finish reason beside the choices, and the forms of log probabilities."""
    choices = objects(body.get("choices"))
    reason = body.pop("finish_reason", None)
    chat = str(body.get("object")).startswith("chat.")
    for choice in choices:
        if reason is not None and choice.get("finish_reason") is None:
            choice["finish_reason"] = reason
        if choice.get("logprobs") is not None:
            rewrite = chat_logprobs if chat or "message" in choice else text_logprobs
            rewrite(choice)


def _set_logprobs(body: JsonObject, call: ProviderCall, dropped: list[str]) -> None:
    alternatives = body.pop("top_logprobs", None)
    count = as_count(body.pop("logprobs", None), alternatives)
    if count is not None:
        body["logprobs"] = count
    elif alternatives is not None:
        drop("top_logprobs", dropped, strict=call.strict_params, provider=_NAME)


def _one_prompt(prompt: Any) -> str:
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if isinstance(prompt, str):
        return prompt
    raise InvalidRequest(
        f"{_NAME} completes one text per call: send the prompt as one text", param="prompt", code="unsupported_prompt"
    )


PROVIDER = OpenAICompatible(
    name=_NAME,
    fields=(
        api_key("A Together API key", "TOGETHER_API_KEY"),
        base_url("Another base URL, with its /v1", "TOGETHER_BASE_URL"),
    ),
    base_url="https://api.together.ai/v1",
    text_path="/completions",
    parameters=ParameterTable(
        rename=MappingProxyType({"max_completion_tokens": "max_tokens"}),
        drop=KNOBS | _MISSING,
        refuse=PROMISES,
        fixed=TEXT_ANSWERS,
        convert=MappingProxyType({"stop": as_list}),
    ),
    messages=MessageRules(join_text_parts=True, part=refusing(_NAME, "file")),
    tools=ToolRules(strip=frozenset({"cache_control"})),
    answers=AnswerRules(answer=read_frame),
    rewrite=rewrite_body,
    capabilities=Capabilities(text=True, reasoning=True, note="What works depends on the model"),
)

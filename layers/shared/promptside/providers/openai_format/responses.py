"""Builds requests on OpenAI's Responses wire from chat calls; a second wire of the family.

https://developers.openai.com/api/docs/guides/migrate-to-responses, openai 3.54.0 types, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from promptside.errors import JsonObject
from promptside.providers.base import ProviderCall
from promptside.providers.openai_format.responses_input import (
    build_instructions,
    build_items,
    build_text_format,
    build_tool,
    build_tool_choice,
)
from promptside.providers.openai_format.rules import RewriteBody
from promptside.providers.parameters import ParameterTable, unsupported
from promptside.schema.chat import Completion

PARAMETERS = ParameterTable(
    rename={"max_completion_tokens": "max_output_tokens", "max_tokens": "max_output_tokens"},
    drop=frozenset({"stop", "seed", "logit_bias", "presence_penalty", "frequency_penalty", "prediction"}),
    refuse={
        "audio": "its answers are text only",
        "web_search_options": "use a tool of type web_search instead",
    },
)
"""The parameters of the wire; those that moved to another place are handled in `build_body`."""


@dataclass(frozen=True, slots=True)
class ResponsesRules:
    """How a host's Responses wire differs from OpenAI's.

    `leading_system_as_instructions` moves the first system messages out of the items. `format_in_text` puts the format
    under `text`, as OpenAI does; otherwise `response_format` stays. `store` is sent unless the call says it, because
    OpenAI stores answers by default. `rewrite` has the last word on the body, `answer` may add to the completion, or
    to the finish chunk, from the host's answer.
    """

    path: str = "/responses"
    parameters: ParameterTable = field(default=PARAMETERS)
    leading_system_as_instructions: bool = False
    format_in_text: bool = True
    store: bool | None = False
    rewrite: RewriteBody | None = None
    answer: Callable[[JsonObject, Completion], None] | None = None


def build_responses_body(call: ProviderCall, rules: ResponsesRules, provider: str) -> tuple[JsonObject, list[str]]:
    """Return the body and the names of the parameters that were left out.

    Raises InvalidRequest for what the wire cannot do: several answers, audio.
    """
    given = {name: value for name, value in call.parameters.items() if value is not None}
    moved = {name: given.pop(name) for name in _MOVED if name in given}
    parameters, dropped = rules.parameters.apply(given, strict=call.strict_params, provider=provider)
    body: JsonObject = {"model": call.model, **_input(call, rules, provider), **parameters}
    _refuse_other_contracts(moved, provider)
    _set_tools(body, moved)
    _set_reasoning(body, moved)
    _set_text(body, moved, rules)
    _set_logprobs(body, moved)
    if rules.store is not None:
        body.setdefault("store", rules.store)
    if call.stream:
        body["stream"] = True
        if isinstance(moved.get("stream_options"), dict) and moved["stream_options"]:
            body["stream_options"] = moved["stream_options"]
    if rules.rewrite is not None:
        body = rules.rewrite(body, call, dropped)
    return body, dropped


_MOVED = (
    "n",
    "modalities",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning_effort",
    "response_format",
    "verbosity",
    "logprobs",
    "top_logprobs",
    "stream_options",
)


def _input(call: ProviderCall, rules: ResponsesRules, provider: str) -> JsonObject:
    messages = call.messages or []
    if not rules.leading_system_as_instructions:
        return {"input": build_items(messages, provider)}
    instructions, rest = build_instructions(messages)
    items = {"input": build_items(rest, provider)}
    return items if instructions is None else {"instructions": instructions, **items}


def _refuse_other_contracts(moved: Mapping[str, Any], provider: str) -> None:
    if moved.get("n", 1) != 1:
        raise unsupported("n", provider, "this model gives one answer for a call")
    if moved.get("modalities", ["text"]) != ["text"]:
        raise unsupported("modalities", provider, "this model answers in text only")


def _set_tools(body: JsonObject, moved: Mapping[str, Any]) -> None:
    if not moved.get("tools"):
        return
    body["tools"] = [build_tool(tool) for tool in moved["tools"]]
    if "tool_choice" in moved:
        body["tool_choice"] = build_tool_choice(moved["tool_choice"])
    if "parallel_tool_calls" in moved:
        body["parallel_tool_calls"] = moved["parallel_tool_calls"]


def _set_reasoning(body: JsonObject, moved: Mapping[str, Any]) -> None:
    if "reasoning_effort" in moved:
        body["reasoning"] = {"effort": moved["reasoning_effort"], **(body.get("reasoning") or {})}


def _set_text(body: JsonObject, moved: Mapping[str, Any], rules: ResponsesRules) -> None:
    if "response_format" in moved and not rules.format_in_text:
        body["response_format"] = moved["response_format"]
    text: JsonObject = {}
    if "response_format" in moved and rules.format_in_text:
        text["format"] = build_text_format(moved["response_format"])
    if "verbosity" in moved:
        text["verbosity"] = moved["verbosity"]
    if text:
        body["text"] = {**text, **(body.get("text") or {})}


def _set_logprobs(body: JsonObject, moved: Mapping[str, Any]) -> None:
    if moved.get("logprobs"):
        body["include"] = [*(body.get("include") or []), "message.output_text.logprobs"]
        if "top_logprobs" in moved:
            body["top_logprobs"] = moved["top_logprobs"]

"""Turns the settings of a Responses request back into chat parameters, tools and tool choice.

https://developers.openai.com/api/docs/api-reference/responses, openai 3.54.0 types, read 2026-11-23.
"""

from __future__ import annotations

from typing import Any

from cli.importing.collector import Collector
from cli.importing.reading import Reading, is_empty, is_object
from promptside.schema.prompt import JsonObject

SAME = (
    "temperature", "top_p", "parallel_tool_calls", "service_tier", "store", "metadata", "user", "safety_identifier",
    "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "moderation", "verbosity", "reasoning_effort",
    "response_format", "max_completion_tokens", "max_tokens", "frequency_penalty", "presence_penalty", "stop", "seed",
    "n", "logprobs", "logit_bias", "modalities", "audio", "prediction", "web_search_options",
)  # fmt: skip
"""What has the same name and meaning in chat, or comes from a chat request already."""

DEFAULTS: dict[str, Any] = {
    "truncation": "disabled",
    "background": False,
    "top_logprobs": 0,
    "parallel_tool_calls": True,
    "service_tier": "default",
    "store": True,
    "stream": False,
    "tool_choice": "auto",
    "frequency_penalty": 0.0,
    "presence_penalty": 0.0,
}
"""What a response says when the request said nothing."""

_CALL = "it belongs to one call, not to a prompt"
REASONS: dict[str, str] = {
    **dict.fromkeys(
        ("stream", "stream_options", "previous_response_id", "conversation", "background", "background_options"), _CALL
    ),
    "context_management": "the Responses API alone has it",
    "include": "the Responses API alone has it",
    "max_tool_calls": "the Responses API alone has it",
    "truncation": "the Responses API alone has it",
}
"""Why some settings stay behind."""


def take_parameters(reading: Reading) -> JsonObject:
    """Return the parameters in chat's names; what chat lacks stays in `reading`."""
    parameters = {name: value for name in SAME if not is_empty(value := reading.take(name))}
    limit = reading.take("max_output_tokens")
    if limit is not None:
        parameters["max_completion_tokens"] = limit
    top = reading.take("top_logprobs")
    if top:
        parameters |= {"logprobs": True, "top_logprobs": top}
    _take_reasoning(reading, parameters)
    _take_text(reading, parameters)
    return parameters


def take_tools(reading: Reading, collector: Collector, what: str) -> list[JsonObject] | None:
    """Return the tools in chat's form; those that run at OpenAI stay as they are, with a note."""
    tools = []
    for number, tool in enumerate(reading.items("tools")):
        if not is_object(tool):
            collector.skip(f"{what}: tools[{number}]", "it is no object")
            continue
        kind = str(tool.get("type"))
        if kind not in ("function", "custom"):
            collector.note(
                what,
                f"the tool '{kind[:40]}' runs at OpenAI: it works through the Responses API only (set 'wire' to"
                " 'responses' on the virtual key), with the files and connections of that account",
            )
        tools.append(_tool(tool, kind))
    return tools or None


def take_tool_choice(reading: Reading) -> Any:
    """Return the tool choice in chat's form, None for the default."""
    choice = reading.take("tool_choice")
    if not is_object(choice) or choice.get("type") not in ("function", "custom", "allowed_tools"):
        return choice
    kind = choice["type"]
    if kind in choice:
        return choice
    inner = {name: value for name, value in choice.items() if name != "type"}
    if kind == "allowed_tools":
        inner["tools"] = [_named(tool) for tool in inner.get("tools") or []]
    return {"type": kind, kind: inner}


def _named(tool: Any) -> Any:
    if is_object(tool) and tool.get("type") in ("function", "custom") and "name" in tool:
        return {"type": tool["type"], tool["type"]: {"name": tool["name"]}}
    return tool


def _tool(tool: JsonObject, kind: str) -> JsonObject:
    if kind not in ("function", "custom") or kind in tool:
        return tool
    inner = {name: value for name, value in tool.items() if name != "type" and value is not None}
    form = inner.get("format")
    if kind == "custom" and is_object(form) and form.get("type") == "grammar" and "grammar" not in form:
        grammar = {name: value for name, value in form.items() if name != "type"}
        inner["format"] = {"type": "grammar", "grammar": grammar}
    return {"type": kind, kind: inner}


def _take_reasoning(reading: Reading, parameters: JsonObject) -> None:
    reasoning = {name: value for name, value in reading.object("reasoning").items() if value is not None}
    effort = reasoning.pop("effort", None)
    if effort is not None:
        parameters["reasoning_effort"] = effort
    if reasoning:
        # Chat has no name for the summary; the Responses wire takes it as it is.
        parameters["reasoning"] = reasoning


def _take_text(reading: Reading, parameters: JsonObject) -> None:
    text = {name: value for name, value in reading.object("text").items() if value is not None}
    form = text.pop("format", None)
    if is_object(form) and form.get("type") == "json_schema" and "json_schema" not in form:
        schema = {name: value for name, value in form.items() if name != "type" and value is not None}
        parameters["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif is_object(form) and form.get("type") != "text":
        parameters["response_format"] = form
    verbosity = text.pop("verbosity", None)
    if verbosity is not None:
        parameters["verbosity"] = verbosity
    if text:
        parameters["text"] = text

"""Reads a whole answer of the Messages API, its usage and its errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from promptside.errors import JsonObject, ProviderError
from promptside.providers.answers import Answer, completion, unusable
from promptside.providers.anthropic_format.request import model_of, tool_names
from promptside.providers.base import ProviderCall
from promptside.providers.error_bodies import details_of, embedded_error, read_details, says_any, to_error
from promptside.providers.tool_use import ToolNames
from promptside.schema.chat import Completion, Usage

FINISH_REASONS: dict[str, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "length",
    "refusal": "content_filter",
}
"""Reasons may be added without a new API version; an unknown one is `stop`."""

_TOO_LONG = ("prompt is too long", "exceed context limit", "exceeds the context window")
_EXTRA_USAGE = ("cache_creation", "server_tool_use")


def parse_message(body: JsonObject, call: ProviderCall, *, provider: str) -> Completion:
    """Turn a Message into a completion. Raises ProviderError for an error body, ProviderUnusable for anything else."""
    if body.get("type") == "error" or isinstance(body.get("error"), dict):
        raise stream_error(body, provider)
    try:
        return _completion(body, call)
    except (KeyError, TypeError, AttributeError) as exc:
        raise unusable(provider, "answered without a message of a known shape") from exc


def json_tool_schema(call: ProviderCall) -> JsonObject | None:
    """Return the schema of the JSON answer if a tool carries it, as `anthropic_request` decided."""
    if model_of(call).json_schema:
        return None
    wanted = call.parameters.get("response_format")
    if not isinstance(wanted, Mapping) or wanted.get("type") != "json_schema":
        return None
    schema = wanted["json_schema"].get("schema")
    return dict(schema) if isinstance(schema, Mapping) else None


def refusal_text(details: object) -> str:
    """Return why the model refused: its explanation, else the category, else that it did."""
    if isinstance(details, Mapping):
        text = details.get("explanation") or details.get("category")
        if isinstance(text, str) and text:
            return text
    return "The model refused to answer"


def usage_of(usage: JsonObject) -> Usage:
    """Return the token counts. The provider's `input_tokens` leave out what came from or went to the cache."""
    read = usage.get("cache_read_input_tokens") or 0
    written = usage.get("cache_creation_input_tokens") or 0
    prompt = (usage.get("input_tokens") or 0) + read + written
    answered = usage.get("output_tokens") or 0
    counted: JsonObject = {
        "prompt_tokens": prompt,
        "completion_tokens": answered,
        "total_tokens": prompt + answered,
        "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
    }
    details = usage.get("output_tokens_details")
    if isinstance(details, dict) and details.get("thinking_tokens") is not None:
        counted["completion_tokens_details"] = {"reasoning_tokens": details["thinking_tokens"]}
    counted.update({name: usage[name] for name in _EXTRA_USAGE if usage.get(name)})
    # The provider's extras are no keys of the type.
    return cast("Usage", counted)


def parse_messages_error(provider: str, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Return the error for an answer with a status of 400 or more."""
    details = read_details(body)
    inner = details.extra.get("details")
    code = inner.get("error_code") if isinstance(inner, dict) else None
    if status in (400, 413) and says_any(details.message, _TOO_LONG):
        code = "context_length_exceeded"
    extra = {name: value for name, value in details.extra.items() if value is not None}
    return to_error(provider, status, replace(details, code=code or details.code, extra=extra), headers=headers)


def stream_error(body: JsonObject, provider: str) -> ProviderError:
    """Return the error for an error object that came with a status of 200."""
    error = embedded_error(provider, body)
    if says_any(details_of(body).message, _TOO_LONG):
        error.code = "context_length_exceeded"
    return error


def _completion(body: JsonObject, call: ProviderCall) -> Completion:
    answer = Answer(json_schema=json_tool_schema(call))
    names = tool_names(call)
    for block in body["content"]:
        _read_block(block, answer, names)
    reason = body.get("stop_reason")
    if reason == "refusal":
        answer.refusal = refusal_text(body.get("stop_details"))
    usage = body.get("usage")
    result = completion(
        call,
        answer,
        finish_reason=FINISH_REASONS.get(str(reason), "stop"),
        usage=usage_of(usage) if isinstance(usage, dict) else None,
    )
    result["id"] = body.get("id") or result["id"]
    result["model"] = body.get("model") or call.model
    return result


def _read_block(block: JsonObject, answer: Answer, names: ToolNames) -> None:
    match block.get("type"):
        case "text":
            answer.texts.append(block["text"])
            answer.citations += block.get("citations") or []
        case "thinking":
            answer.reasoning.append(block["thinking"])
            answer.thinking_blocks.append(block)
        case "redacted_thinking":
            answer.thinking_blocks.append(block)
        case "tool_use":
            answer.call_tool(block["id"], names.original(block["name"]), block.get("input") or {})
        case _:
            # Server tools have run already, and kinds of blocks may be added at any time.
            return

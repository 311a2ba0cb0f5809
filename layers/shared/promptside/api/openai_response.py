"""Writes a completion as the Response object of OpenAI's Responses API (openai 3.54.0 types, read 2026-11-22)."""

from __future__ import annotations

from typing import Any

from promptside.errors import JsonObject
from promptside.exchange import Prepared
from promptside.schema.chat import Completion
from promptside.schema.prompt import PromptVersion

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def response_object(completion: Completion, prepared: Prepared) -> JsonObject:
    """Return the whole object; of several choices the first one counts. Extras of the provider are left out."""
    choice = completion["choices"][0]
    identity = prepared.call.completion_id
    usage = completion.get("usage")
    return {
        **response_frame(prepared, created=completion["created"], model=completion["model"]),
        **ending(choice.get("finish_reason")),
        "output": output_items(choice, identity),
        "usage": None if usage is None else usage_of(usage),
    }


def response_frame(prepared: Prepared, *, created: int, model: str) -> JsonObject:
    """Return what is known of a response from its beginning: everything but `output`, `usage` and how it ended."""
    parameters = prepared.call.parameters
    return {
        "id": f"resp_{prepared.call.completion_id}",
        "object": "response",
        "created_at": created,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": parameters.get("metadata") or {},
        "model": model,
        "output": [],
        "parallel_tool_calls": parameters.get("parallel_tool_calls") is not False,
        "temperature": parameters.get("temperature"),
        "tool_choice": _flat(parameters.get("tool_choice")) or "auto",
        "tools": [_flat(tool) for tool in parameters.get("tools") or []],
        "top_p": parameters.get("top_p"),
        "max_output_tokens": parameters.get("max_completion_tokens") or parameters.get("max_tokens"),
        "previous_response_id": None,
        "prompt": _prompt(prepared.version),
        "usage": None,
    }


def ending(finish_reason: Any) -> JsonObject:
    """Return `status` and `incomplete_details` for the way a completion ended."""
    reason = _INCOMPLETE.get(finish_reason)
    return {
        "status": "completed" if reason is None else "incomplete",
        "incomplete_details": None if reason is None else {"reason": reason},
    }


def output_items(choice: JsonObject, identity: str) -> list[JsonObject]:
    """Return the items of one choice: what was thought, what was said, what is to be called."""
    message: JsonObject = choice.get("message") or {"content": choice.get("text")}
    items: list[JsonObject] = []
    reasoning = message.get("reasoning_content")
    if isinstance(reasoning, str) and reasoning:
        items.append(reasoning_item(identity, reasoning))
    parts = _parts(message)
    if parts:
        items.append(message_item(identity, parts))
    for index, call in enumerate(message.get("tool_calls") or []):
        items.append(call_item(identity, index, call))
    return items


def reasoning_item(identity: str, text: str) -> JsonObject:
    """Return the item of what the model thought."""
    return {"id": f"rs_{identity}", "type": "reasoning", "summary": [{"type": "summary_text", "text": text}]}


def message_item(identity: str, parts: list[JsonObject]) -> JsonObject:
    """Return the item of what the model said."""
    return {"id": f"msg_{identity}", "type": "message", "role": "assistant", "status": "completed", "content": parts}


def text_part(text: str) -> JsonObject:
    """Return one part of what the model said."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def call_item(identity: str, index: int, call: JsonObject) -> JsonObject:
    """Return the item of one function that the model wants called."""
    function = call.get("function") or {}
    return {
        "id": f"fc_{identity}_{index}",
        "type": "function_call",
        "call_id": call.get("id") or f"call_{identity}_{index}",
        "name": function.get("name") or "",
        "arguments": function.get("arguments") or "",
        "status": "completed",
    }


def usage_of(usage: JsonObject) -> JsonObject:
    """Return the token counts under their other names."""
    asked = usage.get("prompt_tokens_details") or {}
    answered = usage.get("completion_tokens_details") or {}
    return {
        "input_tokens": usage.get("prompt_tokens", 0),
        "input_tokens_details": {
            "cached_tokens": asked.get("cached_tokens") or 0,
            "cache_write_tokens": asked.get("cache_write_tokens") or 0,
        },
        "output_tokens": usage.get("completion_tokens", 0),
        "output_tokens_details": {"reasoning_tokens": answered.get("reasoning_tokens") or 0},
        "total_tokens": usage.get("total_tokens", 0),
    }


def _parts(message: JsonObject) -> list[JsonObject]:
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(part.get("text") or "" for part in content if isinstance(part, dict))
    parts = [text_part(content)] if isinstance(content, str) and content else []
    if message.get("refusal"):
        parts.append({"type": "refusal", "refusal": message["refusal"]})
    if not parts and not message.get("tool_calls"):
        # Code that reads the first item's text finds one, if an empty one.
        parts = [text_part("")]
    return parts


def _prompt(version: PromptVersion) -> JsonObject:
    return {"id": version.slug, "version": str(version.version), "variables": None}


def _flat(value: Any) -> Any:
    """Return a tool, or the choice of one, as this API writes it: without the inner `function`."""
    if isinstance(value, dict) and isinstance(value.get("function"), dict):
        flat = {"type": "function", **value["function"]}
        return flat if "parameters" not in flat else {"strict": None, **flat}
    return value

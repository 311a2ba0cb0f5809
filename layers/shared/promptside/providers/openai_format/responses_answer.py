"""Turns whole answers of the Responses wire into chat completions.

https://developers.openai.com/api/docs/api-reference/responses/object, openai 3.54.0 types, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from promptside.errors import JsonObject, ProviderError, ProviderUnusable
from promptside.providers.base import ProviderCall
from promptside.providers.error_bodies import embedded_error
from promptside.providers.openai_format.answers import find_error
from promptside.providers.openai_format.values import arguments_text, created_seconds, objects, text_or, usage_counts
from promptside.schema.chat import Completion, Usage

_INCOMPLETE = {"max_output_tokens": "length", "content_filter": "content_filter"}
_KEPT = ("service_tier", "metadata", "moderation")
_TRANSLATED = frozenset({"message", "function_call", "custom_tool_call", "reasoning"})


def parse_response_object(
    body: JsonObject,
    call: ProviderCall,
    provider: str,
    *,
    enrich: Callable[[JsonObject, Completion], None] | None = None,
) -> Completion:
    """Return the chat completion. Raises ProviderError when the response failed, ProviderUnusable when it is none."""
    raise_for_status(body, provider)
    items = objects(body["output"])
    message = _message(items)
    completion: Completion = {
        "id": text_or(body.get("id"), f"chatcmpl-{call.completion_id}"),
        "object": "chat.completion",
        "created": created_seconds(body.get("created_at"), call.created),
        "model": text_or(body.get("model"), call.model),
        "choices": [
            {
                "index": 0,
                "message": message,
                "logprobs": _logprobs(items),
                "finish_reason": response_finish(body, tools="tool_calls" in message),
            }
        ],
        **response_extras(body),
    }
    usage = response_usage(body.get("usage"))
    if usage is not None:
        completion["usage"] = usage
    if enrich is not None:
        enrich(body, completion)
    return completion


def raise_for_status(body: JsonObject, provider: str) -> None:
    """Raise what a response that is no answer stands for: failed, cancelled, still running, or another object."""
    status = text_or(body.get("status"), "")
    if status == "failed" or body.get("error"):
        error = body.get("error")
        raise embedded_error(provider, {"error": error or "the response failed"})
    if status == "cancelled":
        raise ProviderError(f"{provider} error: the response was cancelled", provider=provider)
    if not isinstance(body.get("output"), list):
        raise find_error({**body, "choices": None} if status else body, provider) or ProviderUnusable(
            f"{provider} answered without any output", provider=provider
        )
    if status in {"queued", "in_progress"}:
        raise ProviderUnusable(f"{provider} answered a response that is not complete", provider=provider)


def response_finish(body: JsonObject, *, tools: bool) -> str:
    """Return the finish reason of a completed or incomplete response."""
    details = body.get("incomplete_details")
    if body.get("status") == "incomplete" and isinstance(details, dict):
        return _INCOMPLETE.get(str(details.get("reason")), "length")
    return "tool_calls" if tools else "stop"


def response_extras(body: JsonObject) -> JsonObject:
    """Return what has no other place in a completion; `output` holds the items that are no part of the message."""
    extras: JsonObject = {name: body[name] for name in _KEPT if body.get(name)}
    others = [item for item in objects(body["output"]) if str(item.get("type")) not in _TRANSLATED]
    return {**extras, "output": others} if others else extras


def response_usage(value: Any) -> Usage | None:
    """Return chat usage from `{"input_tokens", "output_tokens", "total_tokens", ...}`; other keys are kept."""
    if not isinstance(value, dict):
        return None
    named = {_USAGE_NAMES.get(name, name): item for name, item in value.items() if item is not None}
    details = named.get("prompt_tokens_details")
    if isinstance(details, dict):
        named["prompt_tokens_details"] = {_DETAIL_NAMES.get(name, name): item for name, item in details.items()}
    return usage_counts(named)


def chat_annotation(annotation: JsonObject) -> JsonObject:
    """Return an annotation as chat has it: everything but the type one level down."""
    kind = annotation.get("type")
    if not isinstance(kind, str) or isinstance(annotation.get(kind), dict):
        return annotation
    return {"type": kind, kind: {name: value for name, value in annotation.items() if name != "type"}}


_USAGE_NAMES = {
    "input_tokens": "prompt_tokens",
    "output_tokens": "completion_tokens",
    "input_tokens_details": "prompt_tokens_details",
    "output_tokens_details": "completion_tokens_details",
}
# Perplexity's names, from the perplexityai 0.46.1 types.
_DETAIL_NAMES = {"cache_read_input_tokens": "cached_tokens", "cache_creation_input_tokens": "cache_write_tokens"}


def _message(items: list[JsonObject]) -> JsonObject:
    parts = _parts(items)
    texts = [text_or(part.get("text"), "") for part in parts if part.get("type") == "output_text"]
    refusals = [text_or(part.get("refusal"), "") for part in parts if part.get("type") == "refusal"]
    message: JsonObject = {
        "role": "assistant",
        "content": "".join(texts) or None,
        "refusal": "".join(refusals) or None,
    }
    reasoning = "\n\n".join(filter(None, (reasoning_text(item) for item in items)))
    if reasoning:
        message["reasoning_content"] = reasoning
    annotations = [chat_annotation(mark) for part in parts for mark in objects(part.get("annotations"))]
    if annotations:
        message["annotations"] = annotations
    calls = _calls(items)
    if calls:
        message["tool_calls"] = calls
    return message


def reasoning_text(item: JsonObject) -> str:
    """Return the readable text of a reasoning item: its summary, else its own text."""
    if item.get("type") != "reasoning":
        return ""
    parts = objects(item.get("summary")) or objects(item.get("content"))
    return "\n\n".join(text_or(part.get("text"), "") for part in parts)


def _calls(items: list[JsonObject]) -> list[JsonObject]:
    calls: list[JsonObject] = []
    for item in items:
        call_id = text_or(item.get("call_id") or item.get("id"), f"call_{len(calls)}")
        if item.get("type") == "function_call":
            arguments = arguments_text(item.get("arguments"), missing="{}")
            function = {"name": text_or(item.get("name"), ""), "arguments": arguments}
            calls.append({"id": call_id, "type": "function", "function": function})
        elif item.get("type") == "custom_tool_call":
            custom = {"name": text_or(item.get("name"), ""), "input": text_or(item.get("input"), "")}
            calls.append({"id": call_id, "type": "custom", "custom": custom})
    return calls


def _logprobs(items: list[JsonObject]) -> JsonObject | None:
    tokens = [token for part in _parts(items) for token in objects(part.get("logprobs"))]
    return {"content": tokens, "refusal": None} if tokens else None


def _parts(items: list[JsonObject]) -> list[JsonObject]:
    return [part for item in items if item.get("type") == "message" for part in objects(item.get("content"))]

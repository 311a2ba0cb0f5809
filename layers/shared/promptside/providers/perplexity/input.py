"""Fits Responses input items to Perplexity's Agent API, which answers 400 to every key that it does not know.

Types of perplexityai 0.46.1 and github.com/perplexityai/api-platform-developers at 228c88d, read 2026-11-23.
"""

from __future__ import annotations

from typing import Any

from promptside.errors import InvalidRequest, JsonObject
from promptside.providers.openai_format.values import content_text, objects
from promptside.schema.chat import Message

_PART_KEYS = {"input_text": ("type", "text"), "input_image": ("type", "image_url")}


def fit_items(items: list[JsonObject], messages: list[Message], provider: str) -> list[JsonObject]:
    """Return the items with known keys only, and with the names and thought signatures that belong to tool calls."""
    calls = {
        call.get("id"): call
        for message in messages
        for call in objects(message.get("tool_calls"))
        if isinstance(call.get("id"), str)
    }
    return [_item(item, calls, provider) for item in items]


def fit_tool(tool: Any) -> Any:
    """Return a tool without nulls."""
    return {name: value for name, value in tool.items() if value is not None} if isinstance(tool, dict) else tool


def _item(item: JsonObject, calls: dict[Any, JsonObject], provider: str) -> JsonObject:
    call = calls.get(item.get("call_id"), {})
    match item.get("type"):
        case "message":
            return {**item, "content": _content(item["content"], provider)}
        case "function_call":
            signature = thought_signature(call)
            return {**item, "thought_signature": signature} if signature else item
        case "function_call_output":
            name = (call.get("function") or {}).get("name")
            output = _output(item["output"], provider)
            return {**item, "output": output, **({"name": name} if name else {})}
    raise _refused(provider, "custom tools")


def thought_signature(call: JsonObject) -> str | None:
    """Return the signature that a thinking model wants back with its tool call; it stands where Gemini's stands."""
    extra = call.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return signature if isinstance(signature, str) else None


def _content(content: Any, provider: str) -> Any:
    return [_part(part, provider) for part in content] if isinstance(content, list) else content


def _part(part: JsonObject, provider: str) -> JsonObject:
    keys = _PART_KEYS.get(str(part.get("type")))
    if keys is None:
        raise _refused(provider, "documents in messages")
    return {name: part[name] for name in keys if part.get(name) is not None}


def _output(output: Any, provider: str) -> str:
    if any(part.get("type") != "input_text" for part in objects(output)):
        raise _refused(provider, "anything but text in the result of a tool")
    return content_text(output) or ""


def _refused(provider: str, what: str) -> InvalidRequest:
    return InvalidRequest(f"{provider} does not take {what}", param="messages", code="unsupported_content")

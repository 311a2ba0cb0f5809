"""Translates chat messages and tools to the input items and tools of OpenAI's Responses wire.

https://developers.openai.com/api/docs/api-reference/responses, openai 3.54.0 types, read 2026-11-22.
"""

from __future__ import annotations

from typing import Any

from promptside.errors import InvalidRequest, JsonObject
from promptside.providers.openai_format.values import arguments_text, content_text
from promptside.schema.chat import Message

_SYSTEM_ROLES = frozenset({"system", "developer"})


def build_instructions(messages: list[Message]) -> tuple[str | None, list[Message]]:
    """Return the text of the leading system messages, and the messages after them."""
    count = next(
        (number for number, message in enumerate(messages) if message.get("role") not in _SYSTEM_ROLES), len(messages)
    )
    texts = [content_text(message.get("content")) or "" for message in messages[:count]]
    return ("\n\n".join(texts) or None), messages[count:]


def build_items(messages: list[Message], provider: str) -> list[JsonObject]:
    """Return the input items of a history. Raises InvalidRequest for a part or role that the wire does not have."""
    items: list[JsonObject] = []
    custom_ids: set[str] = set()
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        match message.get("role"):
            case "assistant":
                items += _assistant(message, custom_ids)
            case "tool":
                items.append(_tool_result(message, custom_ids, where, provider))
            case "function":
                raise _refused(where, provider, "a 'function' message: use tools and role 'tool' instead")
            case role:
                content = _content(message.get("content"), where, provider)
                items.append({"type": "message", "role": role, "content": content})
    return items


def build_tool(tool: Any) -> Any:
    """Return a tool with its function flattened; `strict` is always said, because its default differs here."""
    if not isinstance(tool, dict):
        return tool
    if tool.get("type") == "function" and isinstance(tool.get("function"), dict):
        function = tool["function"]
        return {"type": "function", "parameters": None, **function, "strict": function.get("strict") or False}
    if tool.get("type") == "custom" and isinstance(tool.get("custom"), dict):
        custom = dict(tool["custom"])
        form = custom.get("format")
        if isinstance(form, dict) and isinstance(form.get("grammar"), dict):
            custom["format"] = {"type": "grammar", **form["grammar"]}
        return {"type": "custom", **custom}
    return tool


def build_tool_choice(choice: Any) -> Any:
    """Return a tool choice with its name one level up."""
    if not isinstance(choice, dict):
        return choice
    kind = choice.get("type")
    inner = choice.get(kind) if isinstance(kind, str) else None
    if not isinstance(inner, dict):
        return choice
    if kind == "allowed_tools":
        tools = [build_tool_choice(tool) for tool in inner.get("tools") or []]
        return {"type": kind, **inner, "tools": tools}
    return {"type": kind, **inner}


def build_text_format(response_format: Any) -> Any:
    """Return the format of the text: the JSON schema stands one level higher than in chat."""
    schema = response_format.get("json_schema") if isinstance(response_format, dict) else None
    if not isinstance(schema, dict):
        return response_format
    return {"type": "json_schema", **{name: value for name, value in schema.items() if value is not None}}


def _assistant(message: Message, custom_ids: set[str]) -> list[JsonObject]:
    text = content_text(message.get("content")) or message.get("refusal")
    items: list[JsonObject] = [{"type": "message", "role": "assistant", "content": text}] if text else []
    for call in message.get("tool_calls") or []:
        custom = call.get("custom")
        if isinstance(custom, dict):
            custom_ids.add(call.get("id"))
            items.append({"type": "custom_tool_call", "call_id": call.get("id"), **custom})
            continue
        function = call.get("function") or {}
        arguments = arguments_text(function.get("arguments"), missing="{}")
        items.append(
            {
                "type": "function_call",
                "call_id": call.get("id"),
                "name": function.get("name"),
                "arguments": arguments,
            }
        )
    return items


def _tool_result(message: Message, custom_ids: set[str], where: str, provider: str) -> JsonObject:
    call_id = message.get("tool_call_id")
    kind = "custom_tool_call_output" if call_id in custom_ids else "function_call_output"
    return {"type": kind, "call_id": call_id, "output": _content(message.get("content"), where, provider)}


def _content(content: Any, where: str, provider: str) -> Any:
    if not isinstance(content, list):
        return content_text(content) or ""
    return [_part(part, f"{where}.content[{number}]", provider) for number, part in enumerate(content)]


def _part(part: Any, where: str, provider: str) -> JsonObject:
    if isinstance(part, str):
        return {"type": "input_text", "text": part}
    kind = part.get("type") if isinstance(part, dict) else None
    match kind:
        case "text":
            return {**part, "type": "input_text"}
        case "image_url":
            image = part.get("image_url")
            url, detail = (image.get("url"), image.get("detail")) if isinstance(image, dict) else (image, None)
            rest = {name: value for name, value in part.items() if name not in {"type", "image_url"}}
            return {**rest, "type": "input_image", "image_url": url, "detail": detail or "auto"}
        case "file":
            rest = {name: value for name, value in part.items() if name not in {"type", "file"}}
            return {**rest, "type": "input_file", **(part.get("file") or {})}
        case "input_text" | "input_image" | "input_file":
            return dict(part)
    raise _refused(where, provider, f"a content part of type '{str(kind)[:40]}'")


def _refused(where: str, provider: str, what: str) -> InvalidRequest:
    return InvalidRequest(
        f"{provider}: this model is called through the Responses API, which does not take {what}",
        param=where,
        code="unsupported_parameter",
    )

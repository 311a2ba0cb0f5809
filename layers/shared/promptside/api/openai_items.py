"""Turns the `input` of OpenAI's Responses API into chat messages."""

from __future__ import annotations

from typing import Any

from promptside.errors import InvalidRequest, JsonObject
from promptside.schema.chat import Message

_ROLES = frozenset({"user", "assistant", "system", "developer"})
_TEXTS = frozenset({"input_text", "output_text", "text"})


def messages_of(value: Any) -> list[Message]:
    """Return the messages of an `input`: a text is one of the user, items become what they stand for."""
    if value is None or value in ("", []):
        return []
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    if not isinstance(value, list):
        raise _refusal("must be a text or a list of items")
    messages: list[Message] = []
    for index, item in enumerate(value):
        _add(messages, item, index)
    return messages


def _add(messages: list[Message], item: Any, index: int) -> None:
    match item:
        case {"type": "function_call", "call_id": str(call_id), "name": str(name), "arguments": str(arguments)}:
            call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
            _add_call(messages, call)
        case {"type": "function_call_output", "call_id": str(call_id), "output": output}:
            content = output if isinstance(output, str) else _content(output, index)
            messages.append({"role": "tool", "tool_call_id": call_id, "content": content})
        case {"type": "reasoning"}:
            # What a model thought before is for the model that thought it.
            pass
        case {"role": str(role), "content": content} if role in _ROLES and item.get("type", "message") == "message":
            messages.append({"role": role, "content": _content(content, index)})
        case _:
            raise _refusal(f"has an item that is not supported at index {index}")


def _add_call(messages: list[Message], call: JsonObject) -> None:
    """Add a call to the assistant's message before it: several calls of one turn are one message."""
    last = messages[-1] if messages else None
    if last is not None and last["role"] == "assistant":
        last.setdefault("tool_calls", []).append(call)
    else:
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})


def _content(value: Any, index: int) -> Any:
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise _refusal(f"has a content that is no text and no list at index {index}")
    return [_part(part, index) for part in value]


def _part(part: Any, index: int) -> JsonObject:
    match part:
        case {"type": str(kind), "text": str(text)} if kind in _TEXTS:
            return {"type": "text", "text": text}
        case {"type": "refusal", "refusal": str(refusal)}:
            return {"type": "refusal", "refusal": refusal}
        case {"type": "input_image", "image_url": str(url)}:
            detail = {"detail": part["detail"]} if part.get("detail") else {}
            return {"type": "image_url", "image_url": {"url": url, **detail}}
        case {"type": "input_file", "file_data": str(data)}:
            name = {"filename": part["filename"]} if part.get("filename") else {}
            return {"type": "file", "file": {"file_data": data, **name}}
    raise _refusal(f"has a part that is not supported at index {index}")


def _refusal(problem: str) -> InvalidRequest:
    return InvalidRequest(f"'input' {problem}", param="input", code="invalid_input")

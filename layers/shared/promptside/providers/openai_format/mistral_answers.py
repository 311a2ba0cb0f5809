"""Reads Mistral's messages: their content may be a list of chunks, of which only some are the answer's text.

The chunks are those of mistralai 3.7.0, read 2026-11-23.
"""

from __future__ import annotations

from typing import Any

from promptside.errors import JsonObject
from promptside.providers.openai_format.values import content_text, objects


def read_message(message: JsonObject) -> None:
    """Split a list of chunks into `content` and `reasoning_content`, in a message or a delta, in place.

    A list with anything else in it (references, images, signatures) is kept whole under `content_chunks`.
    """
    for call in objects(message.get("tool_calls")):
        if call.get("id") == "null":
            # The default of the vendor's own types for a call without an id.
            del call["id"]
    content = message.get("content")
    if not isinstance(content, list):
        return
    del message["content"]
    text = content_text([chunk for chunk in content if _kind(chunk) == "text"])
    thinking = "".join(_thinking(chunk) for chunk in content if _kind(chunk) == "thinking")
    if text:
        message["content"] = text
    if thinking:
        message["reasoning_content"] = thinking
    if not all(_is_plain(chunk) for chunk in content):
        message["content_chunks"] = content


def choose_message(body: JsonObject) -> None:
    """Take the last of a choice's `messages` for its `message`: an answer with built-in tools may have only those."""
    for choice in objects(body.get("choices")):
        messages = objects(choice.get("messages"))
        if messages and choice.get("message") is None and "delta" not in choice:
            choice["message"] = dict(messages[-1])


def _kind(chunk: Any) -> Any:
    return chunk.get("type") if isinstance(chunk, dict) else "text"


def _thinking(chunk: JsonObject) -> str:
    """Read `{"type": "thinking", "thinking": [{"type": "text", "text": "..."}]}`; older models sent a text."""
    return content_text(chunk.get("thinking")) or ""


def _is_plain(chunk: Any) -> bool:
    if _kind(chunk) == "text":
        return True
    if _kind(chunk) != "thinking" or chunk.get("signature"):
        return False
    inner = chunk.get("thinking")
    return not isinstance(inner, list) or all(_kind(part) == "text" for part in inner)

"""Turns as content blocks of the Messages API.

https://platform.claude.com/docs/en/api/messages, as typed by the anthropic SDK 2.12.0 (read 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from promptside.errors import JsonObject
from promptside.providers.draft import Draft
from promptside.providers.message_parts import unsupported_content
from promptside.providers.tool_use import ToolNames
from promptside.providers.turns import (
    Conversation,
    Document,
    Image,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)

MAX_CACHE_MARKERS = 4


class BlockWriter:
    """Writes the turns of one conversation; what an image cannot carry along is dropped from the draft."""

    def __init__(self, draft: Draft, names: ToolNames) -> None:
        self._draft = draft
        self._names = names

    def messages(self, conversation: Conversation) -> list[JsonObject]:
        """Return the `messages` of the request; a last turn of the assistant loses its trailing white space."""
        messages = [self._message(turn) for turn in conversation.turns]
        if messages[-1]["role"] == "assistant":
            last = messages[-1]["content"][-1]
            if last["type"] == "text":
                last["text"] = last["text"].rstrip()
        return messages

    def texts(self, parts: Iterable[Text]) -> list[JsonObject]:
        """Return text blocks, such as the system prompt's."""
        return [self._block(part) for part in parts]

    def _message(self, turn: Turn) -> JsonObject:
        parts: Iterable[Part] = turn.parts
        if turn.role == "assistant":
            for part in turn.parts:
                if isinstance(part, Document):
                    raise unsupported_content(part.where, f"{self._draft.provider} takes files in user messages only")
            parts = sorted(turn.parts, key=lambda part: not isinstance(part, Thinking)) if _is_one(turn) else turn.parts
        return {"role": turn.role, "content": [self._block(part) for part in parts]}

    def _block(self, part: Part) -> JsonObject:
        match part:
            case Text():
                block: JsonObject = {"type": "text", "text": part.text}
            case Image():
                if part.detail is not None:
                    self._draft.drop("detail")
                block = {"type": "image", "source": self._image_source(part)}
            case Document():
                block = {"type": "document", "source": self._document_source(part)}
                if part.name is not None:
                    block["title"] = part.name
            case ToolCall():
                block = {
                    "type": "tool_use",
                    "id": part.id,
                    "name": self._names.wire(part.name),
                    "input": part.arguments,
                }
            case ToolResult():
                block = self._result(part)
            case Thinking():
                return dict(part.block)
        if part.cache_control is not None:
            block["cache_control"] = part.cache_control
        return block

    def _result(self, result: ToolResult) -> JsonObject:
        block: JsonObject = {"type": "tool_result", "tool_use_id": result.call_id}
        texts = [part.text for part in result.content if isinstance(part, Text)]
        if len(texts) == len(result.content) <= 1:
            block["content"] = "".join(texts)
        else:
            block["content"] = [self._block(part) for part in result.content]
        if result.is_error:
            block["is_error"] = True
        return block

    def _image_source(self, image: Image) -> JsonObject:
        if image.media is not None:
            return {"type": "base64", "media_type": image.media.media_type, "data": image.media.data}
        return self._url_source(image.url, image.where)

    def _document_source(self, document: Document) -> JsonObject:
        if document.file_id is not None:
            return {"type": "file", "file_id": document.file_id}
        media = document.media
        if media is None:
            return self._url_source(document.url, document.where)
        if media.media_type == "application/pdf":
            return {"type": "base64", "media_type": "application/pdf", "data": media.data}
        if media.media_type.startswith("text/"):
            return {"type": "text", "media_type": "text/plain", "data": media.decode().decode("utf-8", "replace")}
        raise unsupported_content(document.where, f"{self._draft.provider} takes PDF and text files only")

    def _url_source(self, url: str | None, where: str) -> JsonObject:
        if url is None or not url.lower().startswith("https://"):
            raise unsupported_content(where, f"{self._draft.provider} reads https addresses and data URIs only")
        return {"type": "url", "url": url}


def limit_cache_markers(draft: Draft, blocks: Iterable[JsonObject]) -> None:
    """Keep the last four cache markers, the most the provider takes; a later marker covers what stands before it."""
    marked = [block for block in blocks if block.get("cache_control") is not None]
    for block in marked[: max(len(marked) - MAX_CACHE_MARKERS, 0)]:
        del block["cache_control"]
        draft.drop("cache_control")


def all_blocks(body: JsonObject) -> Iterable[JsonObject]:
    """Yield everything that can carry a cache marker, in the order the provider reads it."""
    lists: list[Any] = [body.get("tools", []), body.get("system", [])]
    lists += [message["content"] for message in body["messages"]]
    for blocks in lists:
        yield from blocks
    # The marker of the whole request is the automatic one, at the very end.
    yield body


def _is_one(turn: Turn) -> bool:
    """Tell whether the turn was one answer: thinking comes first in an answer, but stays in place between two."""
    texts_after_calls = [isinstance(part, ToolCall) for part in turn.parts]
    return texts_after_calls == sorted(texts_after_calls)

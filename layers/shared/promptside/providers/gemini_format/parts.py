"""Writes a conversation as Gemini's `contents`: roles `user` and `model`, and parts.

https://ai.google.dev/api/caching#Content and /docs/thought-signatures (read 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from promptside.errors import InvalidRequest, JsonObject
from promptside.providers.draft import Draft
from promptside.providers.gemini_format.media import MAKER, media_part, signature_of
from promptside.providers.gemini_format.models import GeminiModel
from promptside.providers.message_parts import json_object_text
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
    parts_text,
)

ANY_SIGNATURE = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""Google's word for a call whose thought is not known, such as one that another model made."""

_FILLER: JsonObject = {"text": " "}


@dataclass(frozen=True, slots=True)
class PartWriter:
    """Writes for one request. `uploads` says whether ids of uploaded files mean anything."""

    draft: Draft
    model: GeminiModel
    names: ToolNames
    uploads: bool

    def contents(self, conversation: Conversation) -> list[JsonObject]:
        """Return the turns. Raises InvalidRequest for a part that Gemini cannot take."""
        contents = [content for content in map(self._content, conversation.turns) if content["parts"]]
        if conversation.turns[0].has(ToolCall):
            # A call must follow something that the user said.
            contents.insert(0, {"role": "user", "parts": [dict(_FILLER)]})
        return contents

    def texts(self, texts: Iterable[Text]) -> list[JsonObject]:
        """Return text parts."""
        return [self._simple(text)[0] for text in texts]

    def _content(self, turn: Turn) -> JsonObject:
        if turn.role == "assistant":
            return {"role": "model", "parts": self._model_parts(turn)}
        written = [piece for part in turn.parts for piece in self._simple(part)]
        parts = sorted(written, key=lambda piece: "functionResponse" not in piece)
        if not turn.has(Text) and not turn.has(ToolResult):
            # Older models refuse media alone: https://github.com/BerriAI/litellm/issues/5515.
            parts.append(dict(_FILLER))
        return {"role": "user", "parts": parts}

    def _model_parts(self, turn: Turn) -> list[JsonObject]:
        parts: list[JsonObject] = []
        signature: str | None = None
        is_first_call = True
        for part in turn.parts:
            if isinstance(part, Thinking):
                signature = part.block["signature"] if part.block.get("maker") == MAKER else signature
                continue
            if isinstance(part, ToolCall):
                parts.append(self._call(part, is_first=is_first_call))
                is_first_call = False
                continue
            for written in self._simple(part):
                if signature is not None and "text" in written:
                    written["thoughtSignature"], signature = signature, None
                parts.append(written)
        return parts

    def _call(self, call: ToolCall, *, is_first: bool) -> JsonObject:
        self._note_marker(call.cache_control)
        function: JsonObject = {"name": self.names.wire(call.name), "args": call.arguments}
        if self.model.tracks_calls:
            function["id"] = call.id
        part: JsonObject = {"functionCall": function}
        signature = signature_of(call.source)
        if signature is None and is_first and self.model.tracks_calls:
            signature = ANY_SIGNATURE
        if signature is not None:
            part["thoughtSignature"] = signature
        return part

    def _simple(self, part: Part) -> list[JsonObject]:
        """Return the parts of everything but a model's calls; media that a result cannot hold stand after it."""
        if isinstance(part, Text):
            self._note_marker(part.cache_control)
            return [{"text": part.text}]
        if isinstance(part, Image | Document):
            return [self._media(part)]
        if isinstance(part, ToolResult):
            return self._result(part)
        return []

    def _media(self, media: Image | Document) -> JsonObject:
        self._note_marker(media.cache_control)
        if isinstance(media, Image) and media.detail is not None and not self.model.detail:
            self.draft.drop("detail")
        return media_part(media, detail=self.model.detail, uploads=self.uploads)

    def _result(self, result: ToolResult) -> list[JsonObject]:
        if result.name is None:
            raise InvalidRequest(
                "A tool message answers a call that no message before it makes",
                param="messages",
                code="invalid_messages",
            )
        self._note_marker(result.cache_control)
        response: JsonObject = {"name": self.names.wire(result.name), "response": _response(result)}
        if self.model.tracks_calls:
            response["id"] = result.call_id
        media = [self._media(part) for part in result.content if not isinstance(part, Text)]
        if not self.model.detail:
            return [{"functionResponse": response}, *media]
        if media:
            response["parts"] = media
        return [{"functionResponse": response}]

    def _note_marker(self, marker: JsonObject | None) -> None:
        if marker is not None:
            self.draft.drop("cache_control")


def _response(result: ToolResult) -> JsonObject:
    """Return a result as the object it must be."""
    text = parts_text(result.content)
    if result.is_error:
        return {"error": text}
    value = json_object_text(text)
    # Google reads the key as a pointer to a part: https://github.com/BerriAI/litellm/issues/38223.
    return {"output": text} if value is None or _has_pointer(value) else value


def _has_pointer(value: Any) -> bool:
    if isinstance(value, dict):
        return "$ref" in value or any(_has_pointer(item) for item in value.values())
    return isinstance(value, list) and any(_has_pointer(item) for item in value)

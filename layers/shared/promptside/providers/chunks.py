"""Builds OpenAI stream chunks that agree with each other: one id, one created, one model, one role per choice."""

from __future__ import annotations

from typing import Any

from promptside.providers.base import ProviderCall
from promptside.schema.chat import Chunk, JsonObject, Usage


class ChunkBuilder:
    """Makes the chunks of one stream. `id` and `model` may be replaced before the first chunk is made."""

    def __init__(self, call: ProviderCall) -> None:
        prefix = "chatcmpl" if call.kind == "chat" else "cmpl"
        self.id = f"{prefix}-{call.completion_id}"
        self.model = call.model
        self._created = call.created
        self._object = "chat.completion.chunk" if call.kind == "chat" else "text_completion"
        self._include_usage = call.include_usage

    def delta(self, delta: JsonObject, *, finish_reason: str | None = None, index: int = 0) -> Chunk:
        """Return a chat chunk with one choice."""
        return self._chunk([{"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}])

    def role(self, index: int = 0) -> Chunk:
        """Return the first chunk of a choice."""
        return self.delta({"role": "assistant", "content": ""}, index=index)

    def tool_start(self, index: int, call_id: str, name: str) -> Chunk:
        """Return the chunk that opens tool call number `index`, counted from 0 over the whole stream."""
        function = {"name": name, "arguments": ""}
        return self.delta({"tool_calls": [{"index": index, "id": call_id, "type": "function", "function": function}]})

    def tool_arguments(self, index: int, fragment: str) -> Chunk:
        """Return a piece of the arguments of tool call number `index`."""
        return self.delta({"tool_calls": [{"index": index, "function": {"arguments": fragment}}]})

    def text(self, text: str, *, finish_reason: str | None = None, index: int = 0) -> Chunk:
        """Return a text-completion chunk."""
        return self._chunk([{"index": index, "text": text, "logprobs": None, "finish_reason": finish_reason}])

    def usage(self, usage: Usage) -> list[Chunk]:
        """Return the usage chunk, or nothing when the caller did not ask for it."""
        if not self._include_usage:
            return []
        chunk = self._chunk([])
        chunk["usage"] = usage
        return [chunk]

    def _chunk(self, choices: list[Any]) -> Chunk:
        chunk: Chunk = {
            "id": self.id,
            "object": self._object,
            "created": self._created,
            "model": self.model,
            "choices": choices,
        }
        if self._include_usage:
            chunk["usage"] = None
        return chunk

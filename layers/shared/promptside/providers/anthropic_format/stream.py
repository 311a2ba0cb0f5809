"""Maps the events of a streamed Message to chunks.

Events are told apart by the `type` inside their data, as the vendor's own SDK does (anthropic 2.12.0, read 2026-11-22).
"""

from __future__ import annotations

from typing import Any

from promptside.errors import JsonObject
from promptside.providers.answers import StreamAnswer, cut_short, unusable
from promptside.providers.anthropic_format.request import tool_names
from promptside.providers.anthropic_format.response import (
    FINISH_REASONS,
    json_tool_schema,
    refusal_text,
    stream_error,
    usage_of,
)
from promptside.providers.base import ProviderCall, StreamEvent
from promptside.schema.chat import Chunk, Usage


class MessageStream:
    """The mapper of one stream."""

    def __init__(self, call: ProviderCall, *, provider: str) -> None:
        self.usage: Usage | None = None
        self.finish_reason: str | None = None
        self._provider = provider
        self._names = tool_names(call)
        self._answer = StreamAnswer(call, json_schema=json_tool_schema(call))
        self._thinking: dict[Any, list[str]] = {}
        self._signatures: dict[Any, str] = {}
        self._tokens: JsonObject = {}
        self._reason: str | None = None
        self._stop_details: Any = None
        self._ended = False

    def feed(self, event: StreamEvent) -> list[Chunk]:
        """Map one event. Raises ProviderError for the provider's error, ProviderUnusable for a broken event."""
        data = event.data
        try:
            if data.get("type") == "content_block_delta":
                return self._delta(data["index"], data["delta"])
            return self._other(data)
        except (KeyError, TypeError, AttributeError) as exc:
            raise unusable(self._provider, "sent an event of an unknown shape") from exc

    def finish(self) -> list[Chunk]:
        """Return nothing more. Raises ProviderUnusable when the stream ended without `message_stop`."""
        if not self._ended:
            raise cut_short(self._provider)
        return []

    def _delta(self, block: Any, delta: JsonObject) -> list[Chunk]:
        match delta["type"]:
            case "text_delta":
                return self._answer.delta("content", delta["text"])
            case "input_json_delta":
                return self._answer.tool_arguments(block, delta["partial_json"])
            case "thinking_delta":
                self._thinking[block].append(delta["thinking"])
                return self._answer.delta("reasoning_content", delta["thinking"])
            case "signature_delta":
                self._signatures[block] = self._signatures.get(block, "") + delta["signature"]
                return []
            case "citations_delta":
                return self._answer.delta("citations", [delta["citation"]])
            case _:
                return []

    def _other(self, data: JsonObject) -> list[Chunk]:
        match data.get("type"):
            case "message_start":
                return self._message_start(data["message"])
            case "content_block_start":
                return self._block_start(data["index"], data["content_block"])
            case "content_block_stop":
                return self._block_stop(data["index"])
            case "message_delta":
                self._reason = data["delta"].get("stop_reason") or self._reason
                self._stop_details = data["delta"].get("stop_details") or self._stop_details
                self._count(data.get("usage"))
                return []
            case "message_stop":
                return self._message_stop()
            case "error":
                raise stream_error(data, self._provider)
            case _:
                # Pings, and events that a later version may add.
                return []

    def _message_start(self, message: JsonObject) -> list[Chunk]:
        self._answer.builder.id = message.get("id") or self._answer.builder.id
        self._answer.builder.model = message.get("model") or self._answer.builder.model
        self._count(message.get("usage"))
        return self._answer.start()

    def _block_start(self, index: Any, block: JsonObject) -> list[Chunk]:
        match block["type"]:
            case "text":
                return self._answer.delta("content", block.get("text"))
            case "tool_use":
                return self._answer.open_tool(index, block["id"], self._names.original(block["name"]))
            case "thinking":
                self._thinking[index] = [block.get("thinking") or ""]
                return self._answer.delta("reasoning_content", block.get("thinking"))
            case "redacted_thinking":
                return self._answer.delta("thinking_blocks", [block])
            case _:
                return []

    def _block_stop(self, index: Any) -> list[Chunk]:
        thinking = self._thinking.pop(index, None)
        if thinking is not None:
            # The whole block, for callers that send the conversation back: the signature belongs to it.
            signature = self._signatures.pop(index, "")
            whole = {"type": "thinking", "thinking": "".join(thinking), "signature": signature}
            return self._answer.delta("thinking_blocks", [whole] if signature else None)
        return self._answer.close_block(index)

    def _message_stop(self) -> list[Chunk]:
        if self._ended:
            return []
        self._ended = True
        chunks: list[Chunk] = []
        if self._reason == "refusal":
            chunks += self._answer.delta("refusal", refusal_text(self._stop_details))
        chunks += self._answer.finish(FINISH_REASONS.get(str(self._reason), "stop"))
        self.finish_reason = self._answer.finish_reason
        return chunks + (self._answer.builder.usage(self.usage) if self.usage is not None else [])

    def _count(self, usage: Any) -> None:
        """Note the counts: they are cumulative, and a later event may leave out or null what an earlier one said."""
        if isinstance(usage, dict):
            self._tokens.update({name: value for name, value in usage.items() if value is not None})
            self.usage = usage_of(self._tokens)

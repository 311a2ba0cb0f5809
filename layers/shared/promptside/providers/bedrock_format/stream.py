"""Maps the events of ConverseStream to chunks.

Text and reasoning blocks have no start event, and usage comes in `metadata`, after `messageStop`.
"""

from __future__ import annotations

from typing import Any

from promptside.errors import JsonObject
from promptside.providers.answers import StreamAnswer, cut_short, unusable
from promptside.providers.base import ProviderCall, StreamEvent
from promptside.providers.bedrock_format.models import bedrock_model
from promptside.providers.bedrock_format.request import PROVIDER_NAME, json_tool_schema, tool_names
from promptside.providers.bedrock_format.response import (
    FINISH_REASONS,
    MALFORMED,
    exception_error,
    thinking_block,
    usage_of,
)
from promptside.providers.error_bodies import ErrorDetails
from promptside.schema.chat import Chunk, Usage


class ConverseStream:
    """The mapper of one stream."""

    def __init__(self, call: ProviderCall) -> None:
        self.usage: Usage | None = None
        self.finish_reason: str | None = None
        self._names = tool_names(call)
        self._input_includes_cache = bedrock_model(call).family.input_includes_cache
        self._answer = StreamAnswer(call, json_schema=json_tool_schema(call))
        self._reasoning: dict[Any, list[str]] = {}
        self._signatures: dict[Any, list[str]] = {}
        self._has_content = False
        self._ended = False

    def feed(self, event: StreamEvent) -> list[Chunk]:
        """Map one event. Raises ProviderError for an exception frame, ProviderUnusable for a broken event."""
        try:
            if event.name == "contentBlockDelta":
                self._has_content = True
                return self._delta(event.data["contentBlockIndex"], event.data["delta"])
            return self._other(event)
        except (KeyError, TypeError, AttributeError) as exc:
            raise unusable(PROVIDER_NAME, "sent an event of an unknown shape") from exc

    def finish(self) -> list[Chunk]:
        """Return nothing more. Raises ProviderUnusable when the stream ended without `messageStop`."""
        if not self._ended:
            raise cut_short(PROVIDER_NAME)
        return []

    def _delta(self, block: Any, delta: JsonObject) -> list[Chunk]:
        if "text" in delta:
            return self._answer.delta("content", delta["text"])
        if "toolUse" in delta:
            return self._answer.tool_arguments(block, delta["toolUse"]["input"])
        if "reasoningContent" in delta:
            return self._reason(block, delta["reasoningContent"])
        if "citation" in delta:
            return self._answer.delta("citations", [delta["citation"]])
        return []

    def _reason(self, block: Any, content: JsonObject) -> list[Chunk]:
        if "redactedContent" in content:
            return self._answer.delta("thinking_blocks", [thinking_block(content)])
        if "signature" in content:
            self._signatures.setdefault(block, []).append(content["signature"])
            return []
        text = content["text"]
        self._reasoning.setdefault(block, []).append(text)
        return self._answer.delta("reasoning_content", text)

    def _other(self, event: StreamEvent) -> list[Chunk]:
        data = event.data
        match event.name:
            case "messageStart":
                return self._answer.start()
            case "contentBlockStart":
                return self._block_start(data["contentBlockIndex"], data["start"])
            case "contentBlockStop":
                return self._block_stop(data["contentBlockIndex"])
            case "messageStop":
                return self._message_stop(data.get("stopReason"))
            case "metadata":
                return self._metadata(data.get("usage"))
            case name if name.startswith("exception:"):
                details = ErrorDetails(message=data.get("message") or data.get("originalMessage"))
                raise exception_error(name.removeprefix("exception:"), 502, details)
            case _:
                return []

    def _block_start(self, index: Any, start: JsonObject) -> list[Chunk]:
        tool = start.get("toolUse")
        if tool is None or tool.get("type") == "server_tool_use":
            return []
        self._has_content = True
        return self._answer.open_tool(index, tool["toolUseId"], self._names.original(tool["name"]))

    def _block_stop(self, index: Any) -> list[Chunk]:
        signature = "".join(self._signatures.pop(index, []))
        text = "".join(self._reasoning.pop(index, []))
        if signature:
            # The whole block, for callers that send the conversation back: the signature belongs to it.
            block = thinking_block({"reasoningText": {"text": text, "signature": signature}})
            return self._answer.delta("thinking_blocks", [block])
        return self._answer.close_block(index)

    def _message_stop(self, reason: Any) -> list[Chunk]:
        if reason in MALFORMED and not self._has_content:
            raise unusable(PROVIDER_NAME, f"could not read the model's own output ({reason})")
        self._ended = True
        chunks = self._answer.finish(FINISH_REASONS.get(str(reason), "stop"))
        self.finish_reason = self._answer.finish_reason
        return chunks

    def _metadata(self, usage: Any) -> list[Chunk]:
        if not isinstance(usage, dict) or self.usage is not None:
            return []
        self.usage = usage_of(usage, input_includes_cache=self._input_includes_cache)
        return self._answer.builder.usage(self.usage)

"""The answer's side of providers with a wire of their own: one message, or the chunks of one, in OpenAI's form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from promptside.errors import JsonObject, ProviderUnusable
from promptside.providers.base import ProviderCall
from promptside.providers.chunks import ChunkBuilder
from promptside.providers.message_parts import compact_json
from promptside.providers.tool_use import JSON_TOOL
from promptside.schema.chat import Chunk, Completion, Usage

_WRAPPERS = frozenset({"values", "value", JSON_TOOL})


@dataclass(slots=True)
class Answer:
    """A message while its blocks are read. `json_schema` is set when a tool carries the JSON answer."""

    json_schema: JsonObject | None = None
    texts: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    thinking_blocks: list[JsonObject] = field(default_factory=list)
    citations: list[Any] = field(default_factory=list)
    tool_calls: list[JsonObject] = field(default_factory=list)
    refusal: str | None = None
    is_json: bool = False

    def call_tool(self, call_id: str, name: str, arguments: Any) -> None:
        """Add a tool call, or the text of the answer when the tool is the one that carries it."""
        if self.json_schema is not None and name == JSON_TOOL:
            self.texts = [compact_json(unwrap_json(arguments, self.json_schema))]
            self.is_json = True
            return
        function = {"name": name, "arguments": compact_json(arguments)}
        self.tool_calls.append({"id": call_id, "type": "function", "function": function})

    def message(self, *, legacy: bool) -> JsonObject:
        """Return `{"role": "assistant", "content": text or null, "refusal": ..., ...}`."""
        text = "".join(self.texts)
        absent = not text and (self.tool_calls or self.refusal is not None)
        message: JsonObject = {"role": "assistant", "content": None if absent else text, "refusal": self.refusal}
        if self.reasoning:
            message["reasoning_content"] = "".join(self.reasoning)
        if self.thinking_blocks:
            message["thinking_blocks"] = self.thinking_blocks
        if self.citations:
            message["citations"] = self.citations
        if self.tool_calls and legacy:
            message["function_call"] = self.tool_calls[0]["function"]
        elif self.tool_calls:
            message["tool_calls"] = self.tool_calls
        return message


def completion(call: ProviderCall, answer: Answer, *, finish_reason: str, usage: Usage | None) -> Completion:
    """Return the whole completion under our own id and the model that was asked for."""
    legacy = call.wants_function_call
    choice = {
        "index": 0,
        "message": answer.message(legacy=legacy),
        "logprobs": None,
        "finish_reason": final_reason(finish_reason, legacy=legacy, is_json=answer.is_json),
    }
    body: Completion = {
        "id": f"chatcmpl-{call.completion_id}",
        "object": "chat.completion",
        "created": call.created,
        "model": call.model,
        "choices": [choice],
    }
    if usage is not None:
        body["usage"] = usage
    return body


def final_reason(reason: str, *, legacy: bool, is_json: bool) -> str:
    """Return the finish reason as the caller's way of declaring tools has it."""
    if reason != "tool_calls":
        return reason
    if is_json:
        return "stop"
    return "function_call" if legacy else reason


def unwrap_json(value: Any, schema: Mapping[str, Any]) -> Any:
    """Take off the wrapper that models put around a tool's only argument, unless the schema has such a property.

    https://github.com/BerriAI/litellm/issues/6741: `{"values": {...}}` instead of the object itself.
    """
    if not isinstance(value, dict) or len(value) != 1:
        return value
    name, inner = next(iter(value.items()))
    wrapped = name in _WRAPPERS and name not in (schema.get("properties") or {}) and isinstance(inner, dict)
    return inner if wrapped else value


@dataclass(slots=True)
class _OpenTool:
    index: int
    has_fragments: bool = False
    json: list[str] | None = None


class StreamAnswer:
    """The chunks of one message, in the order every stream keeps; blocks are known by the provider's numbers."""

    def __init__(self, call: ProviderCall, *, json_schema: JsonObject | None = None) -> None:
        self.builder = ChunkBuilder(call)
        self.finish_reason: str | None = None
        self._legacy = call.wants_function_call
        self._json_schema = json_schema
        self._is_json = False
        self._started = False
        self._open: dict[Any, _OpenTool] = {}
        self._tools = 0

    def start(self) -> list[Chunk]:
        """Return the chunk with the role, once."""
        if self._started:
            return []
        self._started = True
        return [self.builder.role()]

    def delta(self, name: str, value: Any) -> list[Chunk]:
        """Return a piece of the message; an empty one is nothing."""
        if not value:
            return []
        chunk = self.builder.delta({name: value})
        return [chunk] if self._started else [*self.start(), chunk]

    def open_tool(self, block: Any, call_id: str, name: str) -> list[Chunk]:
        """Begin a tool call in the provider's block number `block`."""
        tool = _OpenTool(self._tools)
        self._open[block] = tool
        if self._json_schema is not None and name == JSON_TOOL:
            tool.json = []
            self._is_json = True
            return self.start()
        self._tools += 1
        if not self._legacy:
            return [*self.start(), self.builder.tool_start(tool.index, call_id, name)]
        if tool.index > 0:
            return []
        return [*self.start(), self.builder.delta({"function_call": {"name": name, "arguments": ""}})]

    def tool_arguments(self, block: Any, fragment: str) -> list[Chunk]:
        """Return a piece of a tool call's arguments; nothing for a block that is no open tool call."""
        tool = self._open.get(block)
        if tool is None or not fragment:
            return []
        tool.has_fragments = True
        if tool.json is not None:
            tool.json.append(fragment)
            return []
        if not self._legacy:
            return [self.builder.tool_arguments(tool.index, fragment)]
        return [self.builder.delta({"function_call": {"arguments": fragment}})] if tool.index == 0 else []

    def close_block(self, block: Any) -> list[Chunk]:
        """End a block: a tool call without arguments gets an empty object, a JSON answer becomes the text."""
        tool = self._open.get(block)
        if tool is None:
            return []
        chunks = [] if tool.has_fragments else self.tool_arguments(block, "{}")
        del self._open[block]
        if tool.json is not None and self._json_schema is not None:
            chunks += self.delta("content", _json_text("".join(tool.json), self._json_schema))
        return chunks

    def finish(self, reason: str) -> list[Chunk]:
        """Return the chunk with the finish reason, once."""
        if self.finish_reason is not None:
            return []
        chunks = [chunk for block in list(self._open) for chunk in self.close_block(block)]
        self.finish_reason = final_reason(reason, legacy=self._legacy, is_json=self._is_json)
        return [*self.start(), *chunks, self.builder.delta({}, finish_reason=self.finish_reason)]


def _json_text(text: str, schema: JsonObject) -> str:
    try:
        return compact_json(unwrap_json(json.loads(text), schema))
    except (ValueError, RecursionError):
        # Cut by the token limit: what is there is still the caller's.
        return text


def unusable(provider: str, problem: str) -> ProviderUnusable:
    """Return the 502 for an answer that is none."""
    return ProviderUnusable(f"{provider} {problem}", provider=provider)


def cut_short(provider: str) -> ProviderUnusable:
    """Return the error of a stream whose promised end never came."""
    return ProviderUnusable(
        f"{provider} ended its stream before the answer was complete",
        provider=provider,
        code="provider_stream_truncated",
    )

"""Turns a whole completion into the chunks a stream would have had."""

from __future__ import annotations

from typing import Any

from promptside.providers.base import ProviderCall
from promptside.providers.chunks import ChunkBuilder
from promptside.schema.chat import Chunk, Completion, JsonObject


def completion_as_chunks(completion: Completion, call: ProviderCall) -> list[Chunk]:
    """Return role, content, finish and, if asked for, usage chunks with the completion's own id, model and extras."""
    builder = ChunkBuilder(call)
    builder.id = completion["id"]
    builder.model = completion["model"]
    chunks: list[Chunk] = []
    for choice in completion["choices"]:
        chunks += _chat(choice, builder) if call.kind == "chat" else _text(choice, builder)
    if completion.get("usage") is not None:
        chunks += builder.usage(completion["usage"])
    for chunk in chunks:
        chunk["created"] = completion["created"]
    return chunks


def _chat(choice: JsonObject, builder: ChunkBuilder) -> list[Chunk]:
    index = choice["index"]
    message: JsonObject = choice["message"]
    delta = {name: value for name, value in message.items() if name not in {"role", "tool_calls"} and value is not None}
    calls: list[JsonObject] = [
        {"index": position, **call} for position, call in enumerate(message.get("tool_calls") or [])
    ]
    chunks = [builder.role(index)]
    if delta:
        chunks.append(builder.delta(delta, index=index))
    if calls:
        chunks.append(builder.delta({"tool_calls": calls}, index=index))
    _keep_logprobs(choice, chunks)
    chunks.append(builder.delta({}, finish_reason=choice.get("finish_reason"), index=index))
    _keep_extras(choice, chunks)
    return chunks


def _text(choice: JsonObject, builder: ChunkBuilder) -> list[Chunk]:
    index = choice["index"]
    chunks = [builder.text(choice["text"], index=index)]
    _keep_logprobs(choice, chunks)
    chunks.append(builder.text("", finish_reason=choice.get("finish_reason"), index=index))
    _keep_extras(choice, chunks)
    return chunks


def _keep_extras(choice: JsonObject, chunks: list[Chunk]) -> None:
    """Put what the host has added to a choice beside its finish reason."""
    chunks[-1]["choices"][0] |= {name: value for name, value in choice.items() if name not in _OF_CHOICES}


_OF_CHOICES = frozenset({"index", "message", "text", "finish_reason", "logprobs"})


def _keep_logprobs(choice: JsonObject, chunks: list[Chunk]) -> None:
    logprobs: Any = choice.get("logprobs")
    if logprobs is not None:
        chunks[-1]["choices"][0]["logprobs"] = logprobs

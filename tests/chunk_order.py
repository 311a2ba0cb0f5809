"""The order of chunks that every stream must keep, whatever the provider sent."""

from __future__ import annotations

from typing import Any

from promptside.providers.base import ProviderCall

Chunk = dict[str, Any]


def check_chunk_order(chunks: list[Chunk], call: ProviderCall, *, complete: bool) -> None:
    """Assert one role, one finish and gapless tool calls per choice, usage last and only if asked, one identity."""
    _check_identity(chunks)
    _check_usage(chunks, call)
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    for index in {choice["index"] for choice in choices}:
        own = [choice for choice in choices if choice["index"] == index]
        _check_finish(own, complete=complete)
        if call.kind == "chat":
            _check_role(own)
            _check_tool_calls(own)
        else:
            assert all(isinstance(choice["text"], str) and "delta" not in choice for choice in own)
    if complete:
        assert choices


def _check_identity(chunks: list[Chunk]) -> None:
    for name in ("id", "object", "created", "model"):
        assert len({chunk[name] for chunk in chunks}) <= 1, f"{name} changes within the stream"
    for chunk in chunks:
        assert chunk["id"]
        assert type(chunk["created"]) is int


def _check_usage(chunks: list[Chunk], call: ProviderCall) -> None:
    with_usage = [position for position, chunk in enumerate(chunks) if chunk.get("usage") is not None]
    if not call.include_usage:
        assert all("usage" not in chunk for chunk in chunks), "usage was not asked for"
        return
    assert all("usage" in chunk for chunk in chunks), "with include_usage every chunk has the key"
    assert with_usage in ([], [len(chunks) - 1]), "usage stands in the last chunk only"
    if with_usage:
        assert chunks[-1]["choices"] == []


def _check_finish(choices: list[Chunk], *, complete: bool) -> None:
    finished = [position for position, choice in enumerate(choices) if choice["finish_reason"] is not None]
    if complete or finished:
        assert finished == [len(choices) - 1], "each choice ends with its one finish reason"
        last = choices[-1]
        assert last.get("delta", {}) == {}, "the finish chunk carries no delta"


def _check_role(choices: list[Chunk]) -> None:
    assert all(isinstance(choice["delta"], dict) for choice in choices)
    assert choices[0]["delta"].get("role") == "assistant"
    assert all("role" not in choice["delta"] for choice in choices[1:])
    assert all(isinstance(choice["delta"].get("content", ""), str | None) for choice in choices)


def _check_tool_calls(choices: list[Chunk]) -> None:
    opened = 0
    for choice in choices:
        for call in choice["delta"].get("tool_calls", []):
            assert call["index"] <= opened, "tool calls are numbered without gaps"
            if call["index"] == opened:
                opened += 1
                assert call["id"]
                assert call["type"] in {"function", "custom"}
            else:
                assert "id" not in call, "only the first piece of a tool call has its id"
            if "function" in call:
                assert isinstance(call["function"]["arguments"], str)

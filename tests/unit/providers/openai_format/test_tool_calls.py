from __future__ import annotations

from typing import Any

import pytest

from promptside.providers.openai_format.tool_calls import ToolCallNumbers, whole_tool_calls

Piece = dict[str, Any]


def opened(index: int, call_id: str, name: str, arguments: str = "") -> Piece:
    return {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def more(index: int, arguments: str) -> Piece:
    return {"index": index, "function": {"arguments": arguments}}


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        pytest.param(
            [[opened(0, "a", "f")], [more(0, "1")], [opened(1, "b", "g")], [more(1, "2")], [more(0, "3")]],
            [opened(0, "a", "f"), more(0, "1"), opened(1, "b", "g"), more(1, "2"), more(0, "3")],
            id="as OpenAI sends them",
        ),
        pytest.param(
            [[opened(0, "a", "f", "1"), opened(0, "b", "f", "2")]],
            [opened(0, "a", "f", "1"), opened(1, "b", "f", "2")],
            id="all index 0, different ids",
        ),
        pytest.param(
            [[opened(3, "a", "f")], [more(3, "1")], [opened(7, "b", "g")], [more(7, "2")]],
            [opened(0, "a", "f"), more(0, "1"), opened(1, "b", "g"), more(1, "2")],
            id="indexes with gaps",
        ),
        pytest.param(
            [
                [{"id": "a", "function": {"name": "f"}}],
                [{"function": {"arguments": "1"}}],
                [{"id": "b", "function": {"name": "g"}}],
            ],
            [opened(0, "a", "f"), more(0, "1"), opened(1, "b", "g")],
            id="no index at all",
        ),
        pytest.param(
            [[{"function": {"name": "f", "arguments": {}}}, {"function": {"name": "f", "arguments": {}}}]],
            [opened(0, "call_x0", "f", "{}"), opened(1, "call_x1", "f", "{}")],
            id="neither index nor id",
        ),
        pytest.param(
            [[{"index": 0, "function": {"name": "f"}}], [{"index": 0, "function": {"name": "g"}}]],
            [opened(0, "call_x0", "f"), opened(1, "call_x1", "g")],
            id="one index, no ids, different names",
        ),
        pytest.param(
            [[opened(0, "a", "f", "1")], [opened(0, "a", "f", "2")]],
            [opened(0, "a", "f", "1"), more(0, "2")],
            id="the head repeated with every piece",
        ),
        pytest.param(
            [
                [{"index": 0, "id": "a", "function": {"arguments": ""}}],
                [{"index": 0, "function": {"name": "f", "arguments": None}}],
            ],
            [opened(0, "a", ""), {"index": 0, "function": {"arguments": "", "name": "f"}}],
            id="the name after the id",
        ),
        pytest.param(
            [
                [{"index": 0, "id": "a", "type": "custom", "custom": {"name": "f", "input": ""}}],
                [{"index": 0, "custom": {"input": "x"}}],
            ],
            [
                {"index": 0, "id": "a", "type": "custom", "custom": {"name": "f", "input": ""}},
                {"index": 0, "custom": {"input": "x"}},
            ],
            id="a custom tool",
        ),
        pytest.param([[]], [], id="no pieces at all"),
    ],
)
def test_tool_calls_are_numbered_by_appearance(pieces: list[list[Any]], expected: list[Piece]) -> None:
    numbers = ToolCallNumbers("call_x")

    assert [piece for group in pieces for piece in numbers.renumber(group)] == expected


def test_whole_tool_calls_have_ids_types_and_text() -> None:
    calls: list[Piece] = [
        {"function": {"name": "f", "arguments": {"a": 1}}},
        {"id": "b", "index": 1, "type": "function", "function": {"name": "g"}},
        {"id": "c", "type": "custom", "custom": {"name": "h", "input": "i"}},
    ]

    assert whole_tool_calls(calls, "call_x") == [
        {"id": "call_x0", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
        {"id": "b", "index": 1, "type": "function", "function": {"name": "g", "arguments": "{}"}},
        {"id": "c", "type": "custom", "custom": {"name": "h", "input": "i"}},
    ]

from __future__ import annotations

import copy
from typing import Any

import pytest

from promptside.errors import InvalidRequest
from promptside.providers.openai_format.messages import build_messages, build_tools
from promptside.providers.openai_format.rules import MessageRules, ToolRules

STRICT = MessageRules(
    keys={
        "user": frozenset({"role", "content"}),
        "assistant": frozenset({"role", "content", "tool_calls"}),
    },
    tool_call_keys=frozenset({"id", "type", "function"}),
    tool_call_id=lambda call_id: f"x{len(call_id)}",
)
HISTORY: list[dict[str, Any]] = [
    {"role": "developer", "content": "a"},
    {"role": "user", "content": "b", "name": "ann", "timestamp": 1},
    {
        "role": "assistant",
        "content": None,
        "function_call": None,
        "reasoning_content": "hm",
        "tool_calls": [{"id": "call_1", "index": 0, "type": "function", "function": {"name": "f", "arguments": "1"}}],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "c"},
]


def test_messages_are_cut_to_what_a_strict_host_takes() -> None:
    before = copy.deepcopy(HISTORY)

    assert build_messages(HISTORY, STRICT) == [
        {"role": "system", "content": "a"},
        {"role": "user", "content": "b"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "x6", "type": "function", "function": {"name": "f", "arguments": "1"}}],
        },
        {"role": "tool", "tool_call_id": "x6", "content": "c"},
    ]
    assert before == HISTORY


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"arguments": '{"a": 1}'}, '{"a": 1}'),
        ({"arguments": "not json"}, "not json"),
        ({"arguments": ""}, "{}"),
        ({"arguments": " "}, "{}"),
        ({"arguments": None}, "{}"),
        ({"arguments": {"a": "ü"}}, '{"a": "ü"}'),
        ({}, "{}"),
    ],
)
def test_arguments_are_replayed_as_json_text(given: dict[str, Any], sent: str) -> None:
    message = {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "function": {"name": "f", **given}}]}

    (built,) = build_messages([message], MessageRules())

    assert built["tool_calls"] == [{"id": "c", "function": {"name": "f", "arguments": sent}}]


def test_without_rules_only_nulls_and_empty_tool_calls_are_left_out() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "developer", "content": None, "name": "n", "audio": None, "tool_calls": []}
    ]

    built = build_messages(messages, MessageRules(developer_as_system=False))

    assert built == [{"role": "developer", "content": None, "name": "n"}]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "a\nb"),
        (
            [{"type": "text", "text": "a"}, {"type": "image_url"}],
            [{"type": "text", "text": "a"}, {"type": "image_url"}],
        ),
        ("a", "a"),
    ],
)
def test_text_parts_are_joined_for_hosts_that_take_text_only(content: Any, expected: Any) -> None:
    built = build_messages([{"role": "user", "content": content}], MessageRules(join_text_parts=True))

    assert built == [{"role": "user", "content": expected}]


def test_a_part_can_be_rewritten() -> None:
    rules = MessageRules(part=lambda part: {**part, "seen": True})

    built = build_messages([{"role": "user", "content": [{"type": "text", "text": "a"}]}], rules)

    assert built == [{"role": "user", "content": [{"type": "text", "text": "a", "seen": True}]}]


def test_tools_lose_what_the_host_refuses_and_choices_get_its_words() -> None:
    body: dict[str, Any] = {
        "tools": [{"type": "function", "function": {"name": "f", "strict": True, "parameters": {"$schema": "s"}}}],
        "tool_choice": "required",
    }
    rules = ToolRules(strip=frozenset({"strict"}), choices={"required": "any"}, schema=lambda _: {"type": "object"})

    build_tools(body, rules, [], strict=False, provider="acme")

    assert body == {
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        "tool_choice": "any",
    }


@pytest.mark.parametrize(
    ("body", "expected", "dropped"),
    [
        ({"tools": [], "tool_choice": "auto"}, {}, ["tool_choice"]),
        ({"parallel_tool_calls": True}, {}, ["parallel_tool_calls"]),
        ({"tool_choice": "required"}, {"tool_choice": "required"}, []),
        ({"functions": [1], "tool_choice": "auto"}, {"functions": [1], "tool_choice": "auto"}, []),
    ],
)
def test_choices_about_no_tools_are_dropped(body: dict[str, Any], expected: dict[str, Any], dropped: list[str]) -> None:
    names: list[str] = []

    build_tools(body, ToolRules(), names, strict=False, provider="acme")

    assert (body, names) == (expected, dropped)


def test_with_strict_parameters_a_choice_about_no_tools_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="tool_choice"):
        build_tools({"tool_choice": "auto"}, ToolRules(), [], strict=True, provider="acme")

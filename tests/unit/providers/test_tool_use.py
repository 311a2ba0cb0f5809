from __future__ import annotations

import re
from typing import Any

import pytest

from promptside.errors import InvalidRequest
from promptside.providers.base import ProviderCall
from promptside.providers.tool_use import Tool, ToolNames, ToolUse, alias, read_tools

PATTERN = re.compile(r"[a-zA-Z0-9_-]+")


def tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, ToolUse((Tool("f"), Tool("g")))),
        ("auto", ToolUse((Tool("f"), Tool("g")), mode="auto")),
        ("none", ToolUse((Tool("f"), Tool("g")), mode="none")),
        ("required", ToolUse((Tool("f"), Tool("g")), mode="required")),
        (tool("g"), ToolUse((Tool("f"), Tool("g")), mode="named", named="g")),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [tool("g")]}},
            ToolUse((Tool("g"),), mode="required"),
        ),
    ],
)
def test_every_form_of_tool_choice_is_read(choice: Any, expected: ToolUse) -> None:
    assert read_tools({"tools": [tool("f"), tool("g")], "tool_choice": choice}) == expected


def test_functions_are_read_as_tools() -> None:
    parameters = {"functions": [{"name": "f", "description": "d"}], "function_call": {"name": "f"}}

    assert read_tools(parameters) == ToolUse((Tool("f", "d"),), mode="named", named="f")


@pytest.mark.parametrize(
    "parameters",
    [
        {"tools": "f"},
        {"tools": [5]},
        {"tools": [{"type": "function", "function": {}}]},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]},
        {"tool_choice": "required"},
        {"tool_choice": 5, "tools": [tool("f")]},
        {"tool_choice": tool("g"), "tools": [tool("f")]},
        {"tool_choice": {"type": "allowed_tools"}, "tools": [tool("f")]},
    ],
)
def test_tools_of_the_wrong_shape_are_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_tools(parameters)

    assert caught.value.code == "invalid_tools"


@pytest.mark.parametrize("name", ["fs/read.file", "x" * 67, "größe", "///", "", "a b"])
def test_an_alias_is_legal_and_stays_the_same(name: str) -> None:
    made = alias(name, PATTERN, 64)

    assert len(made) <= 64
    assert PATTERN.fullmatch(made)
    assert made == alias(name, PATTERN, 64)


def test_names_that_differ_in_illegal_characters_only_have_different_aliases() -> None:
    names = ["a/b", "a.b", "a b", "a_b"]

    assert len({alias(name, PATTERN, 64) for name in names}) == len(names)


def test_aliases_are_undone_for_declared_and_for_called_tools() -> None:
    history = {"role": "assistant", "tool_calls": [{"function": {"name": "old/tool"}}]}
    call = ProviderCall("chat", "m", {"tools": [tool("new/tool"), tool("plain")]}, "id", 0, messages=[history])
    names = ToolNames(call, pattern=PATTERN.pattern, limit=64)
    sent = [names.wire(name) for name in ("new/tool", "old/tool", "plain", "unknown")]

    assert [names.original(name) for name in sent] == ["new/tool", "old/tool", "plain", "unknown"]

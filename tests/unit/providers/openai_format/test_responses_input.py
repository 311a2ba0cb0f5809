from __future__ import annotations

from typing import Any

import pytest

from promptside.errors import InvalidRequest
from promptside.providers.openai_format.responses_input import (
    build_instructions,
    build_items,
    build_text_format,
    build_tool,
    build_tool_choice,
)

Json = dict[str, Any]


@pytest.mark.parametrize(
    ("message", "items"),
    [
        ({"role": "developer", "content": "a"}, [{"type": "message", "role": "developer", "content": "a"}]),
        (
            {"role": "system", "content": [{"type": "text", "text": "a", "prompt_cache_breakpoint": True}]},
            [
                {
                    "type": "message",
                    "role": "system",
                    "content": [{"type": "input_text", "text": "a", "prompt_cache_breakpoint": True}],
                }
            ],
        ),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": "https://example.org/a.png"}]},
            [
                {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_image", "image_url": "https://example.org/a.png", "detail": "auto"}],
                }
            ],
        ),
        (
            {"role": "user", "content": [{"type": "file", "file": {"filename": "a.pdf", "file_data": "data:"}}]},
            [
                {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_file", "filename": "a.pdf", "file_data": "data:"}],
                }
            ],
        ),
        (
            {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            [{"type": "message", "role": "assistant", "content": "ab"}],
        ),
        (
            {"role": "assistant", "content": None, "refusal": "no"},
            [{"type": "message", "role": "assistant", "content": "no"}],
        ),
        ({"role": "assistant", "content": None}, []),
        (
            {"role": "tool", "tool_call_id": "c", "content": None},
            [{"type": "function_call_output", "call_id": "c", "output": ""}],
        ),
    ],
)
def test_a_message_becomes_items(message: Json, items: list[Json]) -> None:
    assert build_items([message], "acme") == items


def test_custom_tools_keep_their_kind_in_call_and_result() -> None:
    call = {"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}
    messages: list[Json] = [
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "y"},
    ]

    assert build_items(messages, "acme") == [
        {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "x"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "y"},
    ]


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "function", "name": "f", "content": "1"}, "messages[1]"),
        ({"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "video_url"}]}, "messages[1].content[1]"),
        ({"role": "user", "content": [7]}, "messages[1].content[0]"),
    ],
)
def test_what_the_wire_lacks_is_refused_by_its_place(message: Json, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        build_items([{"role": "user", "content": "a"}, message], "acme")

    assert caught.value.param == param


def test_leading_system_messages_become_the_instructions() -> None:
    messages: list[Json] = [
        {"role": "system", "content": "a"},
        {"role": "developer", "content": [{"type": "text", "text": "b"}]},
        {"role": "user", "content": "c"},
        {"role": "system", "content": "d"},
    ]

    assert build_instructions(messages) == ("a\n\nb", messages[2:])
    assert build_instructions(messages[2:3]) == (None, messages[2:3])


@pytest.mark.parametrize(
    ("tool", "built"),
    [
        (
            {"type": "function", "function": {"name": "f"}},
            {"type": "function", "name": "f", "parameters": None, "strict": False},
        ),
        (
            {"type": "function", "function": {"name": "f", "parameters": {}, "strict": True}},
            {"type": "function", "name": "f", "parameters": {}, "strict": True},
        ),
        (
            {
                "type": "custom",
                "custom": {
                    "name": "f",
                    "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "d"}},
                },
            },
            {"type": "custom", "name": "f", "format": {"type": "grammar", "syntax": "lark", "definition": "d"}},
        ),
        ({"type": "web_search"}, {"type": "web_search"}),
    ],
)
def test_a_tool_is_flattened(tool: Json, built: Json) -> None:
    assert build_tool(tool) == built


@pytest.mark.parametrize(
    ("choice", "built"),
    [
        ("required", "required"),
        ({"type": "function", "function": {"name": "f"}}, {"type": "function", "name": "f"}),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
            },
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
        ),
        ({"type": "web_search"}, {"type": "web_search"}),
    ],
)
def test_a_tool_choice_is_flattened(choice: Any, built: Any) -> None:
    assert build_tool_choice(choice) == built


@pytest.mark.parametrize(
    ("response_format", "built"),
    [
        ({"type": "json_object"}, {"type": "json_object"}),
        (
            {"type": "json_schema", "json_schema": {"name": "a", "schema": {}, "description": None}},
            {"type": "json_schema", "name": "a", "schema": {}},
        ),
    ],
)
def test_a_text_format_is_flattened(response_format: Json, built: Json) -> None:
    assert build_text_format(response_format) == built

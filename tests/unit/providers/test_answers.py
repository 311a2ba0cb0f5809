from __future__ import annotations

from typing import Any

import pytest

from promptside.providers.answers import StreamAnswer, unwrap_json
from promptside.providers.base import ProviderCall
from promptside.providers.tool_use import JSON_TOOL

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"n": {"type": "integer"}}}


def call(**parameters: Any) -> ProviderCall:
    return ProviderCall("chat", "m", parameters, "c0ffee", 0)


@pytest.mark.parametrize(
    ("value", "schema", "expected"),
    [
        ({"values": {"n": 1}}, SCHEMA, {"n": 1}),
        ({"n": 1}, SCHEMA, {"n": 1}),
        ({"values": {"n": 1}}, {"properties": {"values": {}}}, {"values": {"n": 1}}),
        ({"values": [1]}, SCHEMA, {"values": [1]}),
        ({"values": {"n": 1}, "n": 2}, SCHEMA, {"values": {"n": 1}, "n": 2}),
        ([1], SCHEMA, [1]),
    ],
)
def test_a_wrapper_is_taken_off_only_where_the_schema_has_no_such_property(
    value: Any, schema: dict[str, Any], expected: Any
) -> None:
    assert unwrap_json(value, schema) == expected


def test_a_json_answer_that_was_cut_is_given_as_it_came() -> None:
    answer = StreamAnswer(call(), json_schema=SCHEMA)
    answer.open_tool(0, "t", JSON_TOOL)
    answer.tool_arguments(0, '{"n": 1')

    chunks = answer.finish("length")

    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [{"content": '{"n": 1'}, {}]
    assert answer.finish_reason == "length"


def test_a_stream_that_begins_with_content_still_begins_with_the_role() -> None:
    answer = StreamAnswer(call())

    chunks = [*answer.delta("content", "Hi"), *answer.start(), *answer.finish("stop"), *answer.finish("stop")]

    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "content": ""},
        {"content": "Hi"},
        {},
    ]


def test_only_the_first_call_is_a_function_call() -> None:
    answer = StreamAnswer(call(functions=[{"name": "f"}]))

    chunks = [
        *answer.open_tool(0, "a", "f"),
        *answer.close_block(0),
        *answer.open_tool(1, "b", "g"),
        *answer.tool_arguments(1, "{}"),
        *answer.close_block(1),
        *answer.finish("tool_calls"),
    ]

    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "content": ""},
        {"function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": "{}"}},
        {},
    ]
    assert answer.finish_reason == "function_call"

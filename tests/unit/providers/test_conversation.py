from __future__ import annotations

from typing import Any

import pytest

from promptside.errors import InvalidRequest
from promptside.providers.conversation import read_conversation, system_as_user, tools_as_text
from promptside.providers.turns import Conversation, Text, ToolCall, ToolResult, Turn

CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}


def test_leading_system_and_developer_messages_are_the_system_prompt() -> None:
    conversation = read_conversation(
        [
            {"role": "system", "content": "A"},
            {"role": "developer", "content": [{"type": "text", "text": "B"}]},
            {"role": "user", "content": "C"},
            {"role": "system", "content": "D"},
        ],
        provider="p",
    )

    assert conversation == Conversation(
        (Text("A"), Text("B")), (Turn("user", (Text("C"),)), Turn("system", (Text("D"),)))
    )


def test_texts_are_byte_exact_and_empty_ones_are_left_out() -> None:
    conversation = read_conversation(
        [
            {"role": "user", "content": " a\n\n"},
            {"role": "assistant", "content": ""},
            {"role": "user", "content": [{"type": "text", "text": " \n"}, "b\t"]},
        ],
        provider="p",
    )

    assert conversation.turns == (Turn("user", (Text(" a\n\n"), Text("b\t"))),)


def test_only_system_messages_become_one_user_turn() -> None:
    assert read_conversation([{"role": "system", "content": "A"}], provider="p") == Conversation(
        (), (Turn("user", (Text("A"),)),)
    )


@pytest.mark.parametrize("messages", [[], [{"role": "user", "content": ""}], [{"role": "assistant", "content": None}]])
def test_a_conversation_without_content_is_refused(messages: list[dict[str, Any]]) -> None:
    with pytest.raises(InvalidRequest, match="p needs at least one message with content"):
        read_conversation(messages, provider="p")


def test_all_results_that_answer_one_turn_are_in_one_user_turn_before_its_text() -> None:
    conversation = read_conversation(
        [
            {"role": "user", "content": "A"},
            {"role": "assistant", "content": "B", "tool_calls": [CALL, {**CALL, "id": "c2"}]},
            {"role": "tool", "tool_call_id": "c2", "content": "2"},
            {"role": "user", "content": "C"},
            {"role": "tool", "tool_call_id": "c1", "content": "1", "is_error": True},
        ],
        provider="p",
    )

    assert conversation.turns[1].parts == (
        Text("B"),
        ToolCall("c1", "f", {"a": 1}, CALL),
        ToolCall("c2", "f", {"a": 1}, {**CALL, "id": "c2"}),
    )
    assert conversation.turns[2] == Turn(
        "user",
        (ToolResult("c2", "f", (Text("2"),)), ToolResult("c1", "f", (Text("1"),), is_error=True), Text("C")),
    )


def test_a_function_message_answers_the_last_unanswered_call_of_its_name() -> None:
    legacy = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": ""}}
    conversation = read_conversation(
        [legacy, {"role": "function", "name": "f", "content": "1"}, legacy, {"role": "function", "name": "f"}],
        provider="p",
    )

    assert [part.call_id for turn in conversation.turns for part in turn.parts if isinstance(part, ToolResult)] == [
        "call_0",
        "call_2",
    ]


@pytest.mark.parametrize("arguments", ["", None, "{}", {}])
def test_missing_arguments_are_an_empty_object(arguments: Any) -> None:
    call = {"id": "c1", "function": {"name": "f", "arguments": arguments}}
    conversation = read_conversation([{"role": "assistant", "tool_calls": [call]}], provider="p")

    assert conversation.turns[0].parts == (ToolCall("c1", "f", {}, call),)


@pytest.mark.parametrize("arguments", ["[1]", '"x"', '{"a":', '{"a":1}{"b":2}', '{"a":NaN}', 7, "[" * 100_000])
def test_arguments_that_are_no_object_are_refused_naming_the_call(arguments: Any) -> None:
    call = {"id": "c1", "function": {"name": "f", "arguments": arguments}}

    with pytest.raises(InvalidRequest) as caught:
        read_conversation([{"role": "assistant", "tool_calls": [call]}], provider="p")

    assert caught.value.param == "messages[0].tool_calls[0].function.arguments"


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ("text", "messages[0]"),
        ({"role": "robot", "content": "x"}, "messages[0].role"),
        ({"role": ["user"], "content": "x"}, "messages[0].role"),
        ({"role": "user", "content": 5}, "messages[0].content"),
        ({"role": "user", "content": [5]}, "messages[0].content[0]"),
        ({"role": "user", "content": [{"type": "text", "text": 5}]}, "messages[0].content[0].text"),
        ({"role": "user", "content": [{"type": "input_audio"}]}, "messages[0].content[0]"),
        ({"role": "user", "content": [{"type": "image_url"}]}, "messages[0].content[0].image_url.url"),
        ({"role": "user", "content": [{"type": "file", "file": {}}]}, "messages[0].content[0].file"),
        ({"role": "tool", "content": "x"}, "messages[0].tool_call_id"),
        ({"role": "assistant", "tool_calls": "f"}, "messages[0].tool_calls"),
        ({"role": "assistant", "tool_calls": [{"type": "custom"}]}, "messages[0].tool_calls[0]"),
        ({"role": "assistant", "tool_calls": [{"function": {}}]}, "messages[0].tool_calls[0].function.name"),
    ],
)
def test_a_message_of_the_wrong_shape_is_refused_naming_the_place(message: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_conversation([message], provider="p")

    assert caught.value.param == param


def test_a_later_system_message_can_join_the_user_turn() -> None:
    conversation = read_conversation(
        [
            {"role": "user", "content": "A"},
            {"role": "system", "content": "B"},
            {"role": "user", "content": "C"},
        ],
        provider="p",
    ).map_turns(system_as_user)

    assert conversation.turns == (Turn("user", (Text("A"), Text("B"), Text("C"))),)


def test_tools_replayed_as_text_keep_what_was_said() -> None:
    conversation = read_conversation(
        [
            {"role": "assistant", "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "no", "status": "error"},
        ],
        provider="p",
    ).map_turns(tools_as_text)

    assert conversation.turns == (
        Turn("assistant", (Text('[Called the tool f with {"a":1}]'),)),
        Turn("user", (Text("[The tool f failed: no]"),)),
    )


def test_a_cache_marker_on_a_message_goes_to_its_last_part() -> None:
    marker = {"type": "ephemeral"}
    conversation = read_conversation(
        [{"role": "user", "content": [{"type": "text", "text": "A"}, "B"], "cache_control": marker}], provider="p"
    )

    assert conversation.turns[0].parts == (Text("A"), Text("B", marker))

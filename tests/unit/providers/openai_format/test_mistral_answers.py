from __future__ import annotations

from typing import Any

import pytest

from promptside.providers.openai_format.mistral_answers import choose_message, read_message

TEXT = {"type": "text", "text": "Kiel"}
THINKING = {"type": "thinking", "thinking": [{"type": "text", "text": "A port."}]}
SIGNED = {**THINKING, "signature": "c2ln"}
CITING = {
    "type": "thinking",
    "thinking": [{"type": "text", "text": "See."}, {"type": "reference", "reference_ids": [1]}],
}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("Kiel", {"content": "Kiel"}),
        (None, {"content": None}),
        ([], {}),
        ([TEXT, TEXT], {"content": "KielKiel"}),
        ([THINKING], {"reasoning_content": "A port."}),
        ([THINKING, TEXT], {"content": "Kiel", "reasoning_content": "A port."}),
        ([{"type": "thinking", "thinking": "A port."}, TEXT], {"content": "Kiel", "reasoning_content": "A port."}),
        ([SIGNED], {"reasoning_content": "A port.", "content_chunks": [SIGNED]}),
        ([CITING], {"reasoning_content": "See.", "content_chunks": [CITING]}),
        ([{"type": "image_url", "image_url": "u"}], {"content_chunks": [{"type": "image_url", "image_url": "u"}]}),
        (["Ki", "el"], {"content": "Kiel"}),
    ],
)
def test_chunks_are_split_into_text_and_thinking(content: Any, expected: dict[str, Any]) -> None:
    message = {"content": content}

    read_message(message)

    assert message == expected


def test_the_placeholder_of_an_id_is_no_id() -> None:
    message = {"tool_calls": [{"id": "null", "function": {}}, {"id": "Qk3v9ZpLm", "function": {}}]}

    read_message(message)

    assert message == {"tool_calls": [{"function": {}}, {"id": "Qk3v9ZpLm", "function": {}}]}


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        ({"messages": [{"content": "a"}, {"content": "b"}]}, {"content": "b"}),
        ({"messages": [{"content": "a"}], "message": {"content": "c"}}, {"content": "c"}),
        ({"messages": []}, None),
        ({"messages": [{"content": "a"}], "delta": {}}, None),
    ],
)
def test_the_last_of_several_messages_is_the_answer(choice: dict[str, Any], chosen: Any) -> None:
    choose_message({"choices": [choice]})

    assert choice.get("message") == chosen

"""What a stream adds up to."""

import json
from typing import Any

import pytest

from promptside.providers.assembly import Assembler
from promptside.providers.base import ProviderCall
from promptside.providers.replay import completion_as_chunks
from tests.provider_cases import Case, cases_with

USAGE: Any = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def call(kind: Any = "chat") -> ProviderCall:
    return ProviderCall(
        kind=kind, model="m", messages=[], prompt=None, parameters={}, completion_id="i", created=1, stream=True,
        include_usage=True, strict_params=False, settings={},
    )  # fmt: skip


def chat(*choices: dict[str, Any], **extra: Any) -> dict[str, Any]:
    numbered = [
        {"index": index, "finish_reason": "stop", "logprobs": None, **choice} for index, choice in enumerate(choices)
    ]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 7,
        "model": "m-1",
        "choices": numbered,
        "usage": USAGE,
        **extra,
    }


def message(**fields: Any) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": None, **fields}}


TOOL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}}


@pytest.mark.parametrize(
    "completion",
    [
        chat(message(content="Hello")),
        chat(message(content="One"), message(content="Two")),
        chat(message(tool_calls=[TOOL, {**TOOL, "id": "call_2"}]) | {"finish_reason": "tool_calls"}),
        chat(message(content="Thinking done", reasoning_content="First this, then that")),
        chat(message(refusal="No")),
        chat(message(content="x") | {"content_filter_results": {"hate": {"filtered": False}}}),
        chat(message(content="x") | {"logprobs": {"content": [{"token": "x", "logprob": -0.1}], "refusal": None}}),
    ],
    ids=["text", "two choices", "tools", "reasoning", "refusal", "extras", "logprobs"],
)
def test_a_completion_survives_being_a_stream(completion: dict[str, Any]) -> None:
    assembler = Assembler()
    assembler.feed(completion_as_chunks(completion, call()))
    assembled = assembler.completion(USAGE)

    logprobs = completion["choices"][0]["logprobs"]
    if logprobs is not None:
        completion["choices"][0]["logprobs"] = {name: value for name, value in logprobs.items() if value is not None}
    assert assembled == completion


def test_a_text_completion_survives_being_a_stream() -> None:
    choice = {"index": 0, "text": "Hello", "finish_reason": "length", "logprobs": None}
    completion = {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 7,
        "model": "m",
        "choices": [choice],
        "usage": USAGE,
    }
    assembler = Assembler()
    assembler.feed(completion_as_chunks(completion, call("text")))

    assert assembler.completion(USAGE) == completion


def test_fragments_are_joined_by_choice_and_by_call() -> None:
    def chunk(delta: dict[str, Any], index: int = 0, **extra: Any) -> dict[str, Any]:
        choice = {"index": index, "delta": delta, "finish_reason": None}
        return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **extra}

    assembler = Assembler()
    assembler.feed(
        [
            chunk({"role": "assistant", "content": ""}),
            chunk({"role": "assistant", "content": "B"}, 1),
            chunk({"content": "Hel"}, citations=["one"]),
            chunk({"content": "lo"}, citations=["one", "two"]),
            chunk({"content": "ye"}, 1),
            chunk(
                {
                    "tool_calls": [
                        {"index": 1, "id": "t2", "type": "function", "function": {"name": "b", "arguments": ""}}
                    ]
                }
            ),
            chunk(
                {
                    "tool_calls": [
                        {"index": 0, "id": "t1", "type": "function", "function": {"name": "a", "arguments": ""}}
                    ]
                }
            ),
            chunk({"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]}),
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"x":'}}]}),
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}),
            chunk({"annotations": [{"url": "u"}]}),
            chunk({"annotations": [{"url": "v"}]}),
        ]
    )
    body = assembler.completion(None)

    first = body["choices"][0]["message"]
    assert (first["content"], body["choices"][1]["message"]["content"]) == ("Hello", "Bye")
    assert first["tool_calls"] == [
        {"id": "t1", "type": "function", "function": {"name": "a", "arguments": '{"x":1}'}},
        {"id": "t2", "type": "function", "function": {"name": "b", "arguments": "{}"}},
    ]
    assert first["annotations"] == [{"url": "u"}, {"url": "v"}]
    assert body["citations"] == ["one", "two"]
    assert "usage" not in body


STREAMED = cases_with("expected.jsonl")


def chunks_of(case: Case) -> list[Any]:
    """Return what the adapter makes of a recorded stream, without its errors."""
    events = [json.loads(line) for line in case.bytes("expected.jsonl").splitlines() if line.strip()]
    return [event for event in events if "choices" in event]


@pytest.mark.parametrize("case", [case for case in STREAMED if chunks_of(case)], ids=str)
def test_a_recorded_stream_and_its_replay_add_up_to_the_same(case: Case) -> None:
    assembler, again = Assembler(), Assembler()
    assembler.feed(chunks_of(case))
    assembled = assembler.completion(None)

    again.feed(completion_as_chunks(assembled, call(case.call().kind)))

    # Together repeats the text of a delta beside it.
    own = [{name: value for name, value in choice.items() if name != "text"} for choice in assembled["choices"]]
    expected = own if case.call().kind == "chat" else assembled["choices"]
    assert again.completion(None)["choices"] == expected
    assert json.loads(json.dumps(assembled)) == assembled


@pytest.mark.parametrize("case", [case for case in STREAMED if chunks_of(case)], ids=str)
def test_a_recorded_stream_loses_no_text(case: Case) -> None:
    assembler = Assembler()
    chunks = chunks_of(case)
    assembler.feed(chunks)
    texts: dict[int, str] = {}
    for choice in (choice for chunk in chunks for choice in chunk["choices"]):
        text = choice["delta"].get("content") if "delta" in choice else choice.get("text")
        texts[choice["index"]] = texts.get(choice["index"], "") + (text or "")

    found = {
        choice["index"]: (choice["message"]["content"] if "message" in choice else choice["text"]) or ""
        for choice in assembler.completion(None)["choices"]
    }

    assert found == texts

"""Streams through Portkey's SDKs. The names begin with the rows of the contract's conformance cases."""

import threading
from typing import Any

import pytest

from tests.clients.outcome import Sdk, run
from tests.clients.prompts import Conformance, make_prompt
from tests.clients.provider import USAGE, EchoProvider, chunk, completion, event, events, failure
from tests.clients.python_sdks import PythonSdk
from tests.clients.raw import open_stream
from tests.clients.running import Running
from tests.upstream import Fault, json_reply, sse_reply

ODD = (
    "line\u2028paragraph\u2029next\u0085 line, emoji \U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467, "
    'blank\n\nlines\r\n, data: no, data:[DONE], "quotes" \\ and \x00\x1f\x7f, caf\u00e9, \u65e5\u672c'
)
PIECES = [chunk({"delta": {"content": piece}}) for piece in ("one ", "two ", "three")]


def test_row_09_every_chunk_is_read_and_has_the_shape_of_a_chunk(sdk: Sdk, prompt: Conformance) -> None:
    answer = run(sdk, prompt.slug, {"name": "Ann"}, stream=True)

    assert answer.error is None
    assert [(chunk["object"], chunk["provider"], chunk["model"]) for chunk in answer.chunks] == [
        ("chat.completion.chunk", "openai", "m1")
    ] * len(answer.chunks)
    assert [choice["delta"] for chunk in answer.chunks for choice in chunk["choices"]] == [
        {"role": "assistant", "content": ""},
        {"content": "Hi A"},
        {"content": "nn"},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in answer.chunks] == [None, None, None, "stop"]


def test_row_10_odd_characters_arrive_as_they_left(sdk: Sdk, prompt: Conformance, provider: EchoProvider) -> None:
    provider.answer(sse_reply(list(events(list(ODD)))))

    assert run(sdk, prompt.slug, stream=True).content() == ODD


def test_odd_characters_of_a_variable_come_back_whole_and_streamed(sdk: Sdk, prompt: Conformance) -> None:
    for stream in (False, True):
        assert run(sdk, prompt.slug, {"name": ODD}, stream=stream).content() == f"Hi {ODD}"


@pytest.mark.parametrize("asked", [True, False])
def test_the_usage_chunk_comes_when_it_is_asked_for(sdk: Sdk, prompt: Conformance, asked: bool) -> None:
    options = {"stream_options": {"include_usage": True}} if asked else {}

    answer = run(sdk, prompt.slug, {"name": "Ann"}, stream=True, **options)

    assert answer.content() == "Hi Ann"
    found = [chunk["usage"] for chunk in answer.chunks if chunk.get("usage")]
    assert found == ([USAGE] if asked else [])
    assert answer.chunks[-1]["choices"] == ([] if asked else [answer.chunks[-1]["choices"][0]])


def test_a_text_prompt_streams_text_choices(sdk: Sdk) -> None:
    slug = make_prompt(sdk, "Once upon a {{what}}", model="gpt-3.5-turbo-instruct")

    answer = run(sdk, slug, {"what": "time"}, stream=True)

    assert answer.error is None
    assert {chunk["object"] for chunk in answer.chunks} == {"text_completion"}
    assert "".join(choice["text"] for chunk in answer.chunks for choice in chunk["choices"]) == "Once upon a time"


def test_pieces_of_a_tool_call_can_be_put_together(sdk: Sdk, prompt: Conformance, provider: EchoProvider) -> None:
    first = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": ""}}
    rest = [{"index": 0, "function": {"arguments": text}} for text in ('{"city"', ': "Rome"}')]
    steps = [chunk({"delta": {"role": "assistant", "content": None, "tool_calls": [first]}})]
    steps += [chunk({"delta": {"tool_calls": [piece]}}) for piece in rest]
    provider.answer(sse_reply([*steps, chunk({"delta": {}}, finish_reason="tool_calls"), b"data: [DONE]\n\n"]))

    answer = run(sdk, prompt.slug, stream=True)

    assert answer.error is None
    calls = [call for chunk in answer.chunks for call in chunk["choices"][0]["delta"].get("tool_calls") or []]
    assert "".join(call["function"]["arguments"] for call in calls) == '{"city": "Rome"}'
    assert (calls[0]["id"], calls[0]["function"]["name"]) == ("call_1", "look_up")
    assert answer.chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    ("end", "text"),
    [
        pytest.param([Fault.CUT], "closed the connection before its answer was complete", id="cut"),
        pytest.param([Fault.RESET], "closed the connection before its answer was complete", id="reset"),
        pytest.param([], "openai", id="no-end"),
        pytest.param([event({"error": {"message": "overloaded", "type": "server_error"}})], "overloaded", id="error"),
        pytest.param([b"data: <html>\n\n"], "an event that is not a JSON object", id="garbage"),
    ],
)
def test_row_13_a_failure_in_the_middle_raises_after_what_came_before(
    *, sdk: Sdk, prompt: Conformance, provider: EchoProvider, end: list[Any], text: str
) -> None:
    provider.answer(sse_reply([*PIECES, *end]))

    answer = run(sdk, prompt.slug, stream=True)

    assert answer.streamed() == "one two three"
    error = answer.failure()
    assert (error.kind, error.status) == (("APIError", None) if sdk.name == "node" else ("APIStatusError", 200))
    assert text in error.message
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "BadRequestError"), (401, "AuthenticationError"), (429, "RateLimitError"), (503, "InternalServerError")],
)
def test_row_14_an_error_before_the_first_byte_keeps_its_status(
    *, sdk: Sdk, prompt: Conformance, provider: EchoProvider, status: int, kind: str
) -> None:
    provider.answer(failure(status, "not today"))

    answer = run(sdk, prompt.slug, stream=True)

    error = answer.failure()
    assert (error.kind, error.status) == (kind, status)
    assert error.headers["content-type"] == "application/json"
    assert len(provider.requests) == 1


def test_an_unknown_prompt_has_its_status_on_a_stream_too(sdk: Sdk) -> None:
    assert run(sdk, "pp-nowhere", stream=True).failure().brief == (
        "NotFoundError",
        404,
        "Prompt 'pp-nowhere' not found",
    )


def test_surprise_11_a_host_that_ignores_stream_still_yields_chunks(
    sdk: Sdk, prompt: Conformance, provider: EchoProvider
) -> None:
    provider.answer(json_reply(completion("All at once")))

    assert run(sdk, prompt.slug, stream=True).content() == "All at once"


def test_row_12_the_stream_has_data_lines_only_in_ascii(running: Running, prompt_slug: str) -> None:
    with open_stream(running, prompt_slug, {"variables": {"name": ODD}, "stream": True}) as answer:
        body = answer.read()

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert body.isascii()
    blocks = body.removesuffix(b"\n\n").split(b"\n\n")
    assert all(block.startswith(b"data: ") and b"\n" not in block and b"\r" not in block for block in blocks)
    assert blocks[-1] == b"data: [DONE]"


def test_row_12_a_failed_stream_ends_in_an_error_event_and_no_done(
    running: Running, provider: EchoProvider, prompt_slug: str
) -> None:
    provider.answer(sse_reply([*PIECES, Fault.CUT]))

    with open_stream(running, prompt_slug, {"stream": True}) as answer:
        blocks = answer.read().removesuffix(b"\n\n").split(b"\n\n")

    assert [block.split(b":")[0] for block in blocks] == [b"data"] * (len(blocks) - 1) + [b"event"]
    assert blocks[-1].startswith(b"event: error\ndata: {")


def test_the_first_chunk_arrives_before_the_provider_sends_the_second(
    python: PythonSdk, provider: EchoProvider, prompt_slug: str
) -> None:
    seen = threading.Event()
    provider.answer(sse_reply([PIECES[0], seen, *PIECES[1:], chunk({"delta": {}}, finish_reason="stop")]))
    texts: list[Any] = []
    for piece in python.client.prompts.completions.create(prompt_id=prompt_slug, stream=True):
        texts.append(piece.choices[0].delta.content)
        seen.set()

    assert [text for text in texts if text] == ["one ", "two ", "three"]

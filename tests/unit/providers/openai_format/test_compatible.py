"""The knobs of the family, each with a made-up provider that needs it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from promptside.errors import InvalidRequest, ProviderUnusable
from promptside.providers.base import DONE, EntraToken, ProviderCall, StreamEvent
from promptside.providers.openai_format.compatible import OpenAICompatible
from promptside.providers.openai_format.responses import ResponsesRules
from promptside.providers.openai_format.rules import AnswerRules, ToolRules
from promptside.providers.parameters import ParameterTable

Json = dict[str, Any]
HEAD = {"id": "a", "object": "chat.completion.chunk", "created": 1795300000, "model": "m"}


def call(**changes: Any) -> ProviderCall:
    given: Json = {
        "kind": "chat",
        "model": "m",
        "parameters": {},
        "completion_id": "c0ffee",
        "created": 1795300000,
        "messages": [{"role": "user", "content": "Hello"}],
    }
    return ProviderCall(**{**given, **changes})


def provider(**changes: Any) -> OpenAICompatible:
    return OpenAICompatible(**{"name": "acme", "fields": (), "base_url": "https://acme.example/v1", **changes})


def body_of(adapter: OpenAICompatible, wanted: ProviderCall) -> Json:
    body: Json = json.loads(adapter.build_request(wanted, {"api_key": "k"}).body)
    return body


def run(adapter: OpenAICompatible, wanted: ProviderCall, *events: Json, done: bool) -> list[Json]:
    mapper = adapter.stream_mapper(wanted)
    fed = [StreamEvent("", event) for event in events] + ([DONE] if done else [])
    chunks = [chunk for event in fed for chunk in mapper.feed(event)]
    return chunks + mapper.finish()


def piece(delta: Json, finish_reason: str | None = None, **extras: Any) -> Json:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return {**HEAD, "choices": [choice], **extras}


def test_parameters_are_renamed_and_dropped_by_the_table() -> None:
    table = ParameterTable(rename={"max_completion_tokens": "max_tokens"}, drop=frozenset({"user"}))
    wanted = call(parameters={"max_completion_tokens": 5, "user": "u", "new_knob": 1})

    request = provider(parameters=table).build_request(wanted, {"api_key": "k"})

    assert json.loads(request.body) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": 5,
        "new_knob": 1,
    }
    assert request.dropped == ("user",)


def test_a_text_prompt_without_a_text_endpoint_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match="acme has no text completions endpoint: store this prompt as a chat"):
        provider().build_request(call(kind="text", messages=None, prompt="a"), {})


def test_text_has_its_own_parameter_table() -> None:
    adapter = provider(text_path="/completions", text_parameters=ParameterTable(drop=frozenset({"logprobs"})))
    text = call(kind="text", messages=None, prompt="a", parameters={"logprobs": 1})

    assert body_of(adapter, text) == {"model": "m", "prompt": "a"}
    assert body_of(adapter, call(parameters={"logprobs": 1}))["logprobs"] == 1


def test_a_missing_base_url_is_named() -> None:
    with pytest.raises(InvalidRequest) as caught:
        provider(base_url=None).build_request(call(), {})

    assert caught.value.param == "custom_host"


def test_a_custom_host_replaces_the_base_url() -> None:
    request = provider().build_request(call(), {"custom_host": "https://other.example/x/v1/"})

    assert request.url == "https://other.example/x/v1/chat/completions"


@pytest.mark.parametrize(
    ("ask_usage", "include_usage", "options"),
    [
        ("always", False, {"include_usage": True}),
        ("when_asked", False, None),
        ("when_asked", True, {"include_usage": True}),
        ("never", True, None),
    ],
)
def test_usage_is_asked_for_as_far_as_the_host_takes_it(
    ask_usage: str, *, include_usage: bool, options: Json | None
) -> None:
    wanted = call(stream=True, include_usage=include_usage)

    assert body_of(provider(ask_usage=ask_usage), wanted).get("stream_options") == options


def test_stream_options_are_not_sent_without_a_stream() -> None:
    wanted = call(parameters={"stream_options": {"include_obfuscation": False}})

    assert "stream_options" not in body_of(provider(), wanted)


def test_url_and_credentials_can_be_built_by_hooks() -> None:
    def build_url(wanted: ProviderCall, credentials: Mapping[str, str], path: str) -> str:
        return f"https://{credentials['resource']}.example/{wanted.settings['deployment']}{path}?api-version=1"

    def authorize(credentials: Mapping[str, str]) -> dict[str, str]:
        return {"api-key": credentials["api_key"]}

    token = EntraToken("t", "c", "s")
    adapter = provider(base_url=None, build_url=build_url, authorize=authorize, sign=lambda _: token)

    request = adapter.build_request(
        call(settings={"deployment": "chat-a"}), {"resource": "res", "api_key": "k", "custom_host": ""}
    )

    assert request.url == "https://res.example/chat-a/chat/completions?api-version=1"
    assert request.headers["api-key"] == "k"
    assert "authorization" not in request.headers
    assert request.signing == token


def test_a_hook_has_the_last_word_on_the_body() -> None:
    def rewrite(body: Json, _: ProviderCall, dropped: list[str]) -> Json:
        dropped.append("model")
        return {name: value for name, value in body.items() if name != "model"}

    request = provider(rewrite=rewrite).build_request(call(), {})

    assert "model" not in json.loads(request.body)
    assert request.dropped == ("model",)


def test_answers_and_messages_are_rewritten_before_they_are_normalised() -> None:
    def answer(body: Json) -> None:
        timing = body.pop("x_acme", None)
        if timing is not None:
            body["usage"] = timing

    def message(delta: Json) -> None:
        if isinstance(delta.get("content"), dict):
            delta["content"] = delta["content"]["text"]

    adapter = provider(answers=AnswerRules(answer=answer, message=message))
    counts = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}

    whole = adapter.parse_response(
        {"choices": [{"message": {"content": {"text": "a"}}, "finish_reason": "stop"}], "x_acme": counts}, call()
    )
    streamed = run(
        adapter,
        call(include_usage=True),
        piece({"role": "assistant", "content": {"text": "a"}}),
        piece({"content": "b"}),
        piece({}, "stop", x_acme=counts),
        done=True,
    )

    assert whole["choices"][0]["message"]["content"] == "a"
    assert whole["usage"] == counts
    assert streamed == [
        piece({"role": "assistant", "content": "a"}, usage=None),
        piece({"content": "b"}, usage=None),
        piece({}, "stop", usage=None),
        {**HEAD, "choices": [], "usage": counts},
    ]


def test_a_host_that_sends_neither_done_nor_a_finish_reason_ends_with_its_usage() -> None:
    adapter = provider(answers=AnswerRules(ends_without_done=True))
    counts = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}

    chunks = run(adapter, call(), piece({"role": "assistant", "content": "a"}, usage=counts), done=False)

    assert chunks == [piece({"role": "assistant", "content": "a"}), piece({}, "stop")]


def test_without_that_rule_such_an_end_is_a_cut() -> None:
    counts = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}

    with pytest.raises(ProviderUnusable) as caught:
        run(provider(), call(), piece({"role": "assistant", "content": "a"}, usage=counts), done=False)

    assert caught.value.code == "provider_stream_truncated"


def test_a_choice_that_never_began_makes_the_stream_a_cut_one() -> None:
    with pytest.raises(ProviderUnusable):
        run(provider(), call(parameters={"n": 2}), piece({"role": "assistant", "content": "a"}, "stop"), done=False)


def test_the_mapper_remembers_usage_and_finish_reason_for_the_log() -> None:
    mapper = provider().stream_mapper(call())
    counts = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}

    mapper.feed(StreamEvent("", piece({"content": "a"}, "length", usage=counts)))

    assert (mapper.usage, mapper.finish_reason) == (counts, "length")


def test_a_responses_wire_can_keep_chat_words_and_add_what_its_host_tells() -> None:
    def answer(response: Json, target: Json) -> None:
        results = [item for item in response["output"] if item["type"] == "search_results"]
        target["citations"] = [result["url"] for item in results for result in item["results"]]

    rules = ResponsesRules(
        path="/v1/agent",
        leading_system_as_instructions=True,
        format_in_text=False,
        store=None,
        answer=answer,
    )
    adapter = provider(base_url="https://acme.example", choose_wire=lambda _: "responses", responses=rules)
    wanted = call(
        messages=[{"role": "system", "content": "a"}, {"role": "user", "content": "b"}],
        parameters={"response_format": {"type": "json_schema"}, "max_tokens": 3},
    )
    found = {"type": "search_results", "results": [{"url": "https://example.org"}]}
    counts = {
        "input_tokens": 2,
        "output_tokens": 1,
        "total_tokens": 3,
        "input_tokens_details": {"cache_read_input_tokens": 1},
        "cost": {"total_cost": 0.1},
    }
    response = {"id": "r", "model": "m", "status": "completed", "output": [found], "usage": counts}

    request = adapter.build_request(wanted, {"api_key": "k"})
    whole = adapter.parse_response(response, wanted)
    streamed = run(adapter, wanted, {"type": "response.completed", "response": response}, done=False)

    assert request.url == "https://acme.example/v1/agent"
    assert json.loads(request.body) == {
        "model": "m",
        "instructions": "a",
        "input": [{"type": "message", "role": "user", "content": "b"}],
        "max_output_tokens": 3,
        "response_format": {"type": "json_schema"},
    }
    assert whole["citations"] == ["https://example.org"]
    assert whole["output"] == [found]
    assert whole["usage"] == {
        "prompt_tokens": 2,
        "completion_tokens": 1,
        "total_tokens": 3,
        "prompt_tokens_details": {"cached_tokens": 1},
        "cost": {"total_cost": 0.1},
    }
    assert streamed[-1]["citations"] == ["https://example.org"]
    assert streamed[-1]["choices"][0]["finish_reason"] == "stop"


def test_the_one_value_a_host_has_is_not_sent() -> None:
    table = ParameterTable(fixed={"n": 1, "modalities": ["text"]})

    request = provider(parameters=table).build_request(
        call(parameters={"n": 1, "modalities": ["text"]}, strict_params=True), {"api_key": "k"}
    )

    assert json.loads(request.body) == {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
    assert request.dropped == ()


@pytest.mark.parametrize(("name", "value"), [("n", 2), ("modalities", ["text", "audio"])])
def test_another_value_than_the_one_a_host_has_is_refused(name: str, value: Any) -> None:
    table = ParameterTable(fixed={"n": 1, "modalities": ["text"]})

    with pytest.raises(InvalidRequest) as caught:
        provider(parameters=table).build_request(call(parameters={name: value}), {"api_key": "k"})

    assert caught.value.param == name
    assert caught.value.code == "unsupported_parameter"


def test_a_function_without_parameters_gets_the_empty_schema_where_one_is_demanded() -> None:
    given = {"type": "function", "cache_control": {}, "function": {"name": "ping", "strict": True}}
    rules = ToolRules(strip=frozenset({"strict", "cache_control"}), needs_parameters=True)

    body = body_of(provider(tools=rules), call(parameters={"tools": [given]}))

    empty = {"type": "object", "properties": {}}
    assert body["tools"] == [{"type": "function", "function": {"name": "ping", "parameters": empty}}]


def test_plain_pieces_of_text_are_rewritten_only_for_the_keys_that_call_for_it() -> None:
    seen: list[Json] = []
    rules = AnswerRules(answer=seen.append, answer_keys=frozenset({"x_acme"}))
    pieces = [piece({"role": "assistant"}), piece({"content": "a"}), piece({"content": "b"}, x_acme=1)]

    run(provider(answers=rules), call(stream=True), *pieces, piece({}, "stop"), done=True)

    assert [bool(event.get("x_acme")) for event in seen] == [False, True, False]


def test_a_chunk_without_a_finish_reason_gets_one_that_is_null() -> None:
    bare = {**HEAD, "choices": [{"index": 0, "delta": {"content": "a"}}]}

    chunks = run(provider(), call(stream=True), bare, dict(bare), piece({}, "stop"), done=True)

    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, "stop"]


def test_a_status_of_the_hosts_own_becomes_a_usual_one() -> None:
    error = provider(statuses={498: 503}).parse_error(498, {}, b'{"error": {"message": "Full"}}')

    assert (error.status, error.type, error.message) == (503, "overloaded_error", "acme error: Full")

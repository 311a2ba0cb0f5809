from __future__ import annotations

import json
import timeit
from typing import Any

import pytest

from promptside.errors import InvalidRequest, PromptsideError, ProviderUnusable
from promptside.providers.anthropic import PROVIDER
from promptside.providers.base import Credentials, ProviderCall, StreamEvent
from promptside.providers.fields import check_credentials

HELLO = [{"role": "user", "content": "Hello"}]
TOOL = {"type": "function", "function": {"name": "f"}}
FORMAT = {"type": "json_schema", "json_schema": {"schema": {"type": "object", "properties": {}}}}


def call(model: str = "claude-sonnet-4-5", **parameters: Any) -> ProviderCall:
    return ProviderCall("chat", model, {"max_tokens": 100, **parameters}, "c0ffee", 1795300000, messages=HELLO)


def built(model: str = "claude-sonnet-4-5", **parameters: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what the parameters add to the smallest body, and what was dropped."""
    request = PROVIDER.build_request(call(model, **parameters), {"api_key": "k"})
    body = json.loads(request.body)
    assert body.pop("model") == model
    assert body.pop("messages") == [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]
    return body, request.dropped


@pytest.mark.parametrize(
    ("parameters", "added", "dropped"),
    [
        ({"temperature": 2}, {"temperature": 2}, ()),
        ({"temperature": 0.5, "top_p": 0.5}, {"temperature": 0.5}, ("top_p",)),
        ({"top_p": 0.5, "top_k": 3}, {"top_p": 0.5, "top_k": 3}, ()),
        ({"stop": "END"}, {"stop_sequences": ["END"]}, ()),
        ({"stop": ["", " \n", "END"]}, {"stop_sequences": ["END"]}, ()),
        ({"stop": ["\n"]}, {}, ()),
        ({"max_completion_tokens": 7}, {"max_tokens": 7}, ()),
        ({"max_tokens": None}, {"max_tokens": 8192}, ()),
        ({"n": 1}, {}, ()),
        ({"response_format": {"type": "text"}}, {}, ()),
        ({"modalities": ["text"]}, {}, ()),
        ({"web_search_options": None}, {}, ()),
        ({"service_tier": "auto"}, {"service_tier": "auto"}, ()),
        ({"service_tier": "flex"}, {}, ("service_tier",)),
        ({"service_tier": ["auto"]}, {}, ("service_tier",)),
        ({"user": "u-1"}, {"metadata": {"user_id": "u-1"}}, ()),
        ({"user": "u-1", "safety_identifier": "s"}, {"metadata": {"user_id": "s"}}, ()),
        ({"user": "me@example.com"}, {}, ("user",)),
        ({"user": "+45 12 34 56 78"}, {}, ("user",)),
        ({"metadata": {"user_id": "u-2"}}, {"metadata": {"user_id": "u-2"}}, ()),
        ({"tools": [TOOL], "tool_choice": "none", "parallel_tool_calls": False}, {"tool_choice": {"type": "none"}}, ()),
        ({"tools": [TOOL], "tool_choice": "required"}, {"tool_choice": {"type": "any"}}, ()),
        (
            {"tools": [TOOL], "parallel_tool_calls": False},
            {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
            (),
        ),
        ({"tools": [TOOL], "parallel_tool_calls": True}, {}, ()),
    ],
)
def test_parameters_are_mapped_dropped_or_left_as_they_are(
    parameters: dict[str, Any], added: dict[str, Any], dropped: tuple[str, ...]
) -> None:
    tools = {"tools": [{"name": "f", "input_schema": {"type": "object", "properties": {}}}]}
    declared = tools if "tools" in parameters else {}

    assert built(**parameters) == ({"max_tokens": 100, **declared, **added}, dropped)


@pytest.mark.parametrize(
    ("model", "parameters", "added", "dropped"),
    [
        ("claude-3-haiku-20240307", {"reasoning_effort": "low"}, {}, ("reasoning_effort",)),
        ("claude-sonnet-4-5", {"reasoning_effort": "none"}, {}, ()),
        (
            "claude-sonnet-4-5",
            {"reasoning_effort": "medium", "temperature": 0.3},
            {"thinking": {"type": "enabled", "budget_tokens": 2048}, "max_tokens": 2148},
            ("temperature",),
        ),
        (
            "claude-opus-4-6",
            {"reasoning_effort": "minimal"},
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
            (),
        ),
        ("claude-sonnet-5-5", {"reasoning_effort": "none"}, {"thinking": {"type": "between_tools"}}, ()),
        ("claude-opus-5-5", {"reasoning_effort": "none"}, {"output_config": {"effort": "low"}}, ()),
        ("claude-opus-5-5", {"reasoning_effort": "max"}, {"output_config": {"effort": "max"}}, ()),
        (
            "claude-opus-5-5",
            {"reasoning_effort": {"effort": "high", "summary": "auto"}},
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "high"}},
            (),
        ),
        ("claude-opus-5-5", {"thinking": {"type": "disabled"}}, {}, ("thinking",)),
        ("claude-sonnet-5-5", {"thinking": {"type": "disabled"}}, {"thinking": {"type": "between_tools"}}, ()),
        (
            "claude-opus-4-7",
            {"thinking": {"type": "enabled", "budget_tokens": 5000}},
            {"thinking": {"type": "adaptive"}},
            ("thinking.budget_tokens",),
        ),
        (
            "claude-sonnet-4-5",
            {"thinking": {"type": "adaptive"}},
            {"thinking": {"type": "enabled", "budget_tokens": 4096}, "max_tokens": 4196},
            (),
        ),
        (
            "claude-sonnet-5-5",
            {"output_config": {"effort": "low", "other": 1}, "response_format": FORMAT},
            {
                "output_config": {
                    "effort": "low",
                    "other": 1,
                    "format": {
                        "type": "json_schema",
                        "schema": {"type": "object", "properties": {}, "additionalProperties": False},
                    },
                }
            },
            (),
        ),
    ],
)
def test_reasoning_is_asked_for_as_the_model_understands_it(
    model: str, parameters: dict[str, Any], added: dict[str, Any], dropped: tuple[str, ...]
) -> None:
    assert built(model, **parameters) == ({"max_tokens": 100, **added}, dropped)


def test_a_forced_tool_wins_over_thinking() -> None:
    body, dropped = built("claude-sonnet-4-5", tools=[TOOL], tool_choice="required", reasoning_effort="low")

    assert "thinking" not in body
    assert dropped == ("reasoning_effort",)


@pytest.mark.parametrize(
    ("model", "parameters", "param"),
    [
        ("claude-sonnet-4-5", {"n": 2}, "n"),
        ("claude-sonnet-4-5", {"modalities": ["text", "audio"]}, "modalities"),
        ("claude-sonnet-4-5", {"web_search_options": {}}, "web_search_options"),
        ("claude-sonnet-4-5", {"stop": 5}, "stop"),
        ("claude-sonnet-4-5", {"response_format": "json"}, "response_format"),
        ("claude-sonnet-4-5", {"response_format": {"type": "xml"}}, "response_format"),
        ("claude-sonnet-4-5", {"response_format": {"type": "json_schema"}}, "response_format"),
        ("claude-sonnet-4-5", {"reasoning_effort": "extreme"}, "reasoning_effort"),
        ("claude-sonnet-4-5", {"reasoning_effort": ["low"]}, "reasoning_effort"),
        ("claude-sonnet-4-5", {"thinking": {"type": 5}}, "thinking"),
        ("claude-sonnet-4-5", {"anthropic_beta": ["a\r\nx-evil: 1"]}, "anthropic_beta"),
        ("claude-sonnet-4-5", {"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools"),
        ("claude-3-haiku-20240307", {"tools": [TOOL], "response_format": FORMAT}, "response_format"),
        ("claude-opus-5-5", {"tools": [TOOL], "tool_choice": "required"}, "tool_choice"),
    ],
)
def test_what_would_change_the_answers_contract_is_refused(model: str, parameters: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        built(model, **parameters)

    assert caught.value.param == param


def test_the_version_header_is_pinned() -> None:
    request = PROVIDER.build_request(call(), {"api_key": "k"})

    assert request.headers == {"x-api-key": "k", "anthropic-version": "2023-06-01", "content-type": "application/json"}


def test_the_newer_version_of_the_api_takes_no_sampling_parameters() -> None:
    request = PROVIDER.build_request(call(temperature=1), {"api_key": "k", "version": "2026-10-21"})

    assert request.headers["anthropic-version"] == "2026-10-21"
    assert request.dropped == ("temperature",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("version", "2023-06-01\r\nx-evil: 1"),
        ("version", "latest"),
        ("beta", "a\nb"),
        ("beta", "a b"),
        ("custom_host", "https://good.example.com#@evil.example.com"),
        ("custom_host", "https://user@evil.example.com"),
        ("custom_host", "https://good.example.com/?x="),
        ("custom_host", "ftp://good.example.com"),
        ("api_key", "k\r\nx-evil: 1"),
    ],
)
def test_configuration_that_would_change_the_request_is_refused(name: str, value: str) -> None:
    with pytest.raises(InvalidRequest):
        check_credentials(PROVIDER, {"api_key": "k", name: value}, from_caller=True)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_without_a_json_form_is_refused(value: float) -> None:
    with pytest.raises(InvalidRequest):
        built(temperature=value)


@pytest.mark.parametrize("text", ['q"uote\n{{x}}\u2028', "\ud83d\ude00", "\ud800"])
def test_texts_reach_the_model_byte_for_byte(text: str) -> None:
    given = ProviderCall("chat", "claude-sonnet-4-5", {}, "id", 0, messages=[{"role": "user", "content": text}])

    body = json.loads(PROVIDER.build_request(given, {"api_key": "k"}).body)

    assert body["messages"][0]["content"][0]["text"] == json.loads(json.dumps(text))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"content": None},
        {"content": "text"},
        {"content": [5]},
        {"content": [{"type": "text"}]},
        {"html": "<p>"},
        {"content": [{"type": "text", "text": 5}]},
    ],
)
def test_an_answer_without_a_message_is_no_answer(body: dict[str, Any]) -> None:
    with pytest.raises(ProviderUnusable):
        PROVIDER.parse_response(body, call())


@pytest.mark.parametrize(("reason", "expected"), [("end_turn", "stop"), ("brand_new", "stop"), (None, "stop")])
def test_a_reason_that_is_not_known_is_never_passed_on(reason: str | None, expected: str) -> None:
    body = {"id": "msg_1", "content": [{"type": "novelty"}, {"type": "text", "text": "x"}], "stop_reason": reason}

    answer = PROVIDER.parse_response(body, call())

    assert answer["choices"][0]["finish_reason"] == expected
    assert "usage" not in answer


@pytest.mark.parametrize(
    "data",
    [
        {"type": "content_block_delta"},
        {"type": "content_block_delta", "index": 0, "delta": None},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta"}},
        {"type": "message_start"},
        {"type": "message_delta", "delta": 5},
    ],
)
def test_a_broken_event_ends_the_stream_with_an_error(data: dict[str, Any]) -> None:
    with pytest.raises(ProviderUnusable):
        PROVIDER.stream_mapper(call()).feed(StreamEvent("", data))


@pytest.mark.parametrize("data", [{}, {"type": "ping"}, {"type": "novelty"}, {"type": None}])
def test_events_of_other_kinds_are_nothing(data: dict[str, Any]) -> None:
    assert PROVIDER.stream_mapper(call()).feed(StreamEvent("", data)) == []


def test_functions_are_streamed_as_a_function_call() -> None:
    mapper = PROVIDER.stream_mapper(call(functions=[{"name": "f"}]))
    events: list[dict[str, Any]] = [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "t", "name": "f"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
        {"type": "message_stop"},
    ]

    choices = [chunk["choices"][0] for event in events for chunk in mapper.feed(StreamEvent("", event))]

    assert [choice["delta"] for choice in choices] == [
        {"role": "assistant", "content": ""},
        {"function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": "{}"}},
        {},
    ]
    assert choices[-1]["finish_reason"] == mapper.finish_reason == "function_call"


def test_usage_is_known_before_the_stream_ends() -> None:
    mapper = PROVIDER.stream_mapper(call())

    mapper.feed(StreamEvent("", {"type": "message_start", "message": {"usage": {"input_tokens": 3}}}))

    assert mapper.usage == {
        "prompt_tokens": 3,
        "completion_tokens": 0,
        "total_tokens": 3,
        "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    }


@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"[1]", b"null", b'{"error": "x"}', b"\xff"])
def test_any_error_body_is_an_error_with_the_status(body: bytes) -> None:
    error = PROVIDER.parse_error(500, {}, body)

    assert isinstance(error, PromptsideError)
    assert (error.status, error.provider) == (500, "anthropic")


def test_a_text_delta_costs_less_than_eight_microseconds() -> None:
    mapper = PROVIDER.stream_mapper(call())
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}}
    event = StreamEvent("content_block_delta", delta)

    best = min(timeit.repeat(lambda: mapper.feed(event), number=200, repeat=20)) / 200

    assert best < 8e-6


def test_credentials_never_show_in_a_request() -> None:
    request = PROVIDER.build_request(call(), Credentials({"api_key": "sk-ant-canary"}))

    assert "canary" not in repr(request)

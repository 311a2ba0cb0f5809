from __future__ import annotations

import json
import timeit
from typing import Any

import pytest

from promptside.errors import InvalidRequest, ProviderUnusable
from promptside.providers.base import ProviderCall, SigV4, StreamEvent
from promptside.providers.bedrock import PROVIDER
from promptside.providers.fields import check_credentials

HELLO = [{"role": "user", "content": "Hello"}]
TOOL = {"type": "function", "function": {"name": "f"}}
CLAUDE_45 = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
CLAUDE_46 = "eu.anthropic.claude-opus-4-6-v1"
CLAUDE_47 = "eu.anthropic.claude-opus-4-7-v1:0"
NOVA = "eu.amazon.nova-pro-v1:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
REGION = {"aws_region": "eu-central-1"}


def call(model: str = CLAUDE_45, **parameters: Any) -> ProviderCall:
    return ProviderCall("chat", model, parameters, "c0ffee", 1795300000, messages=HELLO)


def built(model: str = CLAUDE_45, **parameters: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what the parameters add to the smallest body, and what was dropped."""
    request = PROVIDER.build_request(call(model, **parameters), REGION)
    body = json.loads(request.body)
    assert body.pop("messages") == [{"role": "user", "content": [{"text": "Hello"}]}]
    return body, request.dropped


@pytest.mark.parametrize(
    ("model", "parameters", "added", "dropped"),
    [
        (CLAUDE_45, {}, {}, ()),
        (CLAUDE_45, {"temperature": 1.5}, {"inferenceConfig": {"temperature": 1.5}}, ()),
        (CLAUDE_45, {"temperature": 1, "top_p": 0.5}, {"inferenceConfig": {"temperature": 1}}, ("top_p",)),
        (CLAUDE_47, {"temperature": 1, "top_p": 1, "top_k": 1}, {}, ("temperature", "top_p", "top_k")),
        (NOVA, {"top_k": 3}, {"additionalModelRequestFields": {"inferenceConfig": {"topK": 3}}}, ()),
        (LLAMA, {"top_k": 3, "reasoning_effort": "low"}, {}, ("reasoning_effort", "top_k")),
        ("openai.gpt-5.6", {"stop": "END"}, {}, ("stop",)),
        (
            "openai.gpt-oss-120b-1:0",
            {"reasoning_effort": "low"},
            {"additionalModelRequestFields": {"reasoning_effort": "low"}},
            (),
        ),
        (
            CLAUDE_45,
            {"reasoning_effort": "low", "max_tokens": 100, "temperature": 1},
            {
                "inferenceConfig": {"maxTokens": 1124},
                "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
            },
            ("temperature",),
        ),
        (
            CLAUDE_46,
            {"reasoning_effort": "max"},
            {
                "outputConfig": {"effort": "max"},
                "additionalModelRequestFields": {"thinking": {"type": "adaptive"}},
            },
            (),
        ),
        (LLAMA, {"novelty": 1}, {"additionalModelRequestFields": {"novelty": 1}}, ()),
        (
            CLAUDE_45,
            {"betas": ["b-1"], "additional_model_request_fields": {"top_k": 9}, "top_k": 1},
            {"additionalModelRequestFields": {"top_k": 9, "anthropic_beta": ["b-1"]}},
            (),
        ),
        (CLAUDE_45, {"service_tier": "auto", "user": "u"}, {"requestMetadata": {"user": "u"}}, ()),
        (CLAUDE_45, {"service_tier": "scale", "user": "ü"}, {}, ("user", "service_tier")),
        (
            CLAUDE_45,
            {"metadata": {"a": "x", "b": 1, "c": "y" * 257}},
            {"requestMetadata": {"a": "x"}},
            ("metadata",),
        ),
        (
            CLAUDE_45,
            {"guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1", "streamProcessingMode": "sync"}},
            {"guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"}},
            (),
        ),
        (CLAUDE_45, {"tools": [TOOL], "tool_choice": "none"}, {}, ()),
    ],
)
def test_parameters_go_where_the_family_reads_them(
    model: str, parameters: dict[str, Any], added: dict[str, Any], dropped: tuple[str, ...]
) -> None:
    assert built(model, **parameters) == (added, dropped)


def test_effort_is_capped_where_a_forced_tool_turns_thinking_off() -> None:
    body, dropped = built(CLAUDE_46, tools=[TOOL], tool_choice="required", reasoning_effort="max")

    assert body["outputConfig"] == {"effort": "high"}
    assert "additionalModelRequestFields" not in body
    assert dropped == ()


def test_one_call_at_a_time_says_its_type_only_without_a_tool_choice() -> None:
    body, _ = built(tools=[TOOL], parallel_tool_calls=False)

    assert body["additionalModelRequestFields"] == {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}


def test_a_named_tool_is_any_tool_where_it_is_the_only_one() -> None:
    body, _ = built("mistral.mistral-large-2407-v1:0", tools=[TOOL], tool_choice={"function": {"name": "f"}})

    assert body["toolConfig"]["toolChoice"] == {"any": {}}


def test_a_schema_that_points_to_itself_ends() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/N"}}}
    schema = {"type": "object", "properties": {"n": {"$ref": "#/$defs/N"}}, "$defs": {"N": node}}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}

    body, _ = built(NOVA, tools=[tool])

    assert body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"] == {
        "type": "object",
        "properties": {"n": {"type": "object", "properties": {"next": {}}}},
    }


def test_strict_tools_stay_strict_where_the_model_can() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}
    tool = {"type": "function", "function": {"name": "f", "strict": True, "parameters": schema}}

    body, dropped = built(CLAUDE_45, tools=[tool])

    assert dropped == ()
    assert body["toolConfig"]["tools"][0]["toolSpec"] == {
        "name": "f",
        "strict": True,
        "inputSchema": {
            "json": {
                "type": "object",
                "properties": {"n": {"type": "integer", "description": "(minimum: 1)"}},
                "additionalProperties": False,
            }
        },
    }


def test_at_most_four_cache_points_are_sent_and_the_last_ones_count() -> None:
    marked = [{"type": "text", "text": str(number), "cache_control": {"type": "ephemeral"}} for number in range(6)]
    given = ProviderCall("chat", CLAUDE_45, {}, "id", 0, messages=[{"role": "user", "content": marked}])

    request = PROVIDER.build_request(given, REGION)

    kinds = [next(iter(block)) for block in json.loads(request.body)["messages"][0]["content"]]
    assert kinds == ["text", "text", *["text", "cachePoint"] * 4]
    assert request.dropped == ("cache_control",)


def test_cache_markers_are_dropped_where_the_family_has_no_cache() -> None:
    message = {"role": "user", "content": "Hello", "cache_control": {"type": "ephemeral"}}
    given = ProviderCall("chat", LLAMA, {}, "id", 0, messages=[message])

    request = PROVIDER.build_request(given, REGION)

    assert json.loads(request.body) == {"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}
    assert request.dropped == ("cache_control",)


@pytest.mark.parametrize(
    ("model", "quoted"),
    [
        ("amazon.nova-lite-v1:0", "amazon.nova-lite-v1%3A0"),
        (
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-4-7-v1:0",
            "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.anthropic.claude-opus-4-7-v1%3A0",
        ),
        (
            "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/meta.llama3-8b",
            "arn%3Aaws-us-gov%3Abedrock%3Aus-gov-west-1%3A%3Afoundation-model%2Fmeta.llama3-8b",
        ),
    ],
)
def test_a_model_is_one_segment_of_the_path(model: str, quoted: str) -> None:
    request = PROVIDER.build_request(call(model), REGION)

    assert request.url == f"https://bedrock-runtime.eu-central-1.amazonaws.com/model/{quoted}/converse"


@pytest.mark.parametrize(
    "model",
    ["", "..", "../x", "a/b", "a%2fb", "a?b", "a#b", "a b", "a\r\nb", "a@b", "arn:aws:s3:::x/y", "m" * 300, "é"],
)
def test_a_model_that_would_change_the_path_is_refused(model: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        PROVIDER.build_request(call(model), REGION)

    assert (caught.value.param, caught.value.code) == ("model", "invalid_model")


@pytest.mark.parametrize(
    "region",
    ["", "evil.com/#", "us-east-1.evil.com", "us-east-1@x", "../x", "us-east-1\r\nx", "us-east-1%2f", "US-EAST-1", "x"],
)
def test_a_region_that_would_change_the_host_is_refused(region: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_credentials(PROVIDER, {"aws_region": region}, from_caller=True)

    assert caught.value.param == "x-portkey-aws-region"


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-gov-west-1", "bedrock-runtime.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "bedrock-runtime.cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1", "bedrock-runtime.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_every_partition_has_its_domain(region: str, host: str) -> None:
    credentials = check_credentials(PROVIDER, {"aws_region": region}, from_caller=True)

    assert PROVIDER.build_request(call(NOVA), credentials).url.startswith(f"https://{host}/model/")


def test_keys_come_in_pairs() -> None:
    with pytest.raises(InvalidRequest) as caught:
        PROVIDER.build_request(call(), {**REGION, "aws_access_key_id": "AKID"})

    assert caught.value.param == "aws_secret_access_key"


def test_without_keys_the_role_of_the_function_signs() -> None:
    assert PROVIDER.build_request(call(), REGION).signing == SigV4("bedrock", "eu-central-1")


@pytest.mark.parametrize(
    ("model", "parameters", "param"),
    [
        (NOVA, {"n": 3}, "n"),
        (NOVA, {"modalities": ["audio"]}, "modalities"),
        (NOVA, {"reasoning_effort": 5}, "reasoning_effort"),
        (NOVA, {"tools": [{"type": "web_search", "name": "x"}]}, "tools"),
        ("amazon.titan-text-express-v1", {"tools": [TOOL]}, "tools"),
        (LLAMA, {"tools": [TOOL], "tool_choice": {"function": {"name": "f"}}}, "tool_choice"),
        (NOVA, {"response_format": {"type": "json_schema", "json_schema": {}}}, "response_format"),
    ],
)
def test_what_would_change_the_answers_contract_is_refused(model: str, parameters: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        built(model, **parameters)

    assert caught.value.param == param


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ([{"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0x"}}], "wants a text part"),
        (["x", {"type": "file", "file": {"file_id": "f"}}], "has no uploaded files"),
        (["x", {"type": "file", "file": {"file_data": "data:application/zip;base64,UEsDBA=="}}], "these formats"),
        ([{"type": "image_url", "image_url": {"url": "s3://Bad_Bucket/a.png"}}], "s3:// addresses only"),
        ([{"type": "image_url", "image_url": {"url": "s3://bucket/a.tiff"}}], "must end in"),
    ],
)
def test_content_that_bedrock_cannot_take_is_refused(content: list[Any], problem: str) -> None:
    given = ProviderCall("chat", NOVA, {}, "id", 0, messages=[{"role": "user", "content": content}])

    with pytest.raises(InvalidRequest, match=problem):
        PROVIDER.build_request(given, REGION)


@pytest.mark.parametrize("body", [{}, {"output": {}}, {"output": {"message": {"content": 5}}}, {"message": "x"}])
def test_an_answer_without_a_message_is_no_answer(body: dict[str, Any]) -> None:
    with pytest.raises(ProviderUnusable):
        PROVIDER.parse_response(body, call())


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("content_filtered", "content_filter"),
        ("malformed_tool_use", "stop"),
        ("brand_new", "stop"),
        (None, "stop"),
    ],
)
def test_a_reason_is_one_of_openais(reason: str | None, expected: str) -> None:
    body = {"output": {"message": {"content": [{"text": "x"}]}}, "stopReason": reason}

    assert PROVIDER.parse_response(body, call())["choices"][0]["finish_reason"] == expected


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("contentBlockDelta", {}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": 5}),
        ("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": {}}}),
        ("messageStop", {"stopReason": "malformed_model_output"}),
    ],
)
def test_a_broken_event_ends_the_stream_with_an_error(name: str, data: dict[str, Any]) -> None:
    with pytest.raises(ProviderUnusable):
        PROVIDER.stream_mapper(call()).feed(StreamEvent(name, data))


def test_the_name_of_an_exception_may_stand_in_the_body() -> None:
    error = PROVIDER.parse_error(400, {}, b'{"__type":"com.amazon#ExpiredTokenException","message":"expired"}')

    assert (error.status, error.code, error.extra) == (401, "provider_auth", {"native_type": "ExpiredTokenException"})


@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"[1]", b"null", b"\xff"])
def test_any_error_body_is_an_error_with_the_status(body: bytes) -> None:
    error = PROVIDER.parse_error(502, {}, body)

    assert (error.status, error.code, error.provider) == (502, "provider_error", "bedrock")


def test_a_text_delta_costs_less_than_eight_microseconds() -> None:
    mapper = PROVIDER.stream_mapper(call())
    event = StreamEvent("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hello"}, "p": "abc"})

    best = min(timeit.repeat(lambda: mapper.feed(event), number=200, repeat=20)) / 200

    assert best < 8e-6

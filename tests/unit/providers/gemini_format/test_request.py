from __future__ import annotations

import json
from typing import Any

import pytest

from promptside.errors import InvalidRequest
from promptside.providers.base import ProviderCall, ProviderRequest
from promptside.providers.google import PROVIDER

Json = dict[str, Any]

USER = {"role": "user", "content": "Hello"}


def build(model: str = "gemini-2.5-flash", messages: list[Json] | None = None, **parameters: Any) -> ProviderRequest:
    call = ProviderCall("chat", model, parameters, "c0ffee", 1, messages=messages or [USER])
    return PROVIDER.build_request(call, {"api_key": "key-for-tests"})


def body_of(request: ProviderRequest) -> Json:
    body: Json = json.loads(request.body)
    return body


def config_of(request: ProviderRequest) -> Json:
    config: Json = body_of(request).get("generationConfig", {})
    return config


@pytest.mark.parametrize(
    ("model", "parameters", "expected"),
    [
        ("gemini-2.5-flash", {"reasoning_effort": "none"}, {"thinkingBudget": 0}),
        ("gemini-2.5-flash", {"reasoning_effort": "minimal"}, {"thinkingBudget": 512, "includeThoughts": True}),
        ("gemini-2.5-flash", {"reasoning_effort": "medium"}, {"thinkingBudget": 8192, "includeThoughts": True}),
        ("gemini-2.5-pro", {"reasoning_effort": "max"}, {"thinkingBudget": 32768, "includeThoughts": True}),
        ("gemini-2.5-pro", {"thinking": {"type": "disabled"}}, {"thinkingBudget": 128}),
        ("gemini-2.5-pro", {"thinking": {"type": "adaptive"}}, {"includeThoughts": True}),
        (
            "gemini-3.8-flash",
            {"thinking": {"type": "enabled", "budget_tokens": 4000}},
            {"thinkingLevel": "MEDIUM", "includeThoughts": True},
        ),
        (
            "gemini-3.8-flash",
            {"thinking": {"type": "enabled", "budget_tokens": 4000}, "reasoning_effort": "low"},
            {"thinkingLevel": "LOW", "includeThoughts": True},
        ),
        (
            "gemini-3.8-flash",
            {"thinking_config": {"thinkingBudget": 7}, "reasoning_effort": "low"},
            {"thinkingBudget": 7},
        ),
    ],
)
def test_reasoning_is_a_budget_or_a_level_but_never_both(model: str, parameters: Json, expected: Json) -> None:
    assert config_of(build(model, **parameters))["thinkingConfig"] == expected


@pytest.mark.parametrize("parameters", [{"reasoning_effort": "low"}, {"thinking": {"type": "enabled"}}])
def test_a_model_that_does_not_think_is_not_told_to(parameters: Json) -> None:
    request = build("gemini-2.0-flash", **parameters)

    assert (config_of(request), request.dropped) == ({}, tuple(parameters))


@pytest.mark.parametrize("value", ["huge", 3, ["low"]])
def test_an_effort_that_does_not_exist_is_refused(value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        build("gemini-3.8-flash", reasoning_effort=value)

    assert caught.value.param == "reasoning_effort"


def test_a_zero_is_a_value_and_not_an_absence() -> None:
    assert config_of(build(temperature=0, top_p=0, seed=0)) == {"temperature": 0, "topP": 0, "seed": 0}


def test_parameters_that_nobody_knows_are_passed_on_in_googles_spelling() -> None:
    body = body_of(build(response_modalities=["TEXT"], image_config={"aspectRatio": "1:1"}, some_new_field=1))

    assert body["generationConfig"] == {"responseModalities": ["TEXT"], "imageConfig": {"aspectRatio": "1:1"}}
    assert body["someNewField"] == 1


@pytest.mark.parametrize(
    ("tier", "expected", "dropped"),
    [("flex", "flex", ()), ("default", "standard", ()), ("auto", None, ()), ("scale", None, ("service_tier",))],
)
def test_the_service_tier_is_googles(tier: str, expected: str | None, dropped: tuple[str, ...]) -> None:
    request = build(service_tier=tier)

    assert (body_of(request).get("serviceTier"), request.dropped) == (expected, dropped)


def test_log_probabilities_are_asked_for_with_their_number() -> None:
    assert config_of(build(logprobs=True)) == {"responseLogprobs": True}
    assert config_of(build(logprobs=False)) == {}


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "google_search"},
        {"google_search": {}},
        {"googleSearch": {}},
        {"type": "function", "function": {"name": "google_search"}},
    ],
)
def test_googles_own_search_is_known_in_every_spelling(entry: Json) -> None:
    assert body_of(build(tools=[entry]))["tools"] == [{"googleSearch": {}}]


def test_a_real_function_with_the_name_of_a_tool_stays_a_function() -> None:
    schema = {"type": "object", "properties": {"q": {"type": "string"}}}
    tool = {"type": "function", "function": {"name": "google_search", "parameters": schema}}

    assert body_of(build(tools=[tool]))["tools"] == [
        {"functionDeclarations": [{"name": "google_search", "parametersJsonSchema": schema}]}
    ]


def test_a_tool_that_google_does_not_have_is_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        build(tools=[{"type": "bash_20250124", "name": "bash"}])

    assert caught.value.param == "tools"


def test_calls_are_never_asked_for_in_pieces() -> None:
    config = {"functionCallingConfig": {"mode": "VALIDATED", "streamFunctionCallArguments": True}}

    assert body_of(build(tool_config=config))["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}


def test_cache_markers_are_dropped_and_named_once() -> None:
    part = {"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral"}}
    request = build(messages=[{"role": "system", "content": [part]}, {"role": "user", "content": [part]}])

    assert request.dropped == ("cache_control",)
    assert "cache" not in request.body.decode()


def test_a_text_reaches_the_model_byte_for_byte() -> None:
    text = ' {"a": "\\"}\n\u2028\U0001f680 </s> {{x}} '

    assert body_of(build(messages=[{"role": "user", "content": text}]))["contents"][0]["parts"] == [{"text": text}]


def test_a_later_system_message_becomes_part_of_the_users_turn() -> None:
    messages = [USER, {"role": "assistant", "content": "Hi"}, {"role": "developer", "content": "Be brief."}, USER]

    assert body_of(build(messages=messages))["contents"][2:] == [
        {"role": "user", "parts": [{"text": "Be brief."}, {"text": "Hello"}]}
    ]


@pytest.mark.parametrize("url", ["http://example.com/a.pdf", "file:///etc/passwd", "ftp://a/b.pdf"])
def test_an_address_that_google_cannot_read_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        build(messages=[{"role": "user", "content": [{"type": "file", "file": {"file_data": url}}]}])

    assert caught.value.param == "messages[0].content[0].file"


@pytest.mark.parametrize(
    "model", ["", "a b", "gemini/../x", "gemini-3?key=1", "gemini-3#", "gemini%2f", "a:generate", "x" * 129, "é"]
)
def test_a_model_that_would_change_the_path_is_refused(model: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        build(model)

    assert caught.value.param == "model"


@pytest.mark.parametrize("model", ["gemini-3.8-flash", "models/gemini-3.8-flash", "google/gemini-3.8-flash"])
def test_prefixes_of_a_model_are_taken_off(model: str) -> None:
    assert build(model).url.endswith("/v1beta/models/gemini-3.8-flash:generateContent")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_json_does_not_have_is_refused(value: float) -> None:
    with pytest.raises(InvalidRequest):
        build(temperature=value)

"""Whole completions through Portkey's SDKs. The ids begin with the rows of the contract's conformance cases."""

from typing import Any

import pytest

from tests.clients.outcome import Sdk, run
from tests.clients.prompts import Conformance, make_prompt, user_message
from tests.clients.provider import CHAT, KEY, TEXT, USAGE, EchoProvider, completion
from tests.upstream import json_reply

STORED = {"model": "m1", "temperature": 0.5, "max_tokens": 100}
TOOLS = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}]


def hi(name: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": f"Hi {name}"}]}


def test_row_01_a_completion_is_the_providers_answer_and_the_provider_saw_the_prompt(
    sdk: Sdk, prompt: Conformance, provider: EchoProvider
) -> None:
    answer = run(sdk, prompt.slug, {"name": "Ann"})

    assert answer.result() == {**completion("Hi Ann"), "provider": "openai"}
    assert provider.sent() == {**STORED, **hi("Ann")}
    assert provider.requests[0].path == CHAT


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        pytest.param(None, "", id="02-no-variables"),
        pytest.param({}, "", id="02-empty-variables"),
        pytest.param({"name": ""}, "", id="surprise-1-an-empty-text-that-python-deletes"),
        pytest.param({"name": None}, "", id="04-null"),
        pytest.param({"name": "Ann", "unknown": "x", "other": {"a": [1]}}, "Ann", id="05-extra-variables"),
        pytest.param({"name": 7}, "7", id="number"),
        pytest.param({"name": True}, "true", id="boolean"),
        pytest.param({"name": "{{unknown}}"}, "{{unknown}}", id="a-tag-in-a-value-stays-text"),
    ],
)
def test_variables_may_be_missing_and_of_any_type(
    *, sdk: Sdk, prompt: Conformance, provider: EchoProvider, variables: dict[str, Any] | None, name: str
) -> None:
    answer = run(sdk, prompt.slug, variables)

    assert answer.content() == f"Hi {name}"
    assert provider.sent() == {**STORED, **hi(name)}


@pytest.mark.parametrize(
    ("override", "sent"),
    [
        pytest.param(
            {"max_tokens": 250, "presence_penalty": 0.2}, {"max_tokens": 250, "presence_penalty": 0.2}, id="16-numbers"
        ),
        pytest.param({"temperature": 0}, {"temperature": 0}, id="17-zero"),
        pytest.param({"model": "m2"}, {"model": "m2"}, id="18-model"),
        pytest.param(
            {"response_format": {"type": "json_object"}},
            {"response_format": {"type": "json_object"}},
            id="21-response_format",
        ),
        pytest.param({"tools": TOOLS, "tool_choice": "auto"}, {"tools": TOOLS, "tool_choice": "auto"}, id="21-tools"),
        pytest.param({"stop": ["END"], "seed": 7}, {"stop": ["END"], "seed": 7}, id="21-stop-and-seed"),
        pytest.param({"user": "u-1"}, {"user": "u-1"}, id="21-user"),
        pytest.param(
            {"messages": [{"role": "user", "content": "{{mine}}"}]},
            {"messages": [{"role": "user", "content": "{{mine}}"}]},
            id="3.3-messages",
        ),
        pytest.param({"timeout": 5}, {}, id="3.1-timeout-of-a-python-user"),
        pytest.param({"hyperparameters": {"top_p": 0.5}}, {"top_p": 0.5}, id="3.1-hyperparameters"),
    ],
)
def test_parameters_of_the_call_override_the_stored_ones(
    *, sdk: Sdk, prompt: Conformance, provider: EchoProvider, override: dict[str, Any], sent: dict[str, Any]
) -> None:
    run(sdk, prompt.slug, {"name": "Ann"}, **override).result()

    assert provider.sent() == {**STORED, **hi("Ann"), **sent}


def test_row_22_null_removes_a_stored_parameter(sdk: Sdk, prompt: Conformance, provider: EchoProvider) -> None:
    run(sdk, prompt.slug, {"name": "Ann"}, max_tokens=None).result()

    assert provider.sent() == {"model": "m1", "temperature": 0.5, **hi("Ann")}


def test_either_token_limit_removes_the_stored_other(sdk: Sdk, prompt: Conformance, provider: EchoProvider) -> None:
    run(sdk, prompt.slug, {"name": "Ann"}, max_completion_tokens=9).result()

    assert "max_tokens" not in provider.sent() or "max_completion_tokens" not in provider.sent()
    assert 9 in (provider.sent().get("max_tokens"), provider.sent().get("max_completion_tokens"))


@pytest.mark.parametrize("stream", [False, True])
def test_row_06_only_the_request_decides_about_streaming(
    sdk: Sdk, prompt: Conformance, provider: EchoProvider, stream: bool
) -> None:
    answer = run(sdk, prompt.slug, {"name": "Ann"}, stream=stream)

    assert answer.content() == "Hi Ann"
    assert bool(answer.chunks) is stream


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        pytest.param("@2", "Hello Ann", id="24-number"),
        pytest.param("@staging", "Hello Ann", id="24-label"),
        pytest.param("@latest", "Hey Ann", id="25-latest"),
        pytest.param("", "Hi Ann", id="26-published"),
        pytest.param("@published", "Hi Ann", id="3.2-published"),
        pytest.param("@default", "Hi Ann", id="3.2-default"),
        pytest.param("%40staging", "Hello Ann", id="29-escaped-label"),
        pytest.param("%402", "Hello Ann", id="29-escaped-number"),
    ],
)
def test_the_version_comes_after_the_at_sign(sdk: Sdk, prompt: Conformance, suffix: str, text: str) -> None:
    assert run(sdk, prompt.slug + suffix, {"name": "Ann"}).content() == text


def test_row_30_the_uuid_works_like_the_slug(sdk: Sdk, prompt: Conformance) -> None:
    assert run(sdk, prompt.id, {"name": "Ann"}).content() == "Hi Ann"
    assert run(sdk, f"{prompt.id}@staging", {"name": "Ann"}).content() == "Hello Ann"


def test_row_36_a_trace_id_is_echoed_and_may_come_again(sdk: Sdk, prompt: Conformance, provider: EchoProvider) -> None:
    traced = sdk.using(trace_id="one-for-all")

    answers = [run(traced, prompt.slug, {"name": name}) for name in ("Ann", "Bob")]

    assert [answer.content() for answer in answers] == ["Hi Ann", "Hi Bob"]
    assert [answer.headers["trace-id"] for answer in answers] == ["one-for-all", "one-for-all"]
    assert len(provider.requests) == 2


def test_the_sdks_show_the_documented_headers(sdk: Sdk, prompt: Conformance) -> None:
    headers = dict(run(sdk, prompt.slug, {"name": "Ann"}).headers)

    assert len(headers.pop("trace-id")) == 32
    assert headers == {
        "cache-status": "DISABLED",
        "last-used-option-index": "config",
        "provider": "openai",
        "retry-attempt-count": "0",
    }


def test_a_strict_client_gets_what_openai_would_send(sdk: Sdk, prompt: Conformance) -> None:
    strict = sdk.using(strict_open_ai_compliance=True)

    assert run(strict, prompt.slug, {"name": "Ann"}).result() == completion("Hi Ann")
    assert all("provider" not in chunk for chunk in run(strict, prompt.slug, {"name": "Ann"}, stream=True).chunks)


@pytest.mark.parametrize("options", [{}, {"provider": "openai"}], ids=["stored-provider", "named-provider"])
def test_row_34_the_placeholder_of_the_sdks_never_reaches_a_provider(
    sdk: Sdk, prompt: Conformance, provider: EchoProvider, options: dict[str, str]
) -> None:
    run(sdk.using(Authorization="OPENAI_API_KEY", **options), prompt.slug, {"name": "Ann"}).result()

    assert provider.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_the_caller_may_bring_a_provider_its_key_and_its_host(
    sdk: Sdk, prompt: Conformance, provider: EchoProvider
) -> None:
    provider.routes["/other/v1/chat/completions"] = json_reply(completion("From elsewhere"))
    client = sdk.using(provider="openai", Authorization="sk-callers-own", custom_host=f"{provider.url}/other/v1")

    assert run(client, prompt.slug, {"name": "Ann"}).content() == "From elsewhere"
    assert provider.requests[0].headers["authorization"] == "Bearer sk-callers-own"


def test_all_options_of_the_client_together_are_understood(
    sdk: Sdk, prompt: Conformance, provider: EchoProvider
) -> None:
    client = sdk.using(
        metadata={"_user": "u1", "team": "dev"},
        debug=False,
        cache_force_refresh=True,
        cache_namespace="ns",
        request_timeout=10_000,
        virtual_key="openai",
    )

    assert run(client, prompt.slug, {"name": "Ann"}).content() == "Hi Ann"


def test_row_42_a_tool_call_is_read_by_the_types_of_the_sdks(
    sdk: Sdk, prompt: Conformance, provider: EchoProvider
) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"city": "Rome"}'}}
    answer = completion("")
    answer["choices"][0] |= {
        "message": {"role": "assistant", "content": None, "tool_calls": [call]},
        "finish_reason": "tool_calls",
    }
    provider.answer(json_reply(answer))

    result = run(sdk, prompt.slug, {"name": "Ann"}, tools=TOOLS).result()

    assert result["choices"][0]["message"] == {"role": "assistant", "content": None, "tool_calls": [call]}
    assert result["choices"][0]["finish_reason"] == "tool_calls"
    assert (result["created"], result["usage"]) == (answer["created"], USAGE)


def test_a_text_prompt_is_answered_in_the_text_format(sdk: Sdk, provider: EchoProvider) -> None:
    slug = make_prompt(sdk, "Once upon a {{what}}", model="gpt-3.5-turbo-instruct")

    result = run(sdk, slug, {"what": "time"}, max_tokens=5).result()

    assert provider.requests[0].path == TEXT
    assert provider.sent() == {"model": "gpt-3.5-turbo-instruct", "prompt": "Once upon a time", "max_tokens": 5}
    assert (result["object"], result["choices"][0]["text"]) == ("text_completion", "Once upon a time")


def test_tools_of_the_version_reach_the_provider(sdk: Sdk, provider: EchoProvider) -> None:
    slug = make_prompt(
        sdk, user_message("Hi"), tools=TOOLS, tool_choice={"type": "function", "function": {"name": "look_up"}}
    )

    run(sdk, slug).result()

    assert provider.sent() == {
        "model": "m1",
        "messages": [{"role": "user", "content": "Hi"}],
        "tools": TOOLS,
        "tool_choice": {"type": "function", "function": {"name": "look_up"}},
    }

"""What is said about a call before it is made."""

from datetime import date
from typing import Any

import pytest

from promptside.advice import Planned, model_warnings, parameter_names, warnings_about
from promptside.providers.registry import MODULES, get_provider

TODAY = date(2026, 11, 23)


def warnings(provider: str, model: str, parameters: dict[str, Any], **options: Any) -> list[str]:
    planned = Planned(options.pop("kind", "chat"), model, parameters, options.pop("settings", {}))
    return warnings_about(get_provider(provider), planned, TODAY)


@pytest.mark.parametrize("provider", sorted(MODULES))
@pytest.mark.parametrize("kind", ["chat", "text"])
def test_every_provider_can_be_asked_without_credentials(provider: str, kind: str) -> None:
    parameters = {"temperature": 0.5, "logit_bias": {"1": 1}, "n": 2, "max_tokens": 5, "stop": ["x"], "seed": 7}

    found = warnings(provider, "some-model", parameters, kind=kind)

    assert all(isinstance(sentence, str) for sentence in found)
    assert not any("placeholder" in sentence or "the field" in sentence for sentence in found)


def test_what_is_refused_and_what_is_dropped_are_all_named() -> None:
    parameters = {"n": 3, "logit_bias": {"1": 1}, "frequency_penalty": 1, "max_tokens": 9}

    assert warnings("anthropic", "claude-haiku-5-5", parameters) == [
        "anthropic does not support 'n': it gives one answer per request; leave n at 1",
        "anthropic does not take 'logit_bias' with this model: it is left out",
        "anthropic does not take 'frequency_penalty' with this model: it is left out",
    ]


def test_a_text_prompt_for_a_chat_provider_is_noticed() -> None:
    assert warnings("anthropic", "claude-haiku-5-5", {}, kind="text") == [
        "anthropic has no text completions endpoint: store this prompt as a chat prompt"
    ]


def test_a_call_without_faults_has_no_warnings() -> None:
    assert warnings("openai", "gpt-5.1", {"max_tokens": 9, "strict_params": True, "stream": True}) == []


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        ("openai", "o1", ["openai has shut down the model 'o1' on 2026-10-23: choose its successor"]),
        ("openai", "gpt-4o-2024-08-06", ["openai will shut down the model 'gpt-4o-2024-08-06' on 2027-01-14"]),
        ("openai", "ft:gpt-4.1-mini:a::b", ["openai will shut down the model 'gpt-4.1-mini' on 2027-01-14"]),
        ("openai", "gpt-9", ["openai has no model 'gpt-9' that is known here: check its name"]),
        ("openai", "gpt-6-luna", []),
        ("openai", "gpt-4-0613", ["openai has shut down the model 'gpt-4-0613' on 2026-10-23: choose its successor"]),
        ("anthropic", "claude-sonnet-4-5", ["anthropic will shut down the model 'claude-sonnet-4-5' on 2026-11-30"]),
        (
            "anthropic", "claude-3-5-sonnet-20241022",
            ["anthropic no longer offers the model 'claude-3-5-sonnet-20241022': choose its successor"],
        ),
        ("anthropic", "claude-opus-5-5", []),
        ("google", "gemini-2.0-flash", ["google no longer offers the model 'gemini-2.0-flash': choose its successor"]),
        ("groq", "whatever", []),
        ("custom", "gpt-9", []),
    ],
)  # fmt: skip
def test_models_that_end_or_are_unknown_are_noticed(provider: str, model: str, expected: list[str]) -> None:
    assert model_warnings(provider, model, TODAY) == expected


def test_behind_a_host_of_ones_own_any_model_may_be() -> None:
    assert warnings("openai", "gpt-9", {}, settings={"custom_host": "https://llm.example.com/v1"}) == []


def test_the_last_day_is_over_when_it_has_come() -> None:
    day = date(2026, 12, 11)

    assert model_warnings("openai", "gpt-5", day)[0].startswith("openai has shut down")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "temprature",
            ["The parameter 'temprature' is not a known one and is sent as it is; did you mean 'temperature'?"],
        ),
        ("maxTokens", []),
        ("top_k", []),
        ("frobnicate", ["The parameter 'frobnicate' is not a known one and is sent as it is: check its spelling"]),
    ],
)
def test_a_slip_of_the_pen_is_noticed(name: str, expected: list[str]) -> None:
    assert parameter_names("openai", {name: 1}) == expected
    assert parameter_names("custom", {name: 1}) == []

from __future__ import annotations

from typing import Any

import pytest

from promptside.errors import ProviderError
from promptside.providers.openai_format.values import (
    arguments_text,
    content_text,
    created_seconds,
    finish_reason,
    name_reasoning,
    usage_counts,
)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1795300000, 1795300000),
        (1795300000.9, 1795300000),
        ("1795300000", 1795300000),
        (1795300000123, 1795300000),
        ("1795300000123.5", 1795300000),
        (0, 7),
        (-5, 7),
        ("yesterday", 7),
        (None, 7),
        ({}, 7),
        (float("nan"), 7),
        (float("inf"), 7),
    ],
)
def test_created_is_whole_seconds_whatever_the_host_sends(value: Any, seconds: int) -> None:
    assert created_seconds(value, 7) == seconds


@pytest.mark.parametrize(
    ("native", "ours"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_calls", "tool_calls"),
        ("function_call", "function_call"),
        ("content_filter", "content_filter"),
        ("eos", "stop"),
        ("eos_token", "stop"),
        ("stop_sequence", "stop"),
        ("end_turn", "stop"),
        ("COMPLETE", "stop"),
        ("model_length", "length"),
        ("MAX_TOKENS", "length"),
        ("STOP", "stop"),
        ("something_new", "stop"),
        ("", None),
        (None, None),
    ],
)
def test_a_native_finish_reason_has_one_word_of_openai(native: str | None, ours: str | None) -> None:
    assert finish_reason(native, "acme") == ours


@pytest.mark.parametrize("native", ["error", "abort", "cancelled", "ERROR"])
def test_a_failure_is_never_a_finish_reason(native: str) -> None:
    with pytest.raises(ProviderError) as caught:
        finish_reason(native, "acme")

    assert caught.value.provider == "acme"
    assert caught.value.status == 502


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
            {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        ),
        (
            {"prompt_tokens": "3", "completion_tokens": 2.0},
            {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        ),
        (
            {"prompt_tokens": 3, "total_tokens": 5, "total_time": 0.5},
            {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "total_time": 0.5},
        ),
        (
            {"completion_tokens": 2, "total_tokens": 5},
            {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        ),
        (
            {
                "prompt_tokens": 3,
                "completion_tokens": 2,
                "total_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 1.0, "audio_tokens": None},
            },
            {
                "prompt_tokens": 3,
                "completion_tokens": 2,
                "total_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 1, "audio_tokens": None},
            },
        ),
        ({"completion_tokens": 2}, None),
        ({"prompt_tokens": 9, "total_tokens": 5}, None),
        ({}, None),
        (None, None),
        ("12", None),
    ],
)
def test_usage_has_whole_counts_and_no_made_up_zero(given: Any, expected: Any) -> None:
    assert usage_counts(given) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [('{"a":1}', '{"a":1}'), ({"a": "ü"}, '{"a": "ü"}'), (None, "{}"), ("", ""), ([], "[]")],
)
def test_arguments_are_text(value: Any, text: str) -> None:
    assert arguments_text(value, missing="{}") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        ("", ""),
        (None, None),
        ([], None),
        ([{"type": "text", "text": "a"}, "b", {"type": "reference", "reference_ids": [1]}], "ab"),
        ({"answer": 1}, '{"answer": 1}'),
    ],
)
def test_content_is_one_text(value: Any, text: str | None) -> None:
    assert content_text(value) == text


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"reasoning": "a"}, {"reasoning": "a", "reasoning_content": "a"}),
        ({"reasoning": "a", "reasoning_content": "b"}, {"reasoning": "a", "reasoning_content": "b"}),
        ({"reasoning": {"effort": 1}}, {"reasoning": {"effort": 1}}),
        ({"content": "a"}, {"content": "a"}),
    ],
)
def test_reasoning_text_has_one_name(message: dict[str, Any], expected: dict[str, Any]) -> None:
    name_reasoning(message)

    assert message == expected

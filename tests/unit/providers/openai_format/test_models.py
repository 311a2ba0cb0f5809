from __future__ import annotations

from typing import Any

import pytest

from promptside.providers.openai_format.models import (
    base_name,
    dropped_parameters,
    needs_responses,
    renames_token_limit,
)

TOOLS = [{"type": "function", "function": {"name": "f"}}]


@pytest.mark.parametrize(
    ("model", "base"),
    [
        ("gpt-5-mini", "gpt-5-mini"),
        ("ft:gpt-5-mini:acme::x1", "gpt-5-mini"),
        ("openai/gpt-5-mini", "gpt-5-mini"),
        ("qwen3:8b", "qwen3"),
    ],
)
def test_the_table_is_about_base_names(model: str, base: str) -> None:
    assert base_name(model) == base


@pytest.mark.parametrize(
    ("model", "renamed"),
    [("gpt-4.1", False), ("gpt-4o", False), ("o1", True), ("o4-mini", True), ("gpt-5", True), ("gpt-6.1-sol", True)],
)
def test_newer_models_take_the_newer_token_limit(model: str, *, renamed: bool) -> None:
    assert renames_token_limit(model) is renamed


@pytest.mark.parametrize(
    ("model", "parameters", "dropped"),
    [
        ("gpt-4.1", {"temperature": 0.2, "stop": "a", "logit_bias": {}}, []),
        ("o3-mini", {"temperature": 0.2, "top_p": 0.1, "stop": "a"}, ["temperature", "top_p", "stop"]),
        ("o1", {"stop": "a", "presence_penalty": 1}, ["presence_penalty"]),
        ("gpt-5", {"temperature": 1, "top_p": 1}, []),
        ("gpt-5.2", {"temperature": 0.2}, []),
        ("gpt-5.2", {"temperature": 0.2, "reasoning_effort": "high"}, ["temperature"]),
        ("gpt-5.6-terra", {"temperature": 0.2, "logprobs": True}, ["temperature", "logprobs"]),
        ("gpt-5.6-terra", {"temperature": 0.2, "reasoning_effort": "none"}, []),
        ("gpt-6.1-sol", {"temperature": 0.2, "reasoning_effort": "none"}, ["temperature"]),
        ("gpt-5-chat-latest", {"temperature": 0.2}, []),
        ("gpt-4o-search-preview", {"temperature": 0.2, "n": 1}, ["temperature"]),
        ("some-alias", {"temperature": 0.2, "stop": "a"}, []),
    ],
)
def test_what_a_model_refuses_is_dropped(model: str, parameters: dict[str, Any], dropped: list[str]) -> None:
    assert dropped_parameters(model, parameters) == dropped


@pytest.mark.parametrize(
    ("model", "parameters", "needed"),
    [
        ("gpt-4.1", {"tools": TOOLS}, False),
        ("gpt-5", {"tools": TOOLS, "reasoning_effort": "high"}, False),
        ("gpt-5.4", {"tools": TOOLS}, False),
        ("gpt-5.4", {"tools": TOOLS, "reasoning_effort": "low"}, True),
        ("gpt-5.6-luna", {"tools": TOOLS}, True),
        ("gpt-5.6-luna", {"tools": TOOLS, "reasoning_effort": "none"}, False),
        ("gpt-5.6-luna", {"tools": []}, False),
        ("gpt-5.6-luna", {}, False),
        ("gpt-6-astra", {"tools": TOOLS, "reasoning_effort": "none"}, True),
        ("gpt-5-pro", {}, True),
        ("o3-deep-research-2025-06-26", {}, True),
        ("codex-mini-latest", {}, True),
    ],
)
def test_the_responses_wire_is_used_where_chat_fails(model: str, parameters: dict[str, Any], *, needed: bool) -> None:
    assert needs_responses(model, parameters) is needed

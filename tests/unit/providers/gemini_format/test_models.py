from __future__ import annotations

import pytest

from promptside.providers.base import ProviderCall
from promptside.providers.gemini_format.models import UNKNOWN, GeminiModel, gemini_model


def known(model: str, **settings: str) -> GeminiModel:
    return gemini_model(ProviderCall("chat", model, {}, "c0ffee", 1, messages=[], settings=settings))


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gemini-2.0-flash", ("no", True, True, False)),
        ("gemini-2.5-flash", ("budget", True, True, False)),
        ("gemini-2.5-flash-lite-preview-09-2025", ("budget", True, True, False)),
        ("gemini-2.5-pro", ("budget", True, True, False)),
        ("gemini-2.5-flash-image", ("no", True, True, False)),
        ("gemini-3-pro-preview", ("level", True, False, True)),
        ("gemini-3-flash-preview", ("level", True, False, True)),
        ("gemini-3-pro-image-preview", ("no", True, False, True)),
        ("gemini-3.1-flash-lite", ("level", True, False, True)),
        ("gemini-3.5-flash", ("level", True, False, True)),
        ("gemini-3.5-flash-lite", ("level", False, False, True)),
        ("gemini-3.6-flash", ("level", False, False, True)),
        ("gemini-3.10-flash", ("level", False, False, True)),
        ("gemini-4-argon", ("level", False, False, True)),
        ("gemini-flash-latest", ("level", False, False, True)),
        ("gemma-4-31b-it", ("no", True, True, False)),
    ],
)
def test_thinking_sampling_penalties_and_call_ids_follow_from_the_version(model: str, expected: object) -> None:
    row = known(model)

    assert (row.thinking, row.sampling, row.penalties, row.tracks_calls) == expected


@pytest.mark.parametrize(
    ("model", "effort", "level"),
    [
        ("gemini-3-pro-preview", "none", "LOW"),
        ("gemini-3-pro-preview", "medium", "HIGH"),
        ("gemini-3.1-pro-preview", "medium", "MEDIUM"),
        ("gemini-3-flash-preview", "none", "MINIMAL"),
        ("gemini-3.8-flash", "minimal", "MINIMAL"),
        ("gemini-4-argon", "minimal", "LOW"),
        ("gemini-3.8-flash", "xhigh", "HIGH"),
    ],
)
def test_an_effort_becomes_the_nearest_level_that_the_model_has(model: str, effort: str, level: str) -> None:
    assert known(model).levels[effort] == level


@pytest.mark.parametrize(("model", "budget"), [("gemini-2.5-flash", 0), ("gemini-2.5-pro", 128)])
def test_no_thinking_is_the_least_budget_that_the_model_takes(model: str, budget: int) -> None:
    assert known(model).budgets["none"] == budget


def test_a_name_without_a_version_leaves_the_decision_to_the_provider() -> None:
    assert known("4611686018427387904") == UNKNOWN


def test_a_base_model_speaks_for_a_name_that_does_not_tell() -> None:
    assert known("4611686018427387904", base_model="gemini-3.8-flash") == known("gemini-3.8-flash")


def test_only_gemma_3_has_no_system_instruction() -> None:
    assert [known(model).system for model in ("gemma-3-27b-it", "gemma-4-31b-it", "gemini-2.5-pro")] == [
        False,
        True,
        True,
    ]

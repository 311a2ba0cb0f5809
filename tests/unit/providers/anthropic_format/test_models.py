from __future__ import annotations

import pytest

from promptside.providers.anthropic_format.models import UNKNOWN, claude_model


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("claude-3-haiku-20240307", ("all", "no", True, True)),
        ("claude-3-7-sonnet-latest", ("all", "budget", True, True)),
        ("claude-sonnet-4-20250514", ("one", "budget", True, True)),
        ("claude-haiku-4-5", ("one", "budget", True, True)),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", ("one", "budget", True, True)),
        ("claude-sonnet-4-5@20250929", ("one", "budget", True, True)),
        ("claude-opus-4-6", ("one", "both", False, True)),
        ("claude-opus-4-7", ("none", "adaptive", False, True)),
        ("claude-opus-5", ("none", "adaptive", False, True)),
        ("claude-mythos-preview", ("none", "adaptive", False, True)),
        ("claude-haiku-5-5", ("none", "adaptive", False, True)),
        ("claude-sonnet-5-5", ("none", "adaptive", False, False)),
        ("claude-fable-5", ("none", "adaptive", False, True)),
        ("claude-fable-5-2", ("none", "adaptive", False, False)),
        ("claude-opus-7-1-20270101", ("none", "adaptive", False, False)),
    ],
)
def test_sampling_thinking_prefill_and_forced_tools_follow_from_the_version(model: str, expected: object) -> None:
    known = claude_model(model)

    assert (known.sampling, known.thinking, known.prefill, known.forced_tools) == expected


def test_a_name_without_a_version_takes_everything() -> None:
    assert claude_model("our-favourite") == UNKNOWN


def test_a_base_model_speaks_for_a_name_that_does_not_tell() -> None:
    assert claude_model("our-favourite", override="claude-opus-4-7") == claude_model("claude-opus-4-7")

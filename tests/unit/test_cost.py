"""The estimate of tokens by its rule."""

from typing import Any

import pytest

from promptside.cost import estimated_tokens


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        ({}, 3),
        ({"prompt": "abcde"}, 5),
        ({"prompt": ["abcd", "abcd"]}, 5),
        ({"messages": [{"role": "user", "content": "abcd"}]}, 8),
        ({"messages": [{"role": "user", "content": "日本語"}]}, 10),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "abcd"}, {"type": "file"}]}]}, 8),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "text": "x" * 99}]}]}, 7),
        ({"messages": [{"role": "assistant", "content": None, "tool_calls": [1]}]}, 8),
        ({"prompt": "", "tools": [1, 2]}, 5),
    ],
)  # fmt: skip
def test_a_token_is_four_ascii_characters_or_one_other(body: dict[str, Any], tokens: int) -> None:
    assert estimated_tokens(body) == tokens

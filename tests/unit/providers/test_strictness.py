from __future__ import annotations

import copy
from typing import Any

from promptside.providers.strictness import strip_chunks, strip_extras


def test_only_keys_of_openai_are_left() -> None:
    body: dict[str, Any] = {
        "id": "a",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "provider": "acme",
        "citations": [],
        "service_tier": "on_demand",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "a",
                    "reasoning_content": "hm",
                    "tool_calls": [{"id": "b", "type": "function", "function": {"name": "f"}, "extra": 1}],
                },
                "finish_reason": "stop",
                "native_finish_reason": "eos",
                "logprobs": None,
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2, "cost": 1},
    }
    before = copy.deepcopy(body)

    stripped = strip_extras(body)

    assert stripped == {
        "id": "a",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "a",
                    "tool_calls": [{"id": "b", "type": "function", "function": {"name": "f"}}],
                },
                "finish_reason": "stop",
                "logprobs": None,
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
    assert body == before


def test_chunks_keep_their_delta_usage_and_known_tier() -> None:
    choice = {"index": 0, "delta": {"content": "a", "reasoning": "b"}, "finish_reason": None, "x": 1}
    chunk: dict[str, Any] = {"id": "a", "choices": [choice], "usage": None, "service_tier": "flex", "x_groq": {}}

    assert strip_extras(chunk) == {
        "id": "a",
        "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}],
        "usage": None,
        "service_tier": "flex",
    }


def test_a_chunk_of_nothing_but_extras_is_left_out() -> None:
    piece: dict[str, Any] = {"id": "a", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    late: dict[str, Any] = {"id": "a", "choices": [], "late_choices": [{"index": 0, "content_filter_results": {}}]}
    usage: dict[str, Any] = {"id": "a", "choices": [], "usage": {"total_tokens": 1}}

    assert strip_chunks([piece, late, usage]) == [piece, usage]

"""OpenAI's chat completion JSON, as far as we build it (openai 3.54 types, read 2026-11-22).

Answers are plain dicts: a provider's extra keys stay where they stood, so these types name only what is always there.
"""

from __future__ import annotations

from typing import Any, TypedDict

JsonObject = dict[str, Any]
Message = JsonObject
"""`{"role": "user", "content": "text" | [{"type": "text", "text": ...}, ...] | null, "tool_calls"?: [...]}`"""

FINISH_REASONS: frozenset[str] = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})


class PromptTokensDetails(TypedDict, total=False):
    """Parts of `prompt_tokens`."""

    cached_tokens: int
    cache_write_tokens: int
    audio_tokens: int


class CompletionTokensDetails(TypedDict, total=False):
    """Parts of `completion_tokens`."""

    reasoning_tokens: int
    audio_tokens: int


class _Usage(TypedDict):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Usage(_Usage, total=False):
    """Token counts; `prompt_tokens` includes cached ones, `completion_tokens` includes reasoning."""

    prompt_tokens_details: PromptTokensDetails
    completion_tokens_details: CompletionTokensDetails


Completion = JsonObject
"""`{"id", "object": "chat.completion" | "text_completion", "created": seconds, "model", "choices", "usage"?}`"""

Chunk = JsonObject
"""`{"id", "object": "chat.completion.chunk" | "text_completion", "created", "model", "choices", "usage"?}`"""

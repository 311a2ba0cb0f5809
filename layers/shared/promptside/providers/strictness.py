"""Keeps only OpenAI's own keys, for callers that validate (`x-portkey-strict-open-ai-compliance: true`).

The keys are those of the openai 3.54.0 types for completions and chunks, read 2026-11-22.
"""

from __future__ import annotations

from promptside.errors import JsonObject
from promptside.schema.chat import Chunk

_TOP = frozenset(
    {
        "id",
        "object",
        "created",
        "model",
        "choices",
        "usage",
        "service_tier",
        "system_fingerprint",
        "metadata",
        "moderation",
        "obfuscation",
    }
)
_CHOICE = frozenset({"index", "message", "delta", "text", "finish_reason", "logprobs"})
_MESSAGE = frozenset({"role", "content", "refusal", "annotations", "audio", "function_call", "tool_calls"})
_TOOL_CALL = frozenset({"index", "id", "type", "function", "custom"})
_USAGE = frozenset(
    {"prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "completion_tokens_details"}
)
_SERVICE_TIERS = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})


def strip_extras(body: JsonObject) -> JsonObject:
    """Return the completion or chunk without what OpenAI does not have; the argument is not changed."""
    kept = _only(body, _TOP)
    kept["choices"] = [_choice(choice) for choice in body["choices"]]
    if isinstance(kept.get("usage"), dict):
        kept["usage"] = _only(kept["usage"], _USAGE)
    if kept.get("service_tier") not in _SERVICE_TIERS:
        kept.pop("service_tier", None)
    return kept


def strip_chunks(chunks: list[Chunk]) -> list[Chunk]:
    """Return the chunks without extras, and without those that consisted of nothing else."""
    stripped = [strip_extras(chunk) for chunk in chunks]
    return [chunk for chunk in stripped if chunk["choices"] or chunk.get("usage") or chunk.get("moderation")]


def _choice(choice: JsonObject) -> JsonObject:
    kept = _only(choice, _CHOICE)
    for name in ("message", "delta"):
        if isinstance(kept.get(name), dict):
            kept[name] = _message(kept[name])
    return kept


def _message(message: JsonObject) -> JsonObject:
    kept = _only(message, _MESSAGE)
    if kept.get("tool_calls"):
        kept["tool_calls"] = [_only(call, _TOOL_CALL) for call in kept["tool_calls"]]
    return kept


def _only(value: JsonObject, names: frozenset[str]) -> JsonObject:
    return {name: item for name, item in value.items() if name in names}

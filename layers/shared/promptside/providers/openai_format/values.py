"""The small values of OpenAI-shaped answers: times, finish reasons, token counts, arguments, content.

Providers send them in many types; the callers' SDKs take one. Observed forms are in the wire fixtures.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

from promptside.errors import JsonObject, ProviderError
from promptside.schema.chat import FINISH_REASONS, Usage

NATIVE_FINISH_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "complete": "stop",
        "end_turn": "stop",
        "eos": "stop",
        "eos_token": "stop",
        "stop_sequence": "stop",
        "model_length": "length",
        "max_tokens": "length",
        "max_output_tokens": "length",
        "tool_use": "tool_calls",
        "safety": "content_filter",
    }
)
"""What providers say instead of OpenAI's words, in lower case; an unknown word means `stop`."""

FAILURES = frozenset({"error", "abort", "cancelled"})
"""Finish reasons that are no end of an answer."""

_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
# The first day that is later in seconds than 1975 is in milliseconds.
_FIRST_MILLISECONDS = 100_000_000_000


def text_or(value: Any, default: str) -> str:
    """Return an id or a name as text; `default` when there is none."""
    if isinstance(value, str) and value:
        return value
    return str(value) if type(value) is int else default


def objects(value: Any) -> list[JsonObject]:
    """Return the objects of a list; nothing for what is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def created_seconds(value: Any, default: int) -> int:
    """Return unix seconds, also from text, a float or milliseconds; `default` when there is no time in it."""
    if type(value) is int and 0 < value < _FIRST_MILLISECONDS:
        return value
    try:
        seconds = int(float(value))
    except (TypeError, ValueError, OverflowError):
        return default
    if seconds >= _FIRST_MILLISECONDS:
        seconds //= 1000
    return seconds if seconds > 0 else default


def finish_reason(native: Any, provider: str) -> str | None:
    """Return OpenAI's word for a native reason, None for none. Raises ProviderError for one that is a failure."""
    if not isinstance(native, str) or not native:
        return None
    if native in FINISH_REASONS:
        return native
    word = native.lower()
    if word in FAILURES:
        raise ProviderError(
            f"{provider} error: the provider ended its answer with finish_reason '{word}'", provider=provider
        )
    return word if word in FINISH_REASONS else NATIVE_FINISH_REASONS.get(word, "stop")


def usage_counts(value: Any) -> Usage | None:
    """Return the usage with integer counts and everything else it had, or None unless all three counts are known.

    A third count that is missing follows from the other two. No zero is made up for an unknown count.
    """
    if not isinstance(value, dict):
        return None
    usage: JsonObject = {name: item for name, item in value.items() if name not in _COUNTS}
    prompt, completion, total = (_count(value.get(name)) for name in _COUNTS)
    if prompt is not None and completion is not None:
        total = prompt + completion if total is None else total
    elif prompt is not None and total is not None:
        completion = total - prompt
    elif completion is not None and total is not None:
        prompt = total - completion
    if prompt is None or completion is None or total is None or min(prompt, completion) < 0:
        return None
    for name in ("prompt_tokens_details", "completion_tokens_details"):
        if isinstance(usage.get(name), dict):
            usage[name] = {key: _whole(item) for key, item in usage[name].items()}
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}
    return cast("Usage", {**counts, **usage})


def arguments_text(value: Any, *, missing: str) -> str:
    """Return tool-call arguments as JSON text; some providers send the object itself."""
    if isinstance(value, str):
        return value
    return missing if value is None else json.dumps(value, ensure_ascii=False)


def content_text(value: Any) -> str | None:
    """Return message content as one text, or None; of a list of parts, the texts are joined."""
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    texts = [part if isinstance(part, str) else part.get("text") for part in value if isinstance(part, str | dict)]
    joined = "".join(text for text in texts if isinstance(text, str))
    return joined or None


def name_reasoning(message: JsonObject) -> None:
    """Give reasoning text its one name, `reasoning_content`, and keep it under the provider's own too."""
    reasoning = message.get("reasoning")
    if isinstance(reasoning, str) and message.get("reasoning_content") is None:
        message["reasoning_content"] = reasoning


def _count(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else None


def _whole(value: Any) -> Any:
    count = _count(value)
    return value if count is None else count

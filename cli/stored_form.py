"""The two forms of a message list: the items of a file, and the text that is stored.

    [{"role": "system", "content": "..."}, "{{chat_history}}"]     items; a bare placeholder is a text
    [{"role": "system", "content": "..."}, {{chat_history}}]       the stored text, one message a line

The stored text is what calls compile.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

# A JSON string, or a tag that stands outside of one.
_STRING_OR_TAG = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|\{\{\{.*?\}\}\}|\{\{.*?\}\}', re.DOTALL)
_MARK = "\x00"
_MARK_ESCAPED = "\\u0000"


def join_messages(items: Sequence[Any]) -> str:
    """Return the stored text: one message a line, placeholders in it as they are."""
    texts = [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in items]
    return "[\n  " + ",\n  ".join(texts) + "\n]"


def split_messages(text: str) -> list[Any] | None:
    """Return the items of a stored text, or None for one that only its own text can stand for.

    None is for placeholders elsewhere than among the messages, for sections around messages, and for what is no list of
    messages at all.
    """
    if _MARK_ESCAPED in text:
        # It would look like a held tag.
        return None
    tags: list[str] = []

    def hold(match: re.Match[str]) -> str:
        if match[0].startswith('"'):
            return match[0]
        tags.append(match[0])
        return json.dumps(f"{_MARK}{len(tags) - 1}")

    try:
        items = json.loads(_STRING_OR_TAG.sub(hold, text))
    except (ValueError, RecursionError):
        return None
    if not isinstance(items, list) or not items:
        return None
    restored = [_restored(item, tags) for item in items]
    if not all(is_item(item) for item in restored) or _held(restored):
        return None
    return restored


def is_item(item: Any) -> bool:
    """Tell whether an entry of `messages` is a message with a role, or a placeholder such as `{{chat_history}}`."""
    if isinstance(item, str):
        return item.startswith("{{") and item.endswith("}}")
    return isinstance(item, dict) and isinstance(item.get("role"), str)


def _restored(item: Any, tags: list[str]) -> Any:
    if isinstance(item, str) and item.startswith(_MARK):
        return tags[int(item[1:])]
    return item


def _held(value: Any) -> bool:
    """Tell whether a tag stood deeper than among the messages."""
    if isinstance(value, dict):
        return any(_held(item) for item in (*value, *value.values()))
    if isinstance(value, list):
        return any(_held(item) for item in value)
    return isinstance(value, str) and value.startswith(_MARK)

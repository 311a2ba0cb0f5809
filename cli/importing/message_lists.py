"""Finds the texts in messages, and puts others in their places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from promptside.schema.prompt import JsonObject

Item = JsonObject | str
"""A message, or a bare placeholder: `{{chat_history}}`."""


def texts_of(content: Any) -> Iterator[str]:
    """Yield every text inside of decoded JSON, keys left out."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for value in content.values():
            yield from texts_of(value)
    elif isinstance(content, list):
        for value in content:
            yield from texts_of(value)


def simple_content(parts: list[JsonObject]) -> str | list[JsonObject]:
    """Return the text alone where the content is one text and nothing else."""
    if len(parts) == 1 and parts[0].keys() == {"type", "text"} and parts[0]["type"] == "text":
        return str(parts[0]["text"])
    return parts


def with_text(item: Item, texts: Iterable[str]) -> Item:
    """Return a message with its texts replaced in order; roles and other fields stay."""
    if isinstance(item, str):
        return item
    waiting = iter(texts)
    content = item.get("content")
    if isinstance(content, str):
        return {**item, "content": next(waiting)}
    if isinstance(content, list):
        parts = [{**part, "text": next(waiting)} if _has_text(part) else part for part in content]
        return {**item, "content": parts}
    return item


def content_texts(item: Item) -> list[str]:
    """Return the texts that `with_text` replaces."""
    content = item.get("content") if isinstance(item, dict) else None
    if isinstance(content, str):
        return [content]
    return [part["text"] for part in content if _has_text(part)] if isinstance(content, list) else []


def _has_text(part: Any) -> bool:
    return isinstance(part, dict) and isinstance(part.get("text"), str)

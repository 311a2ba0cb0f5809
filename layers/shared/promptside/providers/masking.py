"""Makes a provider's error text fit to be shown: no keys, no markup, not too long."""

from __future__ import annotations

import re
from typing import Any

from promptside.errors import JsonObject

TEXT_CHARACTERS = 500

# Keys by the prefixes that providers give them. OpenAI repeats part of a refused key in its message.
_KEYS = re.compile(
    r"\b((?:sk|pk|rk|xai|nvapi|pplx|gsk|hf|fw|tgp)[-_]|AIza|AKIA|ASIA|ABSK|eyJ|ya29\.|[Bb]earer\s+)[\w\-.*+/=]{8,}"
)
_TAG = re.compile(r"<[^<>]*>")
_INVISIBLE = (("<!--", "-->"), ("<script", "</script>"), ("<style", "</style>"))
_TITLE = ("<title", "</title>")
_LONGEST_HTML = 100_000


def mask_secrets(text: str) -> str:
    """Replace everything that looks like a key, keeping its prefix."""
    return _KEYS.sub(r"\1***", text)


def mask_values(value: JsonObject) -> JsonObject:
    """Return a copy in which every text has its keys masked."""
    return {name: _masked(item) for name, item in value.items()}


def plain_text(text: str) -> str:
    """Return the first characters of a text or HTML page as one line."""
    page = text[:_LONGEST_HTML]
    if page.lstrip().startswith("<"):
        # Imported here: its table of entities is only needed for the pages of a broken edge.
        import html

        for start, end in _INVISIBLE:
            page, _ = _cut(page, start, end)
        rest, titles = _cut(page, *_TITLE)
        page = html.unescape(_TAG.sub(" ", rest))
        page = page if page.strip() else html.unescape(_TAG.sub(" ", titles))
    return " ".join(page.split())[:TEXT_CHARACTERS]


def _cut(page: str, start: str, end: str) -> tuple[str, str]:
    """Return the page without what stands between the marks, and what stood there; in linear time, as no regex is."""
    lower = page.lower()
    kept: list[str] = []
    removed: list[str] = []
    position = 0
    while (found := lower.find(start, position)) >= 0:
        kept.append(page[position:found])
        closed = lower.find(end, found)
        position = len(page) if closed < 0 else closed + len(end)
        removed.append(page[found:position])
    return " ".join([*kept, page[position:]]), " ".join(removed)


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask_secrets(value)
    if isinstance(value, dict):
        return mask_values(value)
    if isinstance(value, list):
        return [_masked(item) for item in value]
    return value

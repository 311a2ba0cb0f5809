"""Makes a provider's error text fit to be shown: no keys, no markup, not too long."""

from __future__ import annotations

import html
import re
from typing import Any

from promptside.errors import JsonObject

TEXT_CHARACTERS = 500

# Keys by the prefixes that providers give them. OpenAI repeats part of a refused key in its message.
_KEYS = re.compile(
    r"\b((?:sk|pk|rk|xai|nvapi|pplx|gsk|hf|fw|tgp)[-_]|AIza|AKIA|ASIA|ABSK|eyJ|ya29\.|[Bb]earer\s+)[\w\-.*+/=]{8,}"
)
_INVISIBLE = re.compile(r"<(script|style|head)\b.*?</\1\s*>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.DOTALL | re.IGNORECASE)
_TAGS = re.compile(r"<[^>]*>")
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
        title = _TITLE.search(page)
        body = _TAGS.sub(" ", _INVISIBLE.sub(" ", page))
        page = html.unescape(body if body.strip() or title is None else title.group(1))
    return " ".join(page.split())[:TEXT_CHARACTERS]


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask_secrets(value)
    if isinstance(value, dict):
        return mask_values(value)
    if isinstance(value, list):
        return [_masked(item) for item in value]
    return value

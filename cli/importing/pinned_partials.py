"""Gives every version of a snippet that prompts refer to a slug of its own, because imports start to count anew.

`{{>tone@3}}` means version 3 of the source; here that text becomes the partial `tone-v3`, for as long as it is pinned.
"""

from __future__ import annotations

import re
from collections.abc import Callable

Replace = Callable[[str], str]
"""Takes what stands in the tag and returns the slug of the partial."""

_LINE_BEFORE = re.compile(r"(?:^|\n)([ \t]*)\Z")
_LINE_AFTER = re.compile(r"[ \t]*(\r?\n|\Z)")
_REFERENCE = re.compile(r"(\{\{\s*>\s*)([^\s{}@>]+)@(\d+)(\s*\}\})")


def pinned_slug(slug: str, selector: str) -> str:
    """Return the slug for one version or label: `tone-v3`, `tone-staging`."""
    return f"{slug}-v{selector}" if selector.isdigit() else f"{slug}-{selector}"


def replace_pins(text: str, choose: Callable[[str, str], str]) -> str:
    """Return the template with `{{>slug@5}}` as `{{>...}}`, where `choose` gives the reference for slug and version."""
    return _REFERENCE.sub(lambda match: f"{match[1]}{choose(match[2], match[3])}{match[4]}", text)


def pins(text: str) -> list[tuple[str, str]]:
    """Return slug and version of all `{{>slug@5}}`."""
    return [(match[2], match[3]) for match in _REFERENCE.finditer(text)]


def insert_partials(text: str, pattern: re.Pattern[str], slug_for: Replace) -> str:
    """Return the text with everything that matches as a partial's tag, so that exactly its text comes in there.

    A partial that has a line to itself takes the line's end away and indents every line of its own, by the rules of
    Mustache; a comment behind the tag keeps it from having the line to itself. `pattern` has the reference as group 1.
    """

    def tag(match: re.Match[str]) -> str:
        before = _LINE_BEFORE.search(text[: match.start()])
        after = _LINE_AFTER.match(text, match.end())
        alone = before is not None and after is not None
        exact = alone and before is not None and after is not None and not before[1] and not after[1]
        return f"{{{{>{slug_for(match[1])}}}}}" + ("{{! }}" if alone and not exact else "")

    return pattern.sub(tag, text)

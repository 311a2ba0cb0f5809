"""Finds braces that other template languages read differently: they would be wrong here without any error."""

from __future__ import annotations

import re
from collections.abc import Iterator

MOST_SHOWN = 5

_SINGLE = re.compile(r"(?<![{$\\])\{([A-Za-z_][A-Za-z0-9_.]*)(?:![rsa])?(?::[^{}\s\"']*)?\}(?!\})")
_TAG = re.compile(r"\{\{(?!\{)\s*(?P<sigil>>>|[#^/>!=&])?\s*(?P<name>[^{}]*?)\s*\}\}")
_NAME = re.compile(r"[\w .@\[\]-]+")


def single_braces(text: str) -> list[str]:
    """Return sentences about `{name}` as f-strings and LangChain write it; one for each name, at its first line."""
    found: dict[str, int] = {}
    for match in _SINGLE.finditer(text):
        found.setdefault(match[1], line_of(text, match.start()))
    return [
        f"line {line}: '{{{name}}}' stays as it stands; write '{{{{{name}}}}}' if it is a variable"
        for name, line in found.items()
    ][:MOST_SHOWN]


def odd_names(text: str) -> list[str]:
    """Return sentences about tags that hold no plain name, such as JSON with its braces doubled."""
    return [
        f"line {line}: a tag that is no plain name is taken as a variable; if doubled braces were written for single"
        " ones, write single ones"
        for line in _lines(text, sigil=False)
    ][:MOST_SHOWN]


def sigils(text: str) -> list[str]:
    """Return sentences about tags that are plain text for a source without sections, partials and comments."""
    return [
        f"line {line}: a tag with '#', '/', '^', '>', '!', '=' or '&' is plain text in the source, but means something"
        " in Mustache"
        for line in _lines(text, sigil=True)
    ][:MOST_SHOWN]


def line_of(text: str, offset: int) -> int:
    """Return the line of the character at `offset`, from 1."""
    return text.count("\n", 0, offset) + 1


def _lines(text: str, *, sigil: bool) -> Iterator[int]:
    """Yield the lines of tags with a sigil, or of those without one whose name is none; each line once."""
    lines: dict[int, None] = {}
    for match in _TAG.finditer(text):
        odd = match["sigil"] if sigil else not match["sigil"] and match["name"] and not _NAME.fullmatch(match["name"])
        if odd:
            lines[line_of(text, match.start())] = None
    yield from lines

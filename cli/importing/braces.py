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


def odd_tags(text: str, *, mustache: bool) -> list[str]:
    """Return sentences about tags that would not do here what they do in the source.

    With `mustache` the source knows sections, partials and comments itself.
    """
    return list(dict.fromkeys(_odd_tags(text, mustache=mustache)))[:MOST_SHOWN]


def line_of(text: str, offset: int) -> int:
    """Return the line of the character at `offset`, from 1."""
    return text.count("\n", 0, offset) + 1


def _odd_tags(text: str, *, mustache: bool) -> Iterator[str]:
    for match in _TAG.finditer(text):
        where = f"line {line_of(text, match.start())}"
        sigil, name = match["sigil"], match["name"]
        if sigil and not mustache:
            yield f"{where}: '{{{{{sigil}' is plain text in the source, but has a meaning in Mustache"
        elif not sigil and name and not _NAME.fullmatch(name):
            yield (
                f"{where}: a tag that is no plain name is taken as a variable; if doubled braces were written for"
                " single ones, write single ones"
            )

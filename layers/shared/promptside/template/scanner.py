"""Cuts template text into literals and tags, by the rules of https://github.com/mustache/spec (read 2026-11)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from promptside.template.nodes import LineStart, Literal
from promptside.template.source import Source, shown

DEFAULT_DELIMITERS = ("{{", "}}")

_SIGIL = re.compile(r"\s*(>>|[#^/>!=&{])?")
_REST_OF_LINE = re.compile(r"[ \t]*(?:\r?\n|\Z)")
_LONGEST_DELIMITER = 16

# A caller's text is a value and keeps the line it stands on, like a variable; these give up theirs.
_STANDALONE = frozenset({"#", "^", "/", ">", "!", "="})


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag. `kind` is its sigil, empty for a variable in any spelling; `start` and `end` are offsets."""

    kind: str
    name: str
    start: int
    end: int
    indent: str = ""


def scan(source: Source, *, mark_lines: bool = False) -> Iterator[Literal | LineStart | Tag]:
    """Yield literals and tags in order, without comments, delimiter changes and the lines these have to themselves.

    With `mark_lines`, a LineStart precedes every line that is not empty and has no such tag. Raises TemplateError.
    """
    text = source.text
    delimiters = DEFAULT_DELIMITERS
    position, fresh = 0, True
    while (start := text.find(delimiters[0], position)) >= 0:
        tag = read_tag(source, start, delimiters)
        indent = _blank_line(text, position, tag, fresh=fresh) if tag.kind in _STANDALONE else None
        stop = start if indent is None else start - len(indent)
        if mark_lines:
            yield from _lines(text, position, stop, fresh=fresh, tag_follows=indent is None)
        elif stop > position:
            yield Literal(text[position:stop], position)
        position, fresh = tag.end, False
        if indent is not None:
            position, fresh = _after_line(text, tag.end), True
        if tag.kind == "=":
            delimiters = _new_delimiters(source, tag)
        elif tag.kind != "!":
            yield replace(tag, indent=indent) if indent else tag
    if mark_lines:
        yield from _lines(text, position, len(text), fresh=fresh, tag_follows=False)
    elif position < len(text):
        yield Literal(text[position:], position)


def read_tag(source: Source, start: int, delimiters: tuple[str, str] = DEFAULT_DELIMITERS) -> Tag:
    """Return the tag that opens at `start`. Raises TemplateError when it is not closed or has no name."""
    text = source.text
    opener, closer = delimiters
    sigil = _SIGIL.match(text, start + len(opener))
    kind = (sigil[1] or "") if sigil else ""
    body = sigil.end() if sigil else start
    closing = {"{": "}" + closer, "=": "=" + closer}.get(kind, closer)
    stop = text.find(closing, body)
    if stop < 0:
        raise source.error(f"Unclosed tag: '{closing}' is missing", start)
    end = stop + len(closing)
    if kind == "!":
        return Tag(kind, "", start, end)
    name = text[body:stop].strip()
    if not name:
        raise source.error("Empty tag: it needs a name", start)
    if opener in name and kind != "=":
        raise source.error(f"Unclosed tag: '{closing}' is missing before the next '{opener}'", start)
    return Tag("" if kind in {"&", "{"} else kind, name, start, end)


def _blank_line(text: str, position: int, tag: Tag, *, fresh: bool) -> str | None:
    """Return the white space before a tag that has its line to itself, or None for any other tag.

    `position` is where the previous tag ended, so the search for the line's start never goes back over other tags and
    a long line costs no more than its length. `fresh` says that a line starts there.
    """
    line = text.rfind("\n", position, tag.start) + 1
    if not line and not fresh:
        return None
    indent = text[line or position : tag.start]
    if indent.strip(" \t") or not _REST_OF_LINE.match(text, tag.end):
        return None
    return indent


def _after_line(text: str, end: int) -> int:
    newline = text.find("\n", end)
    return len(text) if newline < 0 else newline + 1


def _new_delimiters(source: Source, tag: Tag) -> tuple[str, str]:
    pair = tag.name.split()
    if len(pair) != 2 or "=" in tag.name or max(map(len, pair)) > _LONGEST_DELIMITER:
        raise source.error(f"Bad delimiters {shown(tag.name)}: write two, with a space between and no '='", tag.start)
    return pair[0], pair[1]


def _lines(text: str, position: int, stop: int, *, fresh: bool, tag_follows: bool) -> Iterator[Literal | LineStart]:
    while position < stop:
        newline = text.find("\n", position, stop)
        end = stop if newline < 0 else newline + 1
        line = text[position:end]
        if fresh and line.strip("\r\n"):
            yield LineStart()
        yield Literal(line, position)
        position, fresh = end, newline >= 0
    if fresh and tag_follows:
        yield LineStart()

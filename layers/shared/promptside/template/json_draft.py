"""JSON text put together from pieces of templates, parsed once, with errors traced back to the template.

Values that stand outside of JSON strings are not written into the text: a small marker object holds their place and the
value itself is put in after parsing. So no value can ever add to the structure or break it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from promptside.errors import TemplateError
from promptside.template.source import Source

DEEPEST_JSON = 100
"""How deep the objects and lists of a message list may be nested, message list included."""

# No value can write this key: inside of a string its quotes are escaped, and outside of one there is only the marker.
_MARKER_KEY = "\x00"
_MARKER = '{{"\\u0000":{}}}'

_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)'
_STRAY_COMMAS = re.compile(rf"(?P<string>{_STRING})|[\[{{](?:\s*,)+|,(?=\s*(?:[,\]}}]|\Z))", re.DOTALL)
_MISSING_VALUES = re.compile(rf"(?P<string>{_STRING})|:(?=\s*[,}}])", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Marked:
    """What stands where a marker was: `index` counts the marks of the draft."""

    index: int


class JsonDraft:
    """The text so far, where each piece came from, and how many marks it holds.

    `source` is the prompt's own template.
    """

    def __init__(self, source: Source) -> None:
        self.marks = 0
        self.has_gaps = False
        self._pieces: list[str] = [""]
        self._origins: list[tuple[Source, int, bool]] = [(source, 0, True)]

    def copy(self, text: str, source: Source, offset: int) -> None:
        """Add text that stands in a template at `offset`, unchanged."""
        self._pieces.append(text)
        self._origins.append((source, offset, True))

    def insert(self, text: str, source: Source, offset: int) -> None:
        """Add text made for the tag at `offset`."""
        self._pieces.append(text)
        self._origins.append((source, offset, False))

    def mark(self, source: Source, offset: int) -> None:
        """Hold a place for the value of the tag at `offset`."""
        self.insert(_MARKER.format(self.marks), source, offset)
        self.marks += 1

    def parse(self) -> Any:
        """Return the parsed text, with Marked at the held places. Raises TemplateError at the place of the fault.

        Commas that a removed section or an empty value leaves over are ignored; where the whole value of a key was
        empty (`has_gaps`), it is null.
        """
        text = "".join(self._pieces)
        try:
            parsed = _load(text)
        except (ValueError, RecursionError):
            parsed = self._parse_tidied(_STRAY_COMMAS.sub(_blank, text))
        if _is_too_deep(parsed):
            raise self._error(0, "it is nested too deep")
        return _with_marked(parsed, self.marks) if self.marks else parsed

    def _parse_tidied(self, text: str) -> Any:
        try:
            return _load(text)
        except json.JSONDecodeError as exc:
            fault = self._error(exc.pos, exc.msg)
            if not self.has_gaps:
                raise fault from exc
        except (ValueError, RecursionError) as exc:
            raise self._error(0, _reason(exc)) from exc
        try:
            return _load(_MISSING_VALUES.sub(_null, text))
        except (ValueError, RecursionError) as exc:
            raise fault from exc

    def _error(self, position: int, reason: str) -> TemplateError:
        source, offset = self._origin(position)
        return source.error(f"The prompt does not give valid JSON: {reason[:1].lower()}{reason[1:]}", offset)

    def _origin(self, position: int) -> tuple[Source, int]:
        """Return the place in a template that the character at `position` of the text came from."""
        start, index = 0, 0
        for index, piece in enumerate(self._pieces):
            if start + len(piece) > position or index == len(self._pieces) - 1:
                break
            start += len(piece)
        source, offset, is_copy = self._origins[index]
        return source, offset + (min(position - start, len(self._pieces[index])) if is_copy else 0)


def load_value(text: str) -> Any:
    """Return the value of JSON text that a caller sent. Raises ValueError or RecursionError."""
    return _load(text)


def _load(text: str) -> Any:
    return json.loads(text, strict=False, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST_JSON):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
        if not inner:
            return False
        level = inner
    return any(isinstance(item, dict | list) for item in level)


def _reason(exc: Exception) -> str:
    if isinstance(exc, RecursionError):
        return "it is nested too deep"
    return "a number in it is too large, NaN or infinite"


def _with_marked(value: Any, marks: int) -> Any:
    if isinstance(value, list):
        return [_with_marked(item, marks) for item in value]
    if isinstance(value, dict):
        index = value.get(_MARKER_KEY)
        if len(value) == 1 and isinstance(index, int) and 0 <= index < marks:
            return Marked(index)
        return {key: _with_marked(item, marks) for key, item in value.items()}
    return value


def _blank(match: re.Match[str]) -> str:
    return match[0] if match["string"] else match[0].replace(",", " ")


def _null(match: re.Match[str]) -> str:
    return match[0] if match["string"] else ":null"

"""Raw prompts: the whole JSON text is one template, so sections and partials may add or remove objects.

A tag within a JSON string inserts text, escaped so that it arrives byte for byte. A tag outside of one inserts a JSON
value, and in a list the items of a list.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Any

from promptside.errors import TemplateError
from promptside.template.compiler import Template
from promptside.template.json_draft import JsonDraft, Marked
from promptside.template.nodes import CallerPartial, Partial, Variable
from promptside.template.placeholder import is_empty, items_of, value_of
from promptside.template.renderer import Scope, run
from promptside.template.source import Source
from promptside.template.values import escape, json_of, text_of

_STRING_PART = re.compile(r'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)


class _Place(enum.Enum):
    """Where the text so far ends."""

    OUTSIDE = enum.auto()
    INSIDE = enum.auto()
    AFTER_BACKSLASH = enum.auto()
    # Inside, in a partial: its own text is not JSON and is escaped as well.
    INSIDE_PARTIAL = enum.auto()


@dataclass(frozen=True, slots=True)
class _Mark:
    value: Any
    name: str


def render_raw(template: Template, scope: Scope) -> Any:
    """Return the parsed JSON of a rendered raw template.

    Raises TemplateError when it is not JSON, InvalidRequest for a value that cannot stand where its tag does.
    """
    output = _RawOutput(template.source, scope)
    run(template, scope, output)
    parsed = output.draft.parse()
    if isinstance(parsed, Marked):
        parsed = [parsed]
    return _resolve(parsed, output.values) if output.values else parsed


class _RawOutput:
    """Builds the JSON text and keeps track of whether it ends within a string."""

    def __init__(self, source: Source, scope: Scope) -> None:
        self.draft = JsonDraft(source)
        self.values: list[_Mark] = []
        self._budget = scope.budget
        self._place = _Place.OUTSIDE

    def literal(self, text: str, source: Source, offset: int) -> None:
        if self._place is _Place.INSIDE_PARTIAL:
            self._insert(escape(text), source, offset)
            return
        self._budget.write(len(text), source, offset)
        self.draft.copy(text, source, offset)
        self._place = _place_after(text, self._place)

    def value(self, value: Any, node: Variable | CallerPartial, source: Source) -> None:
        self._check_backslash(source, node.offset)
        if self._place is not _Place.OUTSIDE:
            self._insert(escape(text_of(value, node.name)), source, node.offset)
        elif is_empty(value):
            self.draft.has_gaps = True
        elif isinstance(value, bool | int | float):
            self._insert(text_of(value, node.name), source, node.offset)
        else:
            self._mark(value, node, source)

    def enter_partial(self, node: Partial, source: Source) -> _Place:
        self._check_backslash(source, node.offset)
        entered = self._place
        if entered is _Place.INSIDE:
            self._place = _Place.INSIDE_PARTIAL
        return entered

    def leave_partial(self, entered: _Place) -> None:
        if entered is _Place.INSIDE:
            self._place = entered

    def _insert(self, text: str, source: Source, offset: int) -> None:
        self._budget.write(len(text), source, offset)
        self.draft.insert(text, source, offset)

    def _mark(self, value: Any, node: Variable | CallerPartial, source: Source) -> None:
        # The first one is no larger than the request; only repetition could multiply it.
        size = len(json_of(value, node.name)) if self.values else 0
        self._budget.write(size, source, node.offset)
        self.draft.mark(source, node.offset)
        self.values.append(_Mark(value, node.name))

    def _check_backslash(self, source: Source, offset: int) -> None:
        if self._place is _Place.AFTER_BACKSLASH:
            raise _backslash_error(source, offset)


def _backslash_error(source: Source, offset: int) -> TemplateError:
    return source.error(
        "A single backslash stands before this tag: in a JSON string a backslash is written twice", offset
    )


def _place_after(text: str, place: _Place) -> _Place:
    """Return where JSON text ends that starts at `place`."""
    position = 0
    if place is _Place.AFTER_BACKSLASH:
        position, place = 1, _Place.INSIDE
    while True:
        if place is _Place.OUTSIDE:
            position = text.find('"', position) + 1
            if not position:
                return place
        part = _STRING_PART.match(text, position)
        position = part.end() if part else position
        if position == len(text):
            return _Place.INSIDE
        if text[position] == "\\":
            return _Place.AFTER_BACKSLASH
        position, place = position + 1, _Place.OUTSIDE


def _resolve(value: Any, marks: list[_Mark]) -> Any:
    """Put the marked values in; what they hold is not looked at again."""
    if isinstance(value, Marked):
        mark = marks[value.index]
        return value_of(mark.value, mark.name)
    if isinstance(value, dict):
        return {key: _resolve(item, marks) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    resolved: list[Any] = []
    for item in value:
        if isinstance(item, Marked):
            mark = marks[item.index]
            resolved.extend(items_of(mark.value, mark.name))
        else:
            resolved.append(_resolve(item, marks))
    return resolved

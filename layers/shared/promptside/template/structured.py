"""Structured prompts: the JSON is parsed first and every text in it is a template of its own.

So a value can only ever become text within the text where its tag stands. A tag that stands as an element of a list,
bare or alone in quotes, is a placeholder: it takes a list, and its items become elements.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from promptside.errors import TemplateError
from promptside.template.compiler import DEFAULT_LIMITS, Template, compile_template, split_name
from promptside.template.json_draft import JsonDraft, Marked
from promptside.template.nodes import CallerPartial, Variable
from promptside.template.placeholder import items_of, value_of
from promptside.template.renderer import Scope, find_caller_partial, render_in
from promptside.template.scanner import DEFAULT_DELIMITERS, Tag, read_tag
from promptside.template.source import Source
from promptside.template.values import find, json_of

_STRING_OR_TAG = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|\{\{', re.DOTALL)

_ROOT = "messages"
_LONGEST_KEY_SHOWN = 20


class Part(Protocol):
    """A piece of a compiled message list."""

    def build(self, scope: Scope) -> Any:
        """Return its JSON value; new lists and objects every time."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, true, false, null, or text without tags."""

    value: Any

    def build(self, scope: Scope) -> Any:  # noqa: ARG002 - the same for every rendering
        """Return it."""
        return self.value


@dataclass(frozen=True, slots=True)
class Text:
    """Text with tags."""

    template: Template

    def build(self, scope: Scope) -> str:
        """Return the text, filled."""
        return render_in(self.template, scope)


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A tag that stands for JSON. `first` says that no other placeholder comes before it."""

    tag: Variable | CallerPartial
    source: Source
    first: bool = False

    def build(self, scope: Scope) -> Any:
        """Return the one value it gives where no list takes its items."""
        return value_of(self._find(scope), self.tag.name)

    def items(self, scope: Scope) -> list[Any]:
        """Return the items it adds to its list."""
        return items_of(self._find(scope), self.tag.name)

    def _find(self, scope: Scope) -> Any:
        tag = self.tag
        if isinstance(tag, Variable):
            value = find(tag.path, (scope.variables, None))
        else:
            value = find_caller_partial(tag.name, scope.variables)
        if not self.first and value is not None:
            # The first one is no larger than the request; only repetition could multiply it.
            scope.budget.write(len(json_of(value, tag.name)), self.source, tag.offset)
        return value


@dataclass(frozen=True, slots=True)
class Object:
    """An object; its keys are not templates."""

    members: tuple[tuple[str, Part], ...]

    def build(self, scope: Scope) -> dict[str, Any]:
        """Return a new object."""
        return {key: part.build(scope) for key, part in self.members}


@dataclass(frozen=True, slots=True)
class Array:
    """A list, with the items of placeholders among its own."""

    elements: tuple[Part, ...]

    def build(self, scope: Scope) -> list[Any]:
        """Return a new list."""
        items: list[Any] = []
        for part in self.elements:
            if isinstance(part, Placeholder):
                items.extend(part.items(scope))
            else:
                items.append(part.build(scope))
        return items


@dataclass(frozen=True, slots=True)
class Structure:
    """A compiled message list and the names its templates use, in order of first use."""

    root: Part
    variables: tuple[str, ...]
    partials: tuple[str, ...]
    caller_partials: tuple[str, ...]


def compile_structure(source: Source) -> Structure:
    """Return the compiled form of JSON text. Raises TemplateError.

    For a fault in the JSON the line and column are those of the whole text; for one in a template within it they are
    those of that template's own text, and the error names its place: `messages[1].content`.
    """
    if source.text.count(DEFAULT_DELIMITERS[0]) > DEFAULT_LIMITS.tags:
        raise source.error(f"The template has more than {DEFAULT_LIMITS.tags} tags", 0)
    draft, tags = _read_bare_tags(source)
    parsed = draft.parse()
    if isinstance(parsed, Marked):
        parsed = [parsed]
    if not isinstance(parsed, list):
        raise source.error("A chat prompt must be a JSON list of messages", 0)
    compiler = _Compiler(source, tags)
    root = compiler.compile(parsed, _ROOT)
    return Structure(root, tuple(compiler.variables), tuple(compiler.partials), tuple(compiler.caller_partials))


class _Compiler:
    def __init__(self, source: Source, tags: list[Tag]) -> None:
        self.variables: dict[str, None] = {}
        self.partials: dict[str, None] = {}
        self.caller_partials: dict[str, None] = {}
        self._source = source
        self._tags = tags
        self._has_placeholder = False

    def compile(self, value: Any, place: str) -> Part:
        """Return the part for a parsed value. The JSON's depth was checked, so recursion is bounded."""
        if isinstance(value, Marked):
            return self._placeholder(_node(self._tags[value.index]), self._source)
        if isinstance(value, str):
            return self._text(value, place)
        if isinstance(value, dict):
            return Object(
                tuple((key, self.compile(item, f"{place}.{key[:_LONGEST_KEY_SHOWN]}")) for key, item in value.items())
            )
        if isinstance(value, list):
            return Array(tuple(self._elements(value, place)))
        return Constant(value)

    def _elements(self, items: list[Any], place: str) -> Iterator[Part]:
        # Messages and content parts are objects: a text among them can only be meant as a placeholder. Elsewhere a list
        # may well hold texts.
        takes_objects = place == _ROOT or place.endswith("].content")
        for index, item in enumerate(items):
            part = self.compile(item, f"{place}[{index}]")
            if takes_objects and isinstance(part, Text):
                yield self._unquoted(part)
            else:
                yield part

    def _unquoted(self, part: Text) -> Part:
        """Return the placeholder for text that is one tag and nothing else."""
        match part.template.body.nodes:
            case (Variable() | CallerPartial() as tag,) if tag.name != ".":
                return self._placeholder(tag, part.template.source)
        return part

    def _placeholder(self, tag: Variable | CallerPartial, source: Source) -> Placeholder:
        names = self.variables if isinstance(tag, Variable) else self.caller_partials
        if tag.name != ".":
            names[tag.name] = None
        first, self._has_placeholder = not self._has_placeholder, True
        return Placeholder(tag, source, first=first)

    def _text(self, text: str, place: str) -> Part:
        if DEFAULT_DELIMITERS[0] not in text:
            return Constant(text)
        owner = self._source.name
        template = compile_template(text, name=f"{owner}, {place}" if owner else place)
        self.variables.update(dict.fromkeys(template.variables))
        self.partials.update(dict.fromkeys(template.partials))
        self.caller_partials.update(dict.fromkeys(template.caller_partials))
        return Text(template)


def _read_bare_tags(source: Source) -> tuple[JsonDraft, list[Tag]]:
    """Replace the tags outside of JSON strings by markers; the tags stand in the order of their marks."""
    text = source.text
    draft, tags = JsonDraft(source), []
    copied = position = 0
    while (found := _STRING_OR_TAG.search(text, position)) is not None:
        position = found.end()
        if found[0] != DEFAULT_DELIMITERS[0]:
            continue
        tag = read_tag(source, found.start())
        draft.copy(text[copied : tag.start], source, copied)
        copied = position = tag.end
        if tag.kind in {"", ">>"}:
            draft.mark(source, tag.start)
            tags.append(tag)
        elif tag.kind != "!":
            raise _needs_raw(source, tag)
    draft.copy(text[copied:], source, copied)
    return draft, tags


def _needs_raw(source: Source, tag: Tag) -> TemplateError:
    what = {">": "A partial", "=": "A delimiter change"}.get(tag.kind, "A section")
    return source.error(f"{what} outside of quotes needs a raw template: store it with is_raw_template 1", tag.start)


def _node(tag: Tag) -> Variable | CallerPartial:
    if tag.kind == ">>":
        return CallerPartial(tag.name, tag.start)
    return Variable(tag.name, split_name(tag.name), tag.start)

"""What a compiled template consists of. Offsets count characters of the source from 0."""

from __future__ import annotations

from dataclasses import dataclass

_PARTS_PER_STEP = 4


@dataclass(frozen=True, slots=True)
class Literal:
    """Text that stands in the template, one unbroken piece of the source."""

    text: str
    offset: int


@dataclass(frozen=True, slots=True)
class Variable:
    """`{{name}}`, `{{{name}}}` or `{{&name}}`. `path` is the name split at its dots, empty for `{{.}}`."""

    name: str
    path: tuple[str, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Section:
    """`{{#name}}body{{/name}}`, or `{{^name}}` when `inverted`."""

    name: str
    path: tuple[str, ...]
    offset: int
    inverted: bool
    body: Body


@dataclass(frozen=True, slots=True)
class Partial:
    """`{{>reference}}`: a stored partial. `indent` is the white space before a tag that has its line to itself."""

    reference: str
    indent: str
    offset: int


@dataclass(frozen=True, slots=True)
class CallerPartial:
    """`{{>>name}}`: text that the caller sends among the variables."""

    name: str
    offset: int


@dataclass(frozen=True, slots=True)
class LineStart:
    """Where the indentation of a partial goes; only in the indented form of a template."""


Node = Literal | Variable | Section | Partial | CallerPartial | LineStart


@dataclass(frozen=True, slots=True)
class Body:
    """The nodes of a template or section; `cost` is what one pass over them takes, in steps."""

    nodes: tuple[Node, ...]
    cost: int


def body_of(nodes: list[Node]) -> Body:
    """Return the body made of these nodes. A long dotted name costs more than a short one."""
    parts = sum(len(node.path) for node in nodes if isinstance(node, Variable | Section))
    return Body(tuple(nodes), len(nodes) + parts // _PARTS_PER_STEP)

"""Compiles template text to a tree of nodes, once per immutable version, within limits."""

from __future__ import annotations

from dataclasses import dataclass

from promptside.errors import TemplateError
from promptside.template.nodes import Body, CallerPartial, LineStart, Literal, Node, Partial, Section, Variable, body_of
from promptside.template.scanner import Tag, scan
from promptside.template.source import Source, shown


@dataclass(frozen=True, slots=True)
class Limits:
    """What a template may cost. Sizes are in characters of text, each at most four bytes of UTF-8.

    `nesting` bounds sections within sections, `partial_depth` partials within partials. A step is about one tag or
    literal rendered once; deep nesting makes it dearer.
    """

    template_size: int = 2_000_000
    output_size: int = 4_000_000
    tags: int = 20_000
    nesting: int = 100
    name_length: int = 1_000
    partial_depth: int = 32
    steps: int = 500_000


DEFAULT_LIMITS = Limits()

_STEPS_PER_LINE = 4


@dataclass(frozen=True, slots=True)
class Slot:
    """A variable's place in the pieces of a flat template. `path` is empty for `{{.}}`."""

    index: int
    name: str
    path: tuple[str, ...]
    offset: int


class Template:
    """Compiled text, never changed after compilation.

    `variables` are the dotted names it uses, in order of first use, sections included. `partials` are stored partials
    as written: `slug`, `slug@5`, `slug@latest`. `caller_partials` are the names of `{{>>name}}`. `slots` is None unless
    the template is flat: without sections and partials, so that filling the slots in a copy of `pieces` renders it.
    """

    __slots__ = (
        "_indented",
        "_limits",
        "_lines",
        "body",
        "caller_partials",
        "partials",
        "pieces",
        "slots",
        "source",
        "variables",
    )

    def __init__(self, source: Source, builder: _Builder, limits: Limits) -> None:
        self.source = source
        self.body: Body = builder.finish()
        self.variables: tuple[str, ...] = tuple(builder.variables)
        self.partials: tuple[str, ...] = tuple(builder.partials)
        self.caller_partials: tuple[str, ...] = tuple(builder.caller_partials)
        self.pieces: tuple[str, ...] = tuple(node.text if isinstance(node, Literal) else "" for node in self.body.nodes)
        self.slots: tuple[Slot, ...] | None = _slots(self.body.nodes)
        self._lines = source.text.count("\n") + 1
        self._limits = limits
        self._indented: Body | None = None

    @property
    def indentation_cost(self) -> int:
        """What `indented` takes the first time, in steps; nothing later on."""
        return 0 if self._indented is not None else self._lines * _STEPS_PER_LINE

    def indented(self) -> Body:
        """Return the body with a LineStart wherever a partial's indentation goes; made when first asked for."""
        if self._indented is None:
            self._indented = _build(self.source, self._limits, mark_lines=True).finish()
        return self._indented


def compile_template(text: str, *, name: str | None = None, limits: Limits = DEFAULT_LIMITS) -> Template:
    """Return the compiled template. `name` is for errors: `partial 'tone'`. Raises TemplateError."""
    source = Source(text, name)
    if len(text) > limits.template_size:
        raise source.error(f"The template is longer than {limits.template_size} characters", 0)
    return Template(source, _build(source, limits, mark_lines=False), limits)


def split_name(name: str) -> tuple[str, ...]:
    """Return the path of a dotted name; empty for `.`, which is the innermost value itself."""
    return () if name == "." else tuple(name.split("."))


def _build(source: Source, limits: Limits, *, mark_lines: bool) -> _Builder:
    builder = _Builder(source, limits)
    for token in scan(source, mark_lines=mark_lines):
        if isinstance(token, Tag):
            builder.add_tag(token)
        else:
            builder.add(token)
    return builder


class _Builder:
    """Collects nodes; the open sections are a list, so that no depth of nesting can exhaust the stack."""

    def __init__(self, source: Source, limits: Limits) -> None:
        self.variables: dict[str, None] = {}
        self.partials: dict[str, None] = {}
        self.caller_partials: dict[str, None] = {}
        self._source = source
        self._limits = limits
        self._tags = 0
        self._open: list[Tag] = []
        self._bodies: list[list[Node]] = [[]]

    def add(self, node: Literal | LineStart) -> None:
        self._bodies[-1].append(node)

    def add_tag(self, tag: Tag) -> None:
        self._check(tag)
        match tag.kind:
            case "":
                self._remember(tag.name)
                self._bodies[-1].append(Variable(tag.name, split_name(tag.name), tag.start))
            case "#" | "^":
                self._remember(tag.name)
                self._open.append(tag)
                self._bodies.append([])
            case "/":
                self._close(tag)
            case ">":
                self._add_partial(tag)
            case _:
                self.caller_partials[tag.name] = None
                self._bodies[-1].append(CallerPartial(tag.name, tag.start))

    def finish(self) -> Body:
        if self._open:
            tag = self._open[-1]
            raise self._error(f"Unclosed section: {shown(tag.name)} has no closing tag", tag)
        return body_of(self._bodies[0])

    def _check(self, tag: Tag) -> None:
        self._tags += 1
        if self._tags > self._limits.tags:
            raise self._error(f"The template has more than {self._limits.tags} tags", tag)
        if len(tag.name) > self._limits.name_length:
            raise self._error(f"The name in this tag is longer than {self._limits.name_length} characters", tag)
        if len(self._open) >= self._limits.nesting and tag.kind in {"#", "^"}:
            raise self._error(f"Sections are nested more than {self._limits.nesting} deep", tag)

    def _remember(self, name: str) -> None:
        if name != ".":
            self.variables[name] = None

    def _close(self, tag: Tag) -> None:
        if not self._open:
            raise self._error(f"Stray closing tag: no section {shown(tag.name)} is open", tag)
        opened = self._open.pop()
        if opened.name != tag.name:
            raise self._error(f"Section {shown(opened.name)} is open, but the closing tag says {shown(tag.name)}", tag)
        body = body_of(self._bodies.pop())
        path = split_name(opened.name)
        self._bodies[-1].append(Section(opened.name, path, opened.start, inverted=opened.kind == "^", body=body))

    def _add_partial(self, tag: Tag) -> None:
        slug, at, selector = tag.name.partition("@")
        if not slug or (at and selector != "latest" and not (selector.isascii() and selector.isdigit())):
            raise self._error(
                f"Partial {shown(tag.name)} is not a reference: write a slug, slug@5 or slug@latest (no labels)", tag
            )
        self.partials[tag.name] = None
        self._bodies[-1].append(Partial(tag.name, tag.indent, tag.start))

    def _error(self, message: str, tag: Tag) -> TemplateError:
        return self._source.error(message, tag.start)


def _slots(nodes: tuple[Node, ...]) -> tuple[Slot, ...] | None:
    slots = []
    for index, node in enumerate(nodes):
        if isinstance(node, Variable):
            slots.append(Slot(index, node.name, node.path, node.offset))
        elif not isinstance(node, Literal):
            return None
    return tuple(slots)

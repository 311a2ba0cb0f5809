"""Renders a compiled template over plain data, in a single pass: tags inside values are never expanded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from promptside.template.budget import Budget
from promptside.template.compiler import DEFAULT_LIMITS, Limits, Slot, Template
from promptside.template.nodes import Body, CallerPartial, Literal, Node, Partial, Section, Variable
from promptside.template.source import Source, shown
from promptside.template.values import Context, find, is_truthy, text_of


@dataclass(frozen=True, slots=True)
class Scope:
    """What a rendering draws on. `partials` maps references as written to their templates.

    A partial that is not among them is an error; with `partials_optional` it renders as nothing.
    """

    variables: Mapping[str, Any]
    partials: Mapping[str, Template]
    budget: Budget
    partials_optional: bool = False


class Output(Protocol):
    """Where rendered pieces go; decides how values are written."""

    def literal(self, text: str, source: Source, offset: int) -> None:
        """Take text that stands in a template."""

    def value(self, value: Any, node: Variable | CallerPartial, source: Source) -> None:
        """Take the value of a tag."""

    def enter_partial(self, node: Partial, source: Source) -> Any:
        """Start a partial; what is returned comes back to `leave_partial`."""

    def leave_partial(self, entered: Any) -> None:
        """End the partial."""


def render_text(
    template: Template,
    variables: Mapping[str, Any],
    partials: Mapping[str, Template],
    *,
    limits: Limits = DEFAULT_LIMITS,
    partials_optional: bool = False,
) -> str:
    """Return the template filled with variables.

    `partials` needs every stored partial that is reached; with `partials_optional` the others render as nothing, as
    the public Mustache specification wants it. Raises TemplateError, or InvalidRequest for a variable that is not data.
    """
    return render_in(template, Scope(as_data(variables), partials, Budget(limits), partials_optional))


def as_data(variables: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return variables as a dict, the only mapping that names are looked up in."""
    return variables if isinstance(variables, dict) or not isinstance(variables, Mapping) else dict(variables)


def render_in(template: Template, scope: Scope) -> str:
    """Return the template filled, at the expense of the scope's budget."""
    if template.slots is not None:
        return _fill(template, template.slots, scope)
    output = _TextOutput(scope.budget)
    run(template, scope, output)
    return "".join(output.pieces)


def run(template: Template, scope: Scope, output: Output) -> None:
    """Send every rendered piece to `output`."""
    _Run(scope, output).render(template)


def find_caller_partial(name: str, variables: Mapping[str, Any]) -> Any:
    """Return what the caller sent for `{{>>name}}`: the variable `name`, else `>name`, else None."""
    value = find((name,), (variables, None))
    return find((">" + name,), (variables, None)) if value is None else value


def _fill(template: Template, slots: tuple[Slot, ...], scope: Scope) -> str:
    """Render a flat template: no walk over nodes, one join."""
    pieces = list(template.pieces)
    variables = scope.variables
    for slot in slots:
        path = slot.path
        value = variables.get(slot.name) if len(path) == 1 else find(path, (variables, None))
        if isinstance(value, str):
            pieces[slot.index] = value
        elif value is not None:
            text = text_of(value, slot.name)
            # Taken off twice, here and below, so that many tags cannot make one large object into many texts first.
            scope.budget.write(len(text), template.source, slot.offset)
            pieces[slot.index] = text
    scope.budget.write(sum(map(len, pieces)), template.source, 0)
    return "".join(pieces)


class _TextOutput:
    """Plain text: values as they are."""

    def __init__(self, budget: Budget) -> None:
        self.pieces: list[str] = []
        self._budget = budget

    def literal(self, text: str, source: Source, offset: int) -> None:
        self._budget.write(len(text), source, offset)
        self.pieces.append(text)

    def value(self, value: Any, node: Variable | CallerPartial, source: Source) -> None:
        if value is not None:
            self.literal(text_of(value, node.name), source, node.offset)

    def enter_partial(self, node: Partial, source: Source) -> None:
        pass

    def leave_partial(self, entered: None) -> None:
        pass


@dataclass(slots=True)
class _Frame:
    """A body being rendered: a template, a section or a partial. `items` are what a list section has still to show."""

    body: Body
    cursor: Iterator[Node]
    context: Context
    source: Source
    offset: int = 0
    depth: int = 0
    items: Iterator[Any] | None = None
    partial_depth: int = 0
    indent: str = ""
    is_partial: bool = False
    entered: Any = None


class _Run:
    """One rendering. Frames are a list, so that neither sections nor partials can exhaust the stack."""

    def __init__(self, scope: Scope, output: Output) -> None:
        self._scope = scope
        self._output = output
        self._budget = scope.budget

    def render(self, template: Template) -> None:
        body = template.body
        frames = [_Frame(body, iter(body.nodes), (self._scope.variables, None), template.source)]
        self._budget.enter(body.cost, 0, template.source, 0)
        while frames:
            inner = self._advance(frames[-1])
            if inner is not None:
                frames.append(inner)
            elif not self._repeat(frames[-1]):
                frame = frames.pop()
                if frame.is_partial:
                    self._output.leave_partial(frame.entered)

    def _advance(self, frame: _Frame) -> _Frame | None:
        """Render up to the next body to enter, which is returned, or to the end of this one."""
        output, source = self._output, frame.source
        for node in frame.cursor:
            inner: _Frame | None = None
            if isinstance(node, Literal):
                output.literal(node.text, source, node.offset)
            elif isinstance(node, Variable):
                output.value(find(node.path, frame.context), node, source)
            elif isinstance(node, Section):
                inner = self._enter_section(node, frame)
            elif isinstance(node, Partial):
                inner = self._enter_partial(node, frame)
            elif isinstance(node, CallerPartial):
                output.value(find_caller_partial(node.name, self._scope.variables), node, source)
            else:
                self._start_line(frame)
            if inner is not None:
                return inner
        return None

    def _repeat(self, frame: _Frame) -> bool:
        """Start over with the next item of a list section; False when there is none."""
        if frame.items is None:
            return False
        for item in frame.items:
            self._budget.enter(frame.body.cost, frame.depth, frame.source, frame.offset)
            frame.context = (item, frame.context[1])
            frame.cursor = iter(frame.body.nodes)
            return True
        return False

    def _enter_section(self, node: Section, frame: _Frame) -> _Frame | None:
        value = find(node.path, frame.context)
        if is_truthy(value) is node.inverted:
            return None
        items = None
        context, depth = frame.context, frame.depth
        if not node.inverted:
            if isinstance(value, list | tuple):
                items = iter(value)
                value = next(items)
            context, depth = (value, frame.context), depth + 1
        self._budget.enter(node.body.cost, depth, frame.source, node.offset)
        return _Frame(
            node.body,
            iter(node.body.nodes),
            context,
            frame.source,
            offset=node.offset,
            depth=depth,
            items=items,
            partial_depth=frame.partial_depth,
            indent=frame.indent,
        )

    def _enter_partial(self, node: Partial, frame: _Frame) -> _Frame | None:
        template = self._scope.partials.get(node.reference)
        if template is None:
            if self._scope.partials_optional:
                return None
            raise frame.source.error(
                f"Partial {shown(node.reference)} does not exist", node.offset, code="partial_not_found"
            )
        depth = frame.partial_depth + 1
        if depth > self._budget.limits.partial_depth:
            raise frame.source.error(
                f"Partials are nested more than {depth - 1} deep: {shown(node.reference)} may include itself",
                node.offset,
            )
        indent = frame.indent + node.indent
        if indent:
            self._budget.enter(template.indentation_cost, 0, frame.source, node.offset)
        body = template.indented() if indent else template.body
        self._budget.enter(body.cost, frame.depth, frame.source, node.offset)
        entered = self._output.enter_partial(node, frame.source)
        return _Frame(
            body,
            iter(body.nodes),
            frame.context,
            template.source,
            depth=frame.depth,
            partial_depth=depth,
            indent=indent,
            is_partial=True,
            entered=entered,
        )

    def _start_line(self, frame: _Frame) -> None:
        if frame.indent:
            self._output.literal(frame.indent, frame.source, 0)

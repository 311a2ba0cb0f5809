"""Carries out a plan: all new versions first, which no call sees, and only then what makes them visible.

Each step is noted as soon as it is done. A push that was interrupted is simply run again: what is there already is
equal to its file and not sent a second time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cli.content import Name, Stored
from cli.errors import Refused
from cli.lock import Lock
from cli.planning import Plan, Step
from cli.stack import Stack

Advance = Callable[[str], None]
"""Called before each step with what it does."""


@dataclass(slots=True)
class Done:
    """What a push did: sentences for people, in order, and the stack's warnings by name."""

    lines: list[tuple[str, Name, str]] = field(default_factory=list)
    warnings: list[tuple[Name, str]] = field(default_factory=list)


def push(stack: Stack, plan: Plan, lock: Lock, *, message: str | None, advance: Advance, done: Done) -> None:
    """Send what changed, then publish what is to be published; `done` is filled on the way.

    Raises Refused with the file at fault.
    """
    written: list[tuple[Step, Stored]] = []
    for step in plan.steps:
        stored = step.stored
        if step.action != "none":
            advance(f"Sending {step.written.name}")
            stored = _written(stack, step, message or step.written.description, done)
        if stored is not None:
            lock.note(stored)
            written.append((step, stored))
    for step, stored in written:
        if step.publish:
            advance(f"Publishing {stored.name}")
            stack.publish(stored.name, stored.version)
            done.lines.append(("published", stored.name, f"version {stored.version}"))


def steps_of(plan: Plan) -> int:
    """Return how often `push` will advance."""
    return sum((step.action != "none") + step.publish for step in plan.steps)


def _written(stack: Stack, step: Step, description: str | None, done: Done) -> Stored | None:
    """Write one file's content and return what the stack has then."""
    try:
        return _write(stack, step, description, done)
    except Refused as error:
        if error.status in (400, 413):
            raise Refused(f"{step.written.path}: {error.message}", status=error.status, code=error.code) from error
        raise


def _write(stack: Stack, step: Step, description: str | None, done: Done) -> Stored | None:
    name, content = step.written.name, step.written.content
    if step.action == "rename" and step.stored is not None:
        renamed = stack.rename(step.stored, content["name"])
        done.lines.append(("renamed", name, f"'{content['name']}'"))
        return renamed
    if step.stored is None:
        stored, warnings = stack.create(name, content, description)
        done.lines.append(("created", name, f"version {stored.version}, published"))
    else:
        stored, warnings = stack.update(step.stored, content, description)
        done.lines.append(("changed", name, f"version {stored.version}"))
    done.warnings += [(name, warning) for warning in warnings]
    return stored

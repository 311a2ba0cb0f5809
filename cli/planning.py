"""What a push would do, found out before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from cli.content import Name, Stored, same
from cli.folder import Written
from cli.lock import Lock, is_seen

Action = Literal["create", "update", "rename", "none"]


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one file. `stored` is what the stack has, `conflict` says that this checkout never saw it."""

    written: Written
    stored: Stored | None
    action: Action
    publish: bool = False
    conflict: bool = False

    @property
    def is_change(self) -> bool:
        """Whether there is anything to do."""
        return self.action != "none" or self.publish


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in the order to take them. `only_stored` are on the stack and have no file: they stay as they are."""

    steps: tuple[Step, ...]
    only_stored: tuple[Name, ...] = ()

    @property
    def changes(self) -> list[Step]:
        """The steps that do something."""
        return [step for step in self.steps if step.is_change]

    @property
    def conflicts(self) -> list[Step]:
        """The steps that would undo what somebody else did."""
        return [step for step in self.steps if step.conflict]


def plan_push(
    written: Iterable[Written], stored: Mapping[Name, Stored], lock: Lock, *, publish: bool, names: Iterable[Name] = ()
) -> Plan:
    """Compare files with a stack. `names` are those of everything on the stack.

    With `publish`, latest versions that are equal to their files and not published will be.
    """
    steps = tuple(_step(item, stored.get(item.name), lock, publish=publish) for item in written)
    files = {step.written.name for step in steps}
    return Plan(steps, tuple(name for name in names if name not in files))


def _step(written: Written, stored: Stored | None, lock: Lock, *, publish: bool) -> Step:
    if stored is None:
        # The first version of anything is published by its creation.
        return Step(written, None, "create")
    unpublished = publish and not stored.published
    if same(written.content, stored.content):
        return Step(written, stored, "none", publish=unpublished)
    conflict = not is_seen(lock, stored, written.path)
    if same({**written.content, "name": ""}, {**stored.content, "name": ""}):
        return Step(written, stored, "rename", publish=unpublished, conflict=conflict)
    return Step(written, stored, "update", publish=publish, conflict=conflict)

"""Hooks around a SnapStart snapshot, in AWS's own registry where the runtime has it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

Hook = tuple[Callable[..., object], tuple[Any, ...], dict[str, Any]]

try:
    # Part of the managed runtime, so it is not in the layer; hooks of other libraries are registered there too.
    from snapshot_restore_py import get_after_restore, get_before_snapshot
except ImportError:
    _before: list[Hook] = []
    _after: list[Hook] = []

    def get_before_snapshot() -> list[Hook]:
        """Return our own list of hooks."""
        return _before

    def get_after_restore() -> list[Hook]:
        """Return our own list of hooks."""
        return _after


def register_before_snapshot(hook: Callable[[], object]) -> None:
    """Run `hook` before the snapshot; the last one registered runs first."""
    get_before_snapshot().append((hook, (), {}))


def register_after_restore(hook: Callable[[], object]) -> None:
    """Run `hook` in every restored environment, in the order of registration."""
    get_after_restore().append((hook, (), {}))


def run_before_snapshot() -> None:
    """Run and forget the hooks, last one first."""
    hooks = get_before_snapshot()
    while hooks:
        hook, positional, named = hooks.pop()
        hook(*positional, **named)


def run_after_restore() -> None:
    """Run the hooks in order, after new randomness: every restored environment starts from the same bytes."""
    random.seed()
    for hook, positional, named in get_after_restore():
        hook(*positional, **named)

"""Concurrent writers, whatever each of them does: their acknowledged changes form one history without gaps."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptside.errors import Conflict
from promptside.management.prompts import publish
from promptside.schema.prompt import PromptVersion
from promptside.store.prompts import PROMPTS
from promptside.store.records import Pointer
from promptside.store.versioned import VersionedStore
from tests.engines import Engine
from tests.stored import Stored, prompt_version

Action = tuple[str, int]
Program = list[Action]

ACTIONS = st.tuples(st.sampled_from(["write", "publish", "production", "staging"]), st.integers(0, 5))
PROGRAMS: st.SearchStrategy[list[Program]] = st.lists(st.lists(ACTIONS, min_size=1, max_size=4), min_size=2, max_size=4)


@dataclass(frozen=True)
class Acknowledged:
    """A change that its writer was told of: the pointer as it then was, and what the writer had asked for."""

    pointer: Pointer
    action: str
    number: int


class Recording(VersionedStore[PromptVersion]):
    """The store, which also keeps what its last change answered."""

    answered: Pointer

    def change(self, name: str, make: Callable[[Pointer], Pointer], *, needs_version: int | None = None) -> Pointer:
        """Change the pointer and keep it."""
        self.answered = super().change(name, make, needs_version=needs_version)
        return self.answered


@dataclass
class Writer:
    """One thread's view of the prompt: a store of its own, what it was told and how often it lost."""

    store: Recording
    slug: str
    acknowledged: list[Acknowledged] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def run(self, program: Program, start: threading.Barrier) -> None:
        """Do the program as soon as everybody is there."""
        start.wait(10)
        for action, choice in program:
            try:
                self._do(action, choice)
            except Conflict:
                self.lost.append(action)

    def _do(self, action: str, choice: int) -> None:
        seen = self.store.get(self.slug)
        number = choice % seen.latest + 1
        if action == "write":
            pointer, version = self.store.add_version(self.slug, self._next)
            self.acknowledged.append(Acknowledged(pointer, action, version.version))
            return
        if action == "publish":
            publish(self.store, seen, number, change={})
        else:
            self.store.change(
                self.slug, lambda old: replace(old, labels={**old.labels, action: number}), needs_version=number
            )
        self.acknowledged.append(Acknowledged(self.store.answered, action, number))

    def _next(self, old: Pointer) -> tuple[Pointer, PromptVersion]:
        return old, prompt_version(old.slug, old.id, old.latest + 1, string=f'["{uuid.uuid4()}"]')


def state(pointer: Pointer) -> tuple[int, int, dict[str, int]]:
    return pointer.latest, pointer.published, dict(pointer.labels)


def after(before: tuple[int, int, dict[str, int]], done: Acknowledged) -> tuple[int, int, dict[str, int]]:
    """Return the state that one change alone makes of another."""
    latest, published, labels = before
    if done.action == "write":
        return done.number, published, labels
    if done.action == "publish":
        return latest, done.number, labels
    return latest, published, {**labels, done.action: done.number}


def raced(engine: Engine, table: str, slug: str, programs: list[Program]) -> list[Writer]:
    """Run the programs at once, each in a thread of its own."""
    client: Any = engine.client("dynamodb")
    writers = [Writer(Recording(client, PROMPTS, table=table), slug) for _ in programs]
    start = threading.Barrier(len(writers))
    with ThreadPoolExecutor(len(writers)) as pool:
        running = [pool.submit(writer.run, program, start) for writer, program in zip(writers, programs, strict=True)]
        for each in running:
            each.result()
    return writers


@pytest.fixture(scope="module")
def table(engine: Engine) -> str:
    """One table for all examples: each has a prompt of its own."""
    return engine.new_table()


@settings(max_examples=40, deadline=None)
@given(programs=PROGRAMS)
def test_acknowledged_changes_are_one_history_and_only_losing_publishers_are_refused(
    engine: Engine, table: str, programs: list[Program]
) -> None:
    stored = Stored(engine, table=table)
    slug = f"pp-race-{uuid.uuid4().hex}"
    stored.prompt(slug, "[0]")
    first = stored.prompts.get(slug)

    writers = raced(engine, stored.table, slug, programs)

    history = sorted((one for writer in writers for one in writer.acknowledged), key=lambda one: one.pointer.revision)
    assert [one.pointer.revision for one in history] == list(range(2, len(history) + 2))
    now = state(first)
    for one in history:
        now = after(now, one)
        assert state(one.pointer) == now
    last = stored.prompts.get(slug)
    assert state(last) == now
    assert {action for writer in writers for action in writer.lost} <= {"publish"}
    assert len(history) + sum(len(writer.lost) for writer in writers) == sum(map(len, programs))

    versions = list(stored.prompts.versions(last))
    assert [version.version for version in versions] == list(range(last.latest, 0, -1))
    assert len({version.string for version in versions}) == last.latest
    assert {last.published, *last.labels.values()} <= {version.version for version in versions}

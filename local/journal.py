"""The file that makes the local store durable: one line for every acknowledged write, in the order of execution.

A line is a JSON list of changes, all of which happened or none: a transaction is one line. A change says what is there
afterwards, not how it came about, so that reading the file again always gives the same state:

    {"op": "create-table", "table": "t", "definition": {...}}     the body of CreateTable
    {"op": "delete-table", "table": "t"}
    {"op": "time-to-live", "table": "t", "specification": {...}}  {"AttributeName": ..., "Enabled": true}
    {"op": "put", "table": "t", "item": {...}}                    the whole item, in DynamoDB's JSON
    {"op": "delete", "table": "t", "key": {...}}
    {"op": "put-parameter", "name": "/n", "definition": {...}}    the body of PutParameter
    {"op": "delete-parameter", "name": "/n"}

The first line is `{"format": 1}`. A process killed while it writes leaves a last line without its end; that line was
never acknowledged and is dropped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

JsonObject = dict[str, Any]
Change = JsonObject

FORMAT = 1
# Compaction may meet tables of any size; lines are written in pieces of this many bytes.
_BUFFER_BYTES = 1 << 20


class JournalDamaged(Exception):
    """The file holds something that no crash of ours leaves behind; the message names the line."""


@dataclass(slots=True)
class State:
    """What the changes add up to. Items are kept by table and by the JSON text of their key."""

    tables: dict[str, JsonObject] = field(default_factory=dict)
    expiry: dict[str, JsonObject] = field(default_factory=dict)
    items: dict[str, dict[str, JsonObject]] = field(default_factory=dict)
    parameters: dict[str, JsonObject] = field(default_factory=dict)

    def apply(self, change: Change) -> None:
        """Apply one change. Raises KeyError when it does not fit the state or is of an unknown kind."""
        match change["op"]:
            case "put":
                table = change["table"]
                self.items[table][self._key(table, change["item"])] = change["item"]
            case "delete":
                table = change["table"]
                self.items[table].pop(self._key(table, change["key"]), None)
            case "create-table":
                self.tables[change["table"]] = change["definition"]
                self.items[change["table"]] = {}
            case "delete-table":
                del self.tables[change["table"]], self.items[change["table"]]
                self.expiry.pop(change["table"], None)
            case "time-to-live":
                self.expiry[change["table"]] = change["specification"]
            case "put-parameter":
                self.parameters[change["name"]] = change["definition"]
            case "delete-parameter":
                self.parameters.pop(change["name"], None)
            case unknown:
                raise KeyError(unknown)

    def changes(self, *, now: float) -> Iterator[Change]:
        """Yield the shortest list of changes that leads here, without items whose time to live is over at `now`."""
        for table, definition in self.tables.items():
            yield {"op": "create-table", "table": table, "definition": definition}
            if table in self.expiry:
                yield {"op": "time-to-live", "table": table, "specification": self.expiry[table]}
            for item in self.items[table].values():
                if not self._expired(table, item, now):
                    yield {"op": "put", "table": table, "item": item}
        for name, definition in self.parameters.items():
            yield {"op": "put-parameter", "name": name, "definition": definition}

    def _key(self, table: str, item: JsonObject) -> str:
        return json.dumps([item[name] for name in key_names(self.tables[table])])

    def _expired(self, table: str, item: JsonObject, now: float) -> bool:
        specification = self.expiry.get(table, {})
        if not specification.get("Enabled"):
            return False
        moment = item.get(specification["AttributeName"], {}).get("N")
        return moment is not None and float(moment) <= now


class Journal:
    """The open file. One process writes it; the state directory's lock sees to that."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND)

    def append(self, changes: list[Change]) -> None:
        """Write one line and wait until the disk has it. Raises OSError; then the file ends as it did before."""
        line = _encode(changes)
        end = os.fstat(self._file).st_size
        try:
            while line:
                line = line[os.write(self._file, line) :]
            _sync(self._file)
        except OSError:
            os.ftruncate(self._file, end)
            raise

    def close(self) -> None:
        """Close the file; everything appended is on the disk already."""
        os.close(self._file)


def key_names(definition: JsonObject) -> tuple[str, ...]:
    """Return the names of a table's key attributes, partition key first."""
    return tuple(part["AttributeName"] for part in definition["KeySchema"])


def read_state(path: Path) -> State:
    """Return what the file adds up to; nothing for a file that does not exist. Raises JournalDamaged."""
    state = State()
    if not path.exists():
        return state
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.endswith(b"\n"):
                break
            try:
                _read_line(state, line)
            except (ValueError, KeyError, TypeError, AttributeError) as exc:
                raise JournalDamaged(
                    f"{path}: line {number} cannot be read. Restore the file from a copy, or move it away to start "
                    "with an empty store"
                ) from exc
    return state


def write_state(path: Path, state: State, *, now: float) -> None:
    """Replace the file by the shortest one with the same state; a crash leaves the old one or the new one."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb", buffering=_BUFFER_BYTES) as file:  # noqa: PTH123 - the descriptor carries the mode
        file.write(json.dumps({"format": FORMAT}).encode() + b"\n")
        file.writelines(_encode([change]) for change in state.changes(now=now))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _read_line(state: State, line: bytes) -> None:
    content = json.loads(line)
    if isinstance(content, dict):
        if content["format"] != FORMAT:
            raise ValueError("written by another version")
        return
    for change in content:
        state.apply(change)


def _encode(changes: Iterable[Change]) -> bytes:
    return json.dumps(list(changes), separators=(",", ":")).encode() + b"\n"


def _sync(descriptor: int) -> None:
    # macOS has no fdatasync; the length changes with every line, so both do the same work.
    getattr(os, "fdatasync", os.fsync)(descriptor)

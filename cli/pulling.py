"""Brings what a stack has into files, and never over a change that only a file has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cli.content import Stored, digest, same
from cli.file_text import new_text, updated_text, write_whole
from cli.folder import Written, path_of
from cli.lock import Lock, is_seen, plain_description
from promptside.schema.prompt import JsonObject

Outcome = Literal["created", "changed", "same", "kept", "conflict"]


@dataclass(frozen=True, slots=True)
class Pulled:
    """What becomes of one file. `kept` is changed here only; `conflict` on both sides, or nobody knows where."""

    stored: Stored
    path: Path
    outcome: Outcome
    text: str | None = None


def plan_pull(stored: Stored, written: Written | None, folder: Path, lock: Lock, *, force: bool) -> Pulled:
    """Decide about one prompt or partial; nothing is written yet."""
    path = written.path if written is not None else path_of(folder, stored.name)
    if written is None:
        return Pulled(stored, path, "created", _first_text(stored))
    if same(written.content, stored.content):
        return Pulled(stored, path, "same")
    if not force and is_seen(lock, stored, path):
        return Pulled(stored, path, "kept")
    if not force and lock.base(stored.name) != digest(written.content):
        return Pulled(stored, path, "conflict")
    text = updated_text(path.read_text(encoding="utf-8"), stored.name.slug, stored.content)
    return Pulled(stored, path, "changed", text)


def carry_out(pulled: Pulled, lock: Lock) -> None:
    """Write the file, if it is to be written, and note what the stack holds."""
    if pulled.text is not None:
        write_whole(pulled.path, pulled.text)
    if pulled.outcome in ("created", "changed", "same"):
        lock.note(pulled.stored)


def _first_text(stored: Stored) -> str:
    fields: JsonObject = dict(stored.content)
    description = plain_description(stored)
    if description is not None:
        fields["description"] = description
    return new_text(fields)

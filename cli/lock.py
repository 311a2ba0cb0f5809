"""promptside.lock: what each prompt said when this checkout last saw it on a stack.

It tells "I changed the file" from "somebody changed the stack". It is a note of this checkout and does not belong into
git; see `is_seen` for what counts without it.

    {"format": 1, "stacks": {"<url>": {"welcome": {"version": 3, "content": "<sha-256>"}, "partials/tone": {...}}}}
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from cli.content import Name, Stored, digest
from cli.errors import CommandFailed
from cli.file_text import write_whole
from cli.history import was_committed

FILE = "promptside.lock"
_FORMAT = 1
_PUSHED = "(pushed from files)"
_SEEDED = "Example file "
"""How the local run begins the descriptions of the examples that it brings along."""


class Lock:
    """The notes about one stack. Every note is on disk at once, so that an interrupted push can go on."""

    def __init__(self, path: Path, url: str) -> None:
        self._path = path
        self._stacks = _read(path)
        self._notes: dict[str, Any] = self._stacks.setdefault(url, {})
        self._writing = threading.Lock()

    def base(self, name: Name) -> str | None:
        """Return the digest of what was last seen, None when nothing was."""
        note = self._notes.get(str(name))
        return note["content"] if note else None

    def note(self, stored: Stored) -> None:
        """Remember what a stack holds."""
        note = {"version": stored.version, "content": digest(stored.content)}
        with self._writing:
            if self._notes.get(str(stored.name)) != note:
                self._notes[str(stored.name)] = note
                content = {"format": _FORMAT, "stacks": self._stacks}
                write_whole(self._path, json.dumps(content, indent=1, sort_keys=True) + "\n")


def is_seen(lock: Lock, stored: Stored, path: Path) -> bool:
    """Tell whether replacing a stack's version undoes nobody's work that this checkout does not know.

    It knows what it pulled or pushed itself, and what an earlier commit of the file says. Without a note of its own it
    takes whatever was pushed from files as such a commit's: checkouts in continuous integration are often shallow.
    """
    base, there = lock.base(stored.name), digest(stored.content)
    if base == there:
        return True
    description = stored.description or ""
    if base is None and (description.endswith(_PUSHED) or description.startswith(_SEEDED)):
        return True
    return was_committed(path, stored.name, there)


def pushed_description(text: str | None) -> str:
    """Return the description of a version that is pushed from a file; an update by anybody else does not keep it."""
    return f"{text} {_PUSHED}" if text else _PUSHED


def plain_description(stored: Stored) -> str | None:
    """Return a version's description as its author wrote it."""
    text = stored.description or ""
    return None if text.startswith(_SEEDED) else text.removesuffix(_PUSHED).strip() or None


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as exc:
        raise CommandFailed(f"{path} is damaged: delete it, nothing but the notes of this checkout is lost") from exc
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise CommandFailed(f"{path} was written by another release: delete it, it holds notes of this checkout only")
    stacks: dict[str, dict[str, Any]] = content["stacks"]
    return stacks

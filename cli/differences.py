"""Shows a difference as a review reads it: a unified diff of the YAML of both sides."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from cli.content import Stored
from cli.file_text import new_text, ordered_like
from cli.folder import Written
from promptside.schema.prompt import JsonObject


def unified(stored: Stored | None, written: Written) -> Iterator[str]:
    """Yield the lines that turn what a stack has into what a file says, headers first."""
    before: JsonObject = ordered_like(stored.content, written.content) if stored is not None else {}
    old = new_text(before).splitlines()
    new = new_text(written.content).splitlines()
    label = "nothing" if stored is None else f"{stored.name}, version {stored.version}"
    yield from difflib.unified_diff(old, new, f"stack: {label}", f"file: {written.path}", lineterm="", n=3)

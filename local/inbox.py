"""Takes files from a folder of the laptop into the bucket's inbox, where they become batches.

`inbox/welcome/people.jsonl` becomes the object of the same name. A file is taken when it has not changed for one look,
and is moved to `inbox/.taken/` before anything else can go wrong with it twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from promptside.log import log_failure

LOOK_SECONDS = 1.0
TAKEN = ".taken"

Put = Callable[[str, Path], None]
"""Stores a file under a key."""


class Inbox:
    """The folder. It is there from the start, so that people find it."""

    def __init__(self, folder: Path, put: Put) -> None:
        self._folder = folder
        self._put = put
        self._seen: dict[Path, tuple[int, int]] = {}

    def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                self.look()
            except Exception as error:  # the edge: a file that vanishes must not end the watch
                log_failure("inbox_failed", error)
            time.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Take every file that has not changed since the last look."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found: dict[Path, tuple[int, int]] = {}
        for path in sorted(self._folder.rglob("*")):
            parts = path.relative_to(self._folder).parts
            if any(part.startswith(".") for part in parts) or not path.is_file():
                continue
            state = path.stat()
            found[path] = (state.st_size, state.st_mtime_ns)
            if self._seen.get(path) == found[path]:
                self._take(path, "/".join(parts))
                del found[path]
        self._seen = found

    def _take(self, path: Path, name: str) -> None:
        self._put(f"inbox/{name}", path)
        target = self._folder / TAKEN / f"{time.time_ns()}-{path.name}"
        target.parent.mkdir(mode=0o700, exist_ok=True)
        path.replace(target)

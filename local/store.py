"""The local store as the parent sees it: a locked directory, and the engine's process with its loopback address."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

_LOCK_SECONDS = 2.0
_STOP_SECONDS = 3.0


class StoreFailed(Exception):
    """The store cannot be used; the message says what to do."""


class StateDirectory:
    """Where the state lives, locked for one running instance.

    The lock belongs to the open file, which the engine inherits: it is free again when both processes are gone, and
    not before.
    """

    def __init__(self, path: Path, *, patience_seconds: float = _LOCK_SECONDS) -> None:
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.lock = (path / "lock").open("a+")
        except OSError as exc:
            raise StoreFailed(
                f"The state directory {path} cannot be used: {exc.strerror}. Set PROMPTSIDE_STATE_DIR to another one"
            ) from exc
        deadline = time.monotonic() + patience_seconds
        while not self._try_lock():
            # The engine of an instance that was killed needs a moment to notice.
            if time.monotonic() >= deadline:
                self.lock.seek(0)
                holder = self.lock.read().strip() or "unknown"
                self.lock.close()
                raise StoreFailed(
                    f"Another promptside (process {holder}) is using {path}. Stop it, or set PROMPTSIDE_STATE_DIR to "
                    "another directory"
                )
            time.sleep(0.02)
        self.lock.truncate(0)
        self.lock.write(f"{os.getpid()}\n")
        self.lock.flush()

    def close(self) -> None:
        """Give the directory back."""
        self.lock.close()

    def _try_lock(self) -> bool:
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class Store:
    """The engine's process. It is started at once; `address` waits until it answers.

    `port` is the one it would like to have, `machines_url` where this process answers for state machines.
    """

    def __init__(self, directory: StateDirectory, *, port: int = 0, machines_url: str = "") -> None:
        self._address: str | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local.engine", str(directory.path / "journal.jsonl"), str(port), machines_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[directory.lock.fileno()],
            # Ctrl-C reaches a whole process group, but the parent decides when the store may go.
            process_group=0,
        )

    @property
    def pid(self) -> int:
        """The engine's process id."""
        return self._process.pid

    def address(self) -> str:
        """Return the base URL once the engine answers. Raises StoreFailed if it ended instead."""
        if self._address is None:
            self._address = self._read_address()
        return self._address

    def _read_address(self) -> str:
        line = _pipe(self._process.stdout).readline()
        if not line:
            self._process.wait()
            raise StoreFailed("The local store did not start; the line above says why")
        return f"http://127.0.0.1:{json.loads(line)['port']}"

    def wait(self) -> int:
        """Wait for the engine's end and return its exit code."""
        return self._process.wait()

    def stop(self) -> None:
        """Stop the engine; harmless when it is gone. Everything acknowledged is on the disk already."""
        _pipe(self._process.stdin).close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _pipe(self._process.stdout).close()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise StoreFailed("The local store has no pipe")
    return pipe

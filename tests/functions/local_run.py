"""Starts the local run as a user does: as a process, over HTTP, with a state directory of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CHECKOUT = Path(__file__).parents[2]
KEY = "ps-local-development-key"
SECONDS = 20.0
_KEPT = ("HOME", "LANG", "PATH", "PYTHONDONTWRITEBYTECODE", "TMPDIR")


class LocalRun:
    """A running process; `lines` is what it has said so far."""

    def __init__(self, state: Path, environment: Mapping[str, str]) -> None:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}  # noqa: TID251 - what a process of its own needs
        self.process = subprocess.Popen(
            [sys.executable, "-m", "local"],
            cwd=CHECKOUT,
            env={
                **kept,
                "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'layers' / 'shared'}",
                # No profile of whoever runs the tests.
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                "PORT": "0",
                "PROMPTSIDE_STATE_DIR": str(state),
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self.errors: list[str] = []
        self._news = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read, args=(self.process.stdout, self.lines)),
            threading.Thread(target=self._read, args=(self.process.stderr, self.errors)),
        ]
        for reader in self._readers:
            reader.start()

    @property
    def base_url(self) -> str:
        return self.line("promptside is running on").split()[-1]

    def line(self, start: str) -> str:
        """Return the first line that starts so, as soon as it is there."""

        def find() -> str | None:
            return next((line for line in self.lines if line.strip().startswith(start)), None)

        with self._news:
            found = self._news.wait_for(lambda: find() or self.process.poll() is not None, SECONDS) and find()
        assert found, f"no line '{start}' in {self.lines} {self.errors}"
        return found

    def call(self, method: str, path: str, body: Any = None, key: str = KEY) -> tuple[int, Any]:
        """Return status and decoded JSON; `path` comes after the base URL."""
        with self.open(method, path, body, key) as answer:
            return answer.status, json.loads(answer.read())

    @contextmanager
    def open(self, method: str, path: str, body: Any = None, key: str = KEY) -> Iterator[http.client.HTTPResponse]:
        """Give the answer as soon as its headers are there."""
        address = urlsplit(self.base_url)
        connection = http.client.HTTPConnection(address.netloc, timeout=SECONDS)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(
            method, address.path + path, data, {"x-portkey-api-key": key, "content-type": "application/json"}
        )
        answer = connection.getresponse()
        try:
            yield answer
        finally:
            answer.close()
            connection.close()

    def run(self, slug: str, variables: dict[str, Any] | None = None, key: str = KEY, **body: Any) -> tuple[int, Any]:
        """Return what a completion answers."""
        return self.call("POST", f"/prompts/{slug}/completions", {"variables": variables or {}, **body}, key)

    def end(self, signal_number: int = signal.SIGINT) -> int:
        """Send the signal and return the exit code."""
        self.process.send_signal(signal_number)
        return self.wait()

    def wait(self) -> int:
        """Wait for the process' own end and return the exit code."""
        code = self.process.wait(SECONDS)
        for reader in self._readers:
            reader.join(SECONDS)
        return code

    def close(self) -> None:
        """Kill what is left, and let go of the pipes."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()

    def _read(self, pipe: Any, lines: list[str]) -> None:
        for line in pipe:
            with self._news:
                lines.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._news.notify_all()


@contextmanager
def local_run(state: Path, **environment: str) -> Iterator[LocalRun]:
    """Start it, and leave nothing of it behind."""
    running = LocalRun(state, environment)
    try:
        yield running
    finally:
        running.close()

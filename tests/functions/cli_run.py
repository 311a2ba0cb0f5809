"""Runs the command line as a user does: as a process, in a folder, with pipes or in a terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from cli.commands.root import main
from tests.functions.local_run import CHECKOUT

SECONDS = 30.0
_KEPT = ("HOME", "LANG", "PATH", "PYTHONDONTWRITEBYTECODE", "TMPDIR")


@dataclass(frozen=True)
class Result:
    """How a command ended. In a terminal everything is in `output`."""

    code: int
    output: str
    errors: str = ""


class Cli:
    """The command line in one folder, for one stack."""

    def __init__(self, folder: Path, url: str | None = None, **environment: str) -> None:
        self.folder = folder
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}  # noqa: TID251 - what a process needs
        self._environment = {
            **kept,
            "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'layers' / 'shared'}",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            **({"PROMPTSIDE_URL": url} if url else {}),
            **environment,
        }

    def run(self, *arguments: str, stdin: str = "") -> Result:
        """Run with pipes."""
        done = subprocess.run(
            self._command(arguments),
            cwd=self.folder,
            env=self._environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def prepare(self, *arguments: str) -> None:
        """Run within this process, for what a test only builds upon."""
        environment = {"PROMPTSIDE_API_KEY": None, "PROMPTSIDE_URL": None, **self._environment}
        result = CliRunner(env=environment).invoke(main, ["-C", str(self.folder), *arguments])
        assert result.exit_code == 0, result.output

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start with pipes, and leave it running."""
        return subprocess.Popen(
            self._command(arguments),
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def in_terminal(self, *arguments: str, typed: Sequence[tuple[str, str]] = ()) -> Result:
        """Run in a pseudo-terminal; each pair waits for a prompt and then types a line."""
        terminal, inside = pty.openpty()
        with subprocess.Popen(
            self._command(arguments),
            cwd=self.folder,
            env={**self._environment, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"},
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
        ) as process:
            os.close(inside)
            try:
                output = _read(terminal, list(typed))
            except BaseException:
                process.kill()
                raise
            finally:
                os.close(terminal)
            return Result(process.wait(SECONDS), output)

    def _command(self, arguments: Sequence[str]) -> list[str]:
        return [sys.executable, "-P", "-m", "cli", *arguments]


def _read(terminal: int, typed: list[tuple[str, str]]) -> str:
    """Return everything that a terminal shows until the program has ended."""
    shown = b""
    deadline = time.monotonic() + SECONDS
    while True:
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"nothing more came after {shown!r}"
        data = b""
        with contextlib.suppress(OSError):
            # Linux reports the end of the program as an error.
            data = os.read(terminal, 65536)
        if not data:
            return shown.decode()
        shown += data
        if typed and typed[0][0].encode() in shown:
            os.write(terminal, typed.pop(0)[1].encode() + b"\n")

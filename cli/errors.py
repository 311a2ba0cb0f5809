"""Errors that the command line shows as one message, with exit code 1."""

from __future__ import annotations

from typing import IO, Any

import click


class CommandFailed(click.ClickException):
    """Something that the user can do something about; the message says what."""

    exit_code = 1

    def show(self, file: IO[Any] | None = None) -> None:  # noqa: ARG002 - always standard error
        """Print the message; its first line says that it is an error."""
        click.echo(f"{click.style('Error', fg='red', bold=True)}: {self.format_message()}", err=True)


class Unreachable(CommandFailed):
    """No connection to the stack, or it was lost."""


class Refused(CommandFailed):
    """The stack answered with an error. `status` is HTTP's; `code` is from the list in docs/api.md."""

    def __init__(self, message: str, *, status: int, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

"""What people see: progress on long work, diffs in colour, one summary at the end.

Results go to standard output, everything about the work to standard error, so that a pipe gets results only.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import click

Advance = Callable[[str], None]

_PIPE_WIDTH = 4000
_STYLES = {
    "created": "green", "changed": "yellow", "renamed": "yellow", "published": "green", "conflict": "red",
    "create": "green", "update": "yellow", "rename": "yellow", "publish": "green", "kept": "cyan",
}  # fmt: skip


@contextmanager
def progress(total: int, title: str) -> Iterator[Advance]:
    """Give a function that is called for each step of `total`; a bar shows in a terminal and goes when all is done."""
    if total == 0 or not sys.stderr.isatty():
        yield lambda _: None
        return
    # Programs in pipes and in continuous integration start faster without it.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=30), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda text: bar.update(task, advance=1, description=text or title)


def show_diff(lines: Iterable[str]) -> None:
    """Print a unified diff, in colour in a terminal."""
    for line in lines:
        if line.startswith(("+++", "---")):
            click.secho(line, bold=True)
        else:
            colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
            click.secho(line, fg=colour)


def show_action(what: str, name: str, detail: str = "") -> None:
    """Print one line about one prompt: `changed   welcome   version 4`."""
    click.echo(click.style(f"{what:<10}", fg=_STYLES.get(what)) + f"{name:<28}  {detail}".rstrip())


def show_warning(text: str) -> None:
    """Print a warning."""
    click.echo(f"{click.style('Warning', fg='yellow', bold=True)}: {text}", err=True)


def say(text: str) -> None:
    """Print a line about the work."""
    click.echo(text, err=True)


def show_table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print rows below their headings; the first column is never cut, and a pipe gets whole lines."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number == 0)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    Console(width=width, markup=False, highlight=False, emoji=False).print(table)


def show_notes(title: str, notes: Iterable[tuple[str, str]]) -> None:
    """Print remarks below a title, nothing without any."""
    lines = [f"  {what}: {text}" for what, text in notes]
    if lines:
        click.echo("\n".join(["", title, *lines]))


def count(number: int, one: str, many: str | None = None) -> str:
    """Return `1 prompt`, `2 prompts`."""
    return f"{number} {one if number == 1 else many or one + 's'}"

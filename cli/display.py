"""What people see: progress on long work, diffs in colour, one summary at the end.

Results go to standard output, everything about the work to standard error, so that a pipe gets results only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

Advance = Callable[[str], None]

_PIPE_WIDTH = 4000
_DIFF_STYLES = (("+++", "bold"), ("---", "bold"), ("@@", "cyan"), ("+", "green"), ("-", "red"))
_STYLES = {
    "created": "green", "changed": "yellow", "renamed": "yellow", "published": "green", "conflict": "red bold",
    "create": "green", "update": "yellow", "rename": "yellow", "publish": "green", "kept": "cyan",
}  # fmt: skip


def output() -> Console:
    """Return standard output; text is never wrapped, cut or taken for markup."""
    return Console(soft_wrap=True, markup=False, highlight=False, emoji=False)


def errors() -> Console:
    """Return standard error."""
    return Console(stderr=True, soft_wrap=True, markup=False, highlight=False, emoji=False)


@contextmanager
def progress(total: int, title: str) -> Iterator[Advance]:
    """Give a function that is called for each step of `total`; a bar shows in a terminal and goes when all is done."""
    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(bar_width=30), MofNCompleteColumn()
    )  # fmt: skip
    console = errors()
    if not console.is_terminal or total == 0:
        yield lambda _: None
        return
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda text: bar.update(task, advance=1, description=text or title)


def show_diff(lines: Iterable[str]) -> None:
    """Print a unified diff."""
    console = output()
    for line in lines:
        style = next((style for start, style in _DIFF_STYLES if line.startswith(start)), "")
        console.print(Text(line, style=style))


def show_action(what: str, name: str, detail: str = "") -> None:
    """Print one line about one prompt: `changed   welcome   version 4`."""
    line = Text(f"{what:<10}", style=_STYLES.get(what, ""))
    line.append(f"{name:<28}  {detail}".rstrip(), style="default")
    output().print(line)


def show_warning(text: str) -> None:
    """Print a warning."""
    errors().print(Text("Warning: ", style="yellow bold").append(text, style="default"))


def say(text: str) -> None:
    """Print a line about the work."""
    errors().print(text)


def show_table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print rows below their headings; the first column is never cut, and a pipe gets whole lines."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number == 0)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    terminal = Console().is_terminal
    Console(width=None if terminal else _PIPE_WIDTH, markup=False, highlight=False, emoji=False).print(table)


def show_notes(title: str, notes: Iterable[tuple[str, str]]) -> None:
    """Print remarks below a title, nothing without any."""
    lines = [f"  {what}: {text}" for what, text in notes]
    if lines:
        output().print("\n".join(["", title, *lines]))


def count(number: int, one: str, many: str | None = None) -> str:
    """Return `1 prompt`, `2 prompts`."""
    return f"{number} {one if number == 1 else many or one + 's'}"

"""`promptside batch`: a prompt for every line of a file, with a progress bar."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from cli.batch_lines import prepare
from cli.batches import ENDED, fetch, follow, send_file, start
from cli.commands.context import Context
from cli.display import count, say, show_table
from cli.errors import CommandFailed
from promptside.errors import JsonObject

_MOST_ERRORS = 20
_SHOWN = 100
_NOT_RUN = frozenset({"batch_cancelled", "batch_expired"})
_OUTPUT = click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the results go, one line for each line; failed ones go beside it, into NAME.errors.jsonl.",
)


@click.group("batch")
def command() -> None:
    """Run a prompt for every line of a file, on the stack: up to 50,000 lines, and nobody needs to wait."""


@command.command("run")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-p", "--prompt", metavar="PROMPT", help="Which prompt: welcome, welcome@3, welcome@staging.")
@click.option("--config", metavar="CONFIG", help="The config that all lines run under.")
@_OUTPUT
@click.option("--cancel", "cancels", is_flag=True, help="Ctrl-C cancels the batch instead of leaving it running.")
@click.option("--no-wait", is_flag=True, help="Start it, print its id, and leave.")
@click.pass_obj
def run(
    context: Context,
    *,
    file: Path,
    prompt: str | None,
    config: str | None,
    output: Path | None,
    cancels: bool,
    no_wait: bool,
) -> None:
    """Run a prompt for every line of FILE.

    \b
    FILE is JSON Lines, {"variables": {"name": "Ada"}} in each, or a CSV with a column for each variable.
    Lines may have a "custom_id", and parameters of their own. Without --prompt, lines are those of OpenAI's
    batch API.

    Exit code 1: a line has failed.
    """  # noqa: D301 - click reads the character
    client = context.client
    with tempfile.TemporaryFile() as made:
        prepared = prepare(file, prompt, made)
        if prompt is not None and prepared.first_variables is not None:
            # An unknown prompt or a variable that is missing everywhere shows here, before anything is sent.
            client.run(f"/prompts/{prompt}/render", {"variables": prepared.first_variables})
        with _bar("Sending", made.tell()) as advance:
            file_id = send_file(client, f"{file.stem}.jsonl", made, lambda size: advance(size, ""))
    batch_id = start(client, file_id, prepared.endpoint, config=config)["id"]
    if no_wait:
        click.echo(batch_id)
        return
    say(f"Batch {batch_id}: {count(prepared.lines, 'line')}")
    _finish(context, batch_id, prepared.lines, output, cancels=cancels)


@command.command("status")
@click.argument("batch_id", metavar="BATCH")
@click.option("--wait", is_flag=True, help="Stay until it has ended.")
@_OUTPUT
@click.pass_obj
def status(context: Context, batch_id: str, *, wait: bool, output: Path | None) -> None:
    """Show how far a batch is, and fetch its results when it has ended."""
    batch = context.client.get(f"/batches/{batch_id}")
    if wait or (output is not None and batch["status"] in ENDED):
        _finish(context, batch_id, batch["request_counts"]["total"], output)
        return
    counts = batch["request_counts"]
    click.echo(f"{batch['status']}: {counts['completed']} of {counts['total']} completed, {counts['failed']} failed")
    for problem in (batch["errors"] or {}).get("data", ()):
        say(f"  {problem['code']}: {problem['message']}")


@command.command("cancel")
@click.argument("batch_id", metavar="BATCH")
@click.pass_obj
def cancel(context: Context, batch_id: str) -> None:
    """Stop a batch: lines that have begun are finished, the others become errors."""
    batch = context.client.send("POST", f"/batches/{batch_id}/cancel", {})
    click.echo(f"{batch_id} is {batch['status']}")


@command.command("list")
@click.pass_obj
def list_batches(context: Context) -> None:
    """List the newest batches."""
    rows = []
    for batch in context.client.get("/batches", {"limit": str(_SHOWN)})["data"]:
        counts = batch["request_counts"]
        rows.append((batch["id"], batch["status"], f"{counts['completed']}/{counts['total']}", str(counts["failed"])))
    show_table(("BATCH", "STATUS", "COMPLETED", "FAILED"), rows)


def _finish(context: Context, batch_id: str, lines: int, output: Path | None, *, cancels: bool = False) -> None:
    """Wait for the end of a batch, and write what came of it. Raises CommandFailed when a line has failed."""
    try:
        batch = _followed(context, batch_id, lines)
    except KeyboardInterrupt:
        if not cancels:
            say(f"\nThe batch goes on. Come back with: promptside batch status {batch_id} --wait")
            raise click.exceptions.Exit(130) from None
        context.client.send("POST", f"/batches/{batch_id}/cancel", {})
        say("\nCancelling: what has begun is finished first")
        batch = _followed(context, batch_id, lines)
    _write_results(context, batch, output)
    counts = batch["request_counts"]
    say(f"{batch['status'].capitalize()}: {counts['completed']} of {counts['total']} lines, {counts['failed']} failed")
    for problem in (batch["errors"] or {}).get("data", ()):
        raise CommandFailed(f"{problem['message']} ({problem['code']})")
    if counts["failed"] or batch["status"] != "completed":
        raise click.exceptions.Exit(1)


def _followed(context: Context, batch_id: str, lines: int) -> JsonObject:
    batch: JsonObject = {}
    done = 0
    with _bar("Running", lines) as advance:
        for batch in follow(context.client, batch_id):
            counts = batch["request_counts"]
            now = counts["completed"] + counts["failed"]
            advance(now - done, batch["status"].replace("_", " ").capitalize())
            done = now
    return batch


def _write_results(context: Context, batch: JsonObject, output: Path | None) -> None:
    if batch["output_file_id"]:
        if output is None:
            fetch(context.client, batch["output_file_id"], sys.stdout.buffer)
            sys.stdout.flush()
        else:
            with output.open("wb") as target:
                fetch(context.client, batch["output_file_id"], target)
    if batch["error_file_id"]:
        with tempfile.TemporaryFile() if output is None else _beside(output).open("w+b") as target:
            fetch(context.client, batch["error_file_id"], target)
            target.seek(0)
            kept = "--output keeps" if output is None else f"{_beside(output)} has"
            _show_errors(iter(target.readline, b""), f"  and more: {kept} all of them")


def _beside(output: Path) -> Path:
    return output.with_name(f"{output.stem}.errors.jsonl")


def _show_errors(lines: Iterator[bytes], more: str) -> None:
    """Print the errors of lines that were run; the status says it all of those that were not run any more."""
    shown = 0
    for line in lines:
        entry = json.loads(line)
        error = entry["error"]
        if error["code"] in _NOT_RUN:
            continue
        if shown == _MOST_ERRORS:
            say(more)
            return
        shown += 1
        say(f"  {entry['custom_id'] or 'line ' + str(entry['line'])}: {error['message']} ({error['code']})")


@contextmanager
def _bar(title: str, total: int) -> Iterator[Callable[[int, str], None]]:
    """Give a function that moves a bar on by some steps; in a pipe it says when the title changes."""
    if not sys.stderr.isatty():
        seen = {title}

        def tell(_: int, text: str) -> None:
            if text and text not in seen:
                seen.add(text)
                say(text)

        yield tell
        return
    # Programs in pipes and in continuous integration start faster without it.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(30),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with suppress(BrokenPipeError), Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total or None)
        yield lambda steps, text: bar.update(task, advance=steps, description=text or title)

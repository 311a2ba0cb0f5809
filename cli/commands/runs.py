"""`promptside runs`: what became of the runs that nobody waited for."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click

from cli.commands.context import Context
from cli.display import show_table
from promptside.errors import JsonObject

_PAGE = 100


@click.group("runs")
def command() -> None:
    """Show the records of runs that came from queues, events, files and batches."""


@command.command("get")
@click.argument("run_id", metavar="RUN")
@click.pass_obj
def get(context: Context, run_id: str) -> None:
    """Show everything that is known about a run."""
    click.echo(json.dumps(context.client.get(f"/runs/{run_id}"), ensure_ascii=False, indent=2))


@command.command("list")
@click.option("--batch", "batch_id", metavar="BATCH", help="Only the runs of a batch, in the order of its lines.")
@click.option("-n", "--number", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many.")
@click.pass_obj
def list_runs(context: Context, batch_id: str | None, number: int) -> None:
    """List runs, the newest first."""
    found: list[JsonObject] = []
    after = ""
    while len(found) < number:
        query = {"limit": str(min(_PAGE, number - len(found)))}
        query |= {"batch_id": batch_id} if batch_id else {}
        page = context.client.get("/runs", query | ({"after": after} if after else {}))
        found += page["data"]
        if not page["has_more"]:
            break
        after = page["last_id"]
    show_table(("RUN", "STATUS", "PROMPT", "SOURCE", "LINE", "WHEN"), [_row(run) for run in found])


def _row(run: JsonObject) -> tuple[str, ...]:
    moment = datetime.fromtimestamp(run["created_at"], UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    line = str(run["line"]) if run["line"] is not None else ""
    return run["id"], run["status"], run["prompt"] or "", run["source"] or "", line, moment

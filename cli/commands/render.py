"""`promptside render`: what a call would send, without sending it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from cli.commands.context import Context
from cli.commands.variables import read_values, read_variables, takes_prompt
from cli.display import show_warning
from cli.yaml_text import dump
from promptside.schema.prompt import JsonObject


@click.command("render")
@takes_prompt
@click.option("--plan", is_flag=True, help="Also where it would go, what would be dropped, what it costs at most.")
@click.option("--json", "as_json", is_flag=True, help="The answer as it came.")
@click.pass_obj
def command(
    context: Context,
    slug: str,
    variables: tuple[str, ...],
    *,
    variables_file: Path | None,
    parameters: tuple[str, ...],
    plan: bool,
    as_json: bool,
) -> None:
    """Show a prompt filled with its variables; no provider is called.

    PROMPT is the published version, PROMPT@3, PROMPT@latest and PROMPT@staging are others.
    """
    body: JsonObject = {
        **read_values(parameters, "-p", typed=True),
        "variables": read_variables(context, slug, variables, variables_file),
    }
    answer = context.client.run(f"/prompts/{slug}/render{'?plan=true' if plan else ''}", body)
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False, indent=2))
        return
    click.echo(dump(answer["data"]).rstrip("\n"))
    if plan:
        planned = dict(answer["plan"])
        warnings = planned.pop("warnings", [])
        click.echo("\n" + dump({"plan": planned}).rstrip("\n"))
        for warning in warnings:
            show_warning(warning)

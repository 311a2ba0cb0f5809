"""`promptside diff`: exactly what a push would change."""

from __future__ import annotations

import click

from cli.commands.context import Context
from cli.commands.push import make_plan
from cli.differences import unified
from cli.display import count, say, show_diff, show_warning


@click.command("diff")
@click.argument("slugs", nargs=-1, metavar="[PROMPT]...")
@click.option("--name-only", is_flag=True, help="Only the names, each with what would become of it.")
@click.pass_obj
def command(context: Context, slugs: tuple[str, ...], *, name_only: bool) -> None:
    """Show what a push would change, as a unified diff from the stack's latest versions to the files."""
    plan = make_plan(context, slugs, publish=False)
    for step in plan.changes:
        if name_only:
            click.echo(f"{step.action}  {step.written.name}")
        else:
            show_diff(unified(step.stored, step.written))
    for step in plan.conflicts:
        show_warning(f"{step.written.name} was changed on the stack, and this checkout has not seen it")
    if plan.only_stored:
        say(f"Only on the stack, and untouched by a push: {', '.join(map(str, plan.only_stored))}")
    created = sum(step.action == "create" for step in plan.steps)
    changed = len(plan.changes) - created
    say(
        f"{created} to create, {changed} to change, {len(plan.steps) - len(plan.changes)} of"
        f" {count(len(plan.steps), 'file')} unchanged"
    )

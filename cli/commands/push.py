"""`promptside push`: send what changed in files; with --check only tell, for continuous integration."""

from __future__ import annotations

import click

from cli.commands.context import Context
from cli.differences import unified
from cli.display import count, progress, show_action, show_diff, show_warning
from cli.errors import CommandFailed
from cli.planning import Plan, plan_push
from cli.pushing import Done, push, steps_of


@click.command("push")
@click.argument("slugs", nargs=-1, metavar="[PROMPT]...")
@click.option("--publish", is_flag=True, help="Publish what was sent, and what is not published yet.")
@click.option("--check", is_flag=True, help="Send nothing; exit with 1 when there would be something to do.")
@click.option("--force", is_flag=True, help="Replace what somebody else changed on the stack.")
@click.option("-m", "--message", help="Description of the new versions, instead of the files' own.")
@click.pass_obj
def command(
    context: Context, slugs: tuple[str, ...], *, publish: bool, check: bool, force: bool, message: str | None
) -> None:
    """Send prompts that differ from the stack, partials first.

    What is equal is not sent. A changed prompt gets a new version, which no call sees until it is published; a new
    prompt's first version is published at once. An interrupted push is finished by running it again.
    """
    plan = make_plan(context, slugs, publish=publish)
    if check:
        _check(plan)
        return
    if plan.conflicts and not force:
        raise CommandFailed(conflict_message(plan))
    done = Done()
    try:
        with progress(steps_of(plan), "Pushing") as advance:
            push(context.stack, plan, context.lock, message=message, advance=advance, done=done)
    finally:
        for what, name, detail in done.lines:
            show_action(what, str(name), detail)
        for name, warning in done.warnings:
            show_warning(f"{name}: {warning}")
    click.echo(_summary(context, plan, done, publish=publish))


def make_plan(context: Context, slugs: tuple[str, ...], *, publish: bool) -> Plan:
    """Read files and stack and compare them."""
    written = context.chosen(context.written(), slugs)
    names = [] if slugs else context.stack.names()
    wanted = [item.name for item in written]
    there = [name for name in wanted if slugs or name in set(names)]
    return plan_push(written, context.stored(there), context.lock, publish=publish, names=names)


def conflict_message(plan: Plan) -> str:
    """Return what to do about changes that this checkout does not know."""
    lines = [
        f"  {step.written.name}: version {step.stored.version} on the stack is not what this checkout last saw"
        for step in plan.conflicts
        if step.stored is not None
    ]
    return "\n".join(
        [
            "Nothing was sent: somebody changed the stack, and this push would undo it.",
            *lines,
            "'promptside diff' shows it, 'promptside pull' takes it into the files,"
            " 'promptside push --force' replaces it.",
        ]
    )


def _check(plan: Plan) -> None:
    for step in plan.changes:
        if step.action != "none":
            show_diff(unified(step.stored, step.written))
        else:
            show_action("publish", str(step.written.name), f"version {step.stored.version if step.stored else 1}")
    if plan.conflicts:
        show_warning(
            "the stack has changes that this checkout never saw: "
            + ", ".join(str(step.written.name) for step in plan.conflicts)
        )
    if plan.changes:
        raise CommandFailed(f"Files and stack differ: {count(len(plan.changes), 'prompt')} of {len(plan.steps)}")
    click.echo(f"Files and stack agree: {count(len(plan.steps), 'file')}")


def _summary(context: Context, plan: Plan, done: Done, *, publish: bool) -> str:
    target = str(context.target)
    if not done.lines:
        return f"Nothing to do: {count(len(plan.steps), 'file')} and {target} agree"
    counts = [
        f"{number} {what}"
        for what in ("created", "changed", "renamed", "published")
        if (number := sum(line[0] == what for line in done.lines))
    ]
    same = len(plan.steps) - len(plan.changes)
    text = f"{', '.join(counts)}, {same} unchanged on {target}"
    waiting = any(line[0] == "changed" for line in done.lines) and not publish
    return f"{text}\nCalls still get the old versions until 'promptside push --publish'" if waiting else text

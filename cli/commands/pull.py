"""`promptside pull`: bring the stack's prompts into files."""

from __future__ import annotations

import click

from cli.commands.context import Context
from cli.content import Name
from cli.display import count, show_action
from cli.errors import CommandFailed
from cli.pulling import Pulled, carry_out, plan_pull

_DETAILS = {
    "kept": "changed here, and not on the stack",
    "conflict": "changed here and on the stack, or not known where",
}


@click.command("pull")
@click.argument("slugs", nargs=-1, metavar="[PROMPT]...")
@click.option("--force", is_flag=True, help="Also replace files that were changed here.")
@click.pass_obj
def command(context: Context, slugs: tuple[str, ...], *, force: bool) -> None:
    """Write the stack's latest versions into files, where they differ.

    Files keep their comments and style wherever the prompt did not change, and keep `description` and `variables`.
    A file that was changed here since the last pull or push stays as it is.
    """
    written = {item.name: item for item in (context.written() if context.folder.is_dir() else [])}
    names = [context.name(slug) for slug in slugs] or context.stack.names()
    stored = context.stored(names)
    _check_found(names, set(stored))
    plans = [
        plan_pull(item, written.get(name), context.folder, context.lock, force=force) for name, item in stored.items()
    ]
    for pulled in plans:
        carry_out(pulled, context.lock)
        if pulled.outcome != "same":
            show_action(pulled.outcome, str(pulled.path), _detail(pulled))
    _finish(context, plans)


def _detail(pulled: Pulled) -> str:
    return _DETAILS.get(pulled.outcome, f"from version {pulled.stored.version}")


def _check_found(names: list[Name], found: set[Name]) -> None:
    missing = [str(name) for name in names if name not in found]
    if missing:
        raise CommandFailed(f"The stack has no {', '.join(missing)}")


def _finish(context: Context, plans: list[Pulled]) -> None:
    unchanged = sum(pulled.outcome == "same" for pulled in plans)
    conflicts = [pulled for pulled in plans if pulled.outcome == "conflict"]
    changed = sum(pulled.text is not None for pulled in plans)
    click.echo(f"{count(changed, 'file')} written, {unchanged} unchanged, from {context.target}")
    if conflicts:
        names = " ".join(str(pulled.stored.name) for pulled in conflicts)
        raise CommandFailed(
            f"{count(len(conflicts), 'file was', 'files were')} left alone: 'promptside diff {names}' shows both sides,"
            f" 'promptside pull --force {names}' takes the stack's"
        )

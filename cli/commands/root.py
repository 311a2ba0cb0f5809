"""The command line's first level; each command is imported when it is used."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import click

from cli.commands.context import Context
from cli.project import Choice

_COMMANDS = {
    "init": "init", "push": "push", "pull": "pull", "diff": "diff", "publish": "publish", "run": "run",
    "render": "render", "batch": "batch", "runs": "runs", "keys": "keys", "secrets": "secrets", "import": "importing",
}  # fmt: skip


class _Commands(click.Group):
    """Finds commands by the name of their module."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - its signature
        """Return the names in the order of use."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - its signature
        """Import a command."""
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"cli.commands.{_COMMANDS[cmd_name]}").command
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--url", metavar="URL", help="Base URL of the stack.  [env var: PROMPTSIDE_URL; default: the local run]")
@click.option("--api-key", metavar="KEY", help="API key of the stack.  [env var: PROMPTSIDE_API_KEY]")
@click.option("-t", "--target", metavar="NAME", help="A target of promptside.yaml.")
@click.option(
    "-C",
    "--directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="Start here instead of in the current folder.",
)
@click.pass_context
def main(context: click.Context, *, url: str | None, api_key: str | None, target: str | None, directory: Path) -> None:
    """Prompts as code: keep prompts in files, push them to a stack, run them.

    \b
      promptside init                      a first prompt and promptside.yaml
      promptside diff                      what a push would change
      promptside push --publish            send what changed, then publish it
      promptside run welcome -v name=Ada   run a prompt, token by token
      promptside batch run people.jsonl --prompt welcome    run it for every line of a file

    Without options it talks to the local run ('make run').
    """  # noqa: D301 - click reads the character
    environment = os.environ  # noqa: TID251 - the command line's own edge
    context.obj = Context(directory.resolve(), Choice(url, api_key, target), environment)

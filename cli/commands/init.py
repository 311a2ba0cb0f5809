"""`promptside init`: a first prompt, and the file that names the stacks."""

from __future__ import annotations

from pathlib import Path

import click

from cli.commands.context import Context
from cli.display import show_action
from cli.errors import CommandFailed
from cli.file_text import write_whole
from cli.lock import FILE as LOCK_FILE
from cli.project import FILE, LOCAL_URL

_SETTINGS = f"""\
# Where 'promptside' finds the prompt files, and the stacks that it can push them to.
prompts: prompts
default: local
targets:
  local:
    url: {LOCAL_URL}
  # The outputs of the stack say what to write here. The key stays in an environment variable.
  # production:
  #   url: https://abc123.execute-api.us-east-1.amazonaws.com/prod/v1
  #   api_key_variable: PROMPTSIDE_PRODUCTION_KEY
  #   secrets_prefix: /promptside/my-stack
  #   region: us-east-1
"""
_PROMPT = """\
name: Haiku
description: A haiku about anything.
virtual_key: openai
model: gpt-6-luna
parameters:
  max_tokens: 200
messages:
  - role: system
    content: |
      You write haiku: three lines of five, seven and five syllables.
      {{>plain-words}}
  - role: user
    content: |
      Write a haiku about {{topic}}.
# Values for 'promptside run haiku'; they stay in this file.
variables:
  topic: a prompt that is kept in git
"""
_PARTIAL = """\
name: Plain words
description: Prompts include this with {{>plain-words}}.
text: |
  Use plain words. Answer with the text alone.
"""


@click.command("init")
@click.pass_obj
def command(context: Context) -> None:
    """Write promptside.yaml and a prompts folder with one example; what is there already stays."""
    root = context.directory
    files = {root / FILE: _SETTINGS}
    if not any((root / "prompts").glob("*.y*ml")):
        files[root / "prompts" / "haiku.yaml"] = _PROMPT
        files[root / "prompts" / "partials" / "plain-words.yaml"] = _PARTIAL
    missing = {path: text for path, text in files.items() if not path.exists()}
    if not missing:
        raise CommandFailed(f"There is a {FILE} and a folder with prompts in {root} already")
    for path, text in missing.items():
        write_whole(path, text)
        show_action("created", str(path.relative_to(root)))
    _ignore_lock(root)
    click.echo("Next: 'promptside push', then 'promptside run haiku'")


def _ignore_lock(root: Path) -> None:
    """Keep the notes of this checkout out of git."""
    path = root / ".gitignore"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if LOCK_FILE not in text.splitlines():
        write_whole(path, text + ("" if text.endswith("\n") or not text else "\n") + LOCK_FILE + "\n")
        show_action("changed", path.name)

"""`promptside keys`: the API keys of a stack's callers."""

from __future__ import annotations

import re

import click

from cli.commands.context import Context
from cli.display import say, show_table

_DURATION = re.compile(r"(\d{1,5})([mhd])")
_MILLISECONDS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
_ONCE = "This is the only time that it is shown: put it where your secrets are"


@click.group("keys")
def command() -> None:
    """Create, list, rotate and revoke the stack's API keys.

    The first key of a deployed stack comes from 'aws lambda invoke', see the README.
    """


@command.command("create")
@click.argument("name")
@click.option(
    "-s",
    "--scope",
    "scopes",
    multiple=True,
    default=("completions.write",),
    show_default=True,
    help="What it may do, such as prompts.read, prompts.* or *; repeatable.",
)
@click.option("--expires", metavar="TIME", help="When it ends, such as 2027-01-31T00:00:00Z.")
@click.pass_obj
def create(context: Context, name: str, scopes: tuple[str, ...], expires: str | None) -> None:
    """Make a key that may do what its scopes say."""
    body = {"name": name, "scopes": list(scopes)}
    if expires is not None:
        body["expires_at"] = expires
    answer = context.client.send("POST", "/api-keys/workspace/service", body)
    _show_key(answer["key"], f"Key '{name}' ({answer['id']}) may: {', '.join(scopes)}")


@command.command("list")
@click.pass_obj
def list_keys(context: Context) -> None:
    """List the keys; what is secret of them is not stored anywhere."""
    rows = [
        (key["id"], key["name"], key["status"], key.get("expires_at") or "", ", ".join(key["scopes"]))
        for key in context.client.all("/api-keys")
    ]
    show_table(("ID", "NAME", "STATUS", "EXPIRES", "SCOPES"), rows)


@command.command("revoke")
@click.argument("key_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def revoke(context: Context, key_id: str, *, yes: bool) -> None:
    """Make a key useless from the next call on."""
    key = context.client.get(f"/api-keys/{key_id}")
    if not yes:
        click.confirm(f"Revoke '{key['name']}'? Whoever uses it is shut out at once", abort=True)
    context.client.send("DELETE", f"/api-keys/{key_id}", {})
    click.echo(f"Revoked '{key['name']}' ({key_id})")


@command.command("rotate")
@click.argument("key_id", metavar="ID")
@click.option("--overlap", metavar="TIME", help="How long the old one works beside the new one: 30m, 12h, 7d.")
@click.pass_obj
def rotate(context: Context, key_id: str, overlap: str | None) -> None:
    """Give a key a new secret; without --overlap the old one ends at once."""
    body = {} if overlap is None else {"key_transition_period_ms": _milliseconds(overlap)}
    answer = context.client.send("POST", f"/api-keys/{key_id}/rotate", body)
    until = f"works for {overlap} more" if overlap else "has ended"
    _show_key(answer["key"], f"The new key is {answer['id']}; the old one {until}")


def _show_key(key: str, what: str) -> None:
    """Print the key alone on standard output, so that it can be piped to where it belongs."""
    say(what)
    say(_ONCE)
    click.echo(key)


def _milliseconds(text: str) -> int:
    found = _DURATION.fullmatch(text)
    if found is None:
        raise click.BadParameter(f"'{text}' should be a number with m, h or d, such as 12h", param_hint="--overlap")
    return int(found[1]) * _MILLISECONDS[found[2]]

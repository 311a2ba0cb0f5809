"""`promptside secrets`: provider keys of a deployed stack, in SSM Parameter Store."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from cli.commands.context import Context
from cli.display import show_table
from cli.errors import CommandFailed
from cli.parameter_store import ParameterStore, StoreFailed
from promptside.errors import PromptsideError
from promptside.providers.base import Field, Provider
from promptside.providers.fields import all_fields
from promptside.providers.registry import ALIASES, get_provider


@click.group("secrets")
@click.option("--prefix", help="The stack's output SecretsPrefix, such as /promptside/my-stack.")
@click.option("--region", help="Region of the stack; else that of the AWS profile.")
@click.pass_context
def command(context: click.Context, prefix: str | None, region: str | None) -> None:
    """Put, list and delete providers' keys of a deployed stack.

    They go to SSM Parameter Store directly, and never pass through the stack's API.
    AWS credentials come from where the AWS tools find them. A local run takes providers' keys from the environment.
    """
    context.meta[__name__] = (prefix, region)


@command.command("put")
@click.argument("provider")
@click.option(
    "-f", "--field", "fields", multiple=True, help="A field of the provider, see docs/providers.md; repeatable."
)
@click.pass_context
def put(context: click.Context, provider: str, fields: tuple[str, ...]) -> None:
    """Store a provider's key, read from standard input or asked for without showing it.

    \b
      promptside secrets put openai < key.txt
      promptside secrets put azure-openai -f api_key -f resource_name

    Standard input may also be the JSON object of all fields.
    """  # noqa: D301 - click reads the character
    adapter = _provider(provider)
    values = _values(adapter, fields or ("api_key",))
    with _store(context) as store:
        path = store.put(_name(provider), values)
    click.echo(f"Stored {', '.join(values)} in {path}; calls use it within minutes, and at once after a refusal")


@command.command("list")
@click.pass_context
def list_secrets(context: click.Context) -> None:
    """List which secrets there are; no value is read."""
    with _store(context) as store:
        show_table(("PARAMETER", "CHANGED", "VERSION"), store.all())


@command.command("delete")
@click.argument("provider")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def delete(context: click.Context, provider: str, *, yes: bool) -> None:
    """Remove a provider's key: its prompts stop working."""
    _provider(provider)
    with _store(context) as store:
        if not yes:
            click.confirm(f"Delete the key of {provider}?", abort=True)
        click.echo(f"Deleted {store.delete(_name(provider))}")


@contextmanager
def _store(context: click.Context) -> Iterator[ParameterStore]:
    prefix, region = context.meta[__name__]
    own: Context = context.obj
    # With --prefix it does not matter which target counts otherwise.
    target = None if prefix else own.target
    prefix = prefix or (target.secrets_prefix if target else None)
    if prefix is None and target is not None and target.is_local:
        raise CommandFailed(
            "The local run takes providers' keys from its environment, and stores none: OPENAI_API_KEY=... make run\n"
            "docs/providers.md lists the variables. For a deployed stack name its target, or give --prefix."
        )
    if prefix is None:
        raise CommandFailed(
            "Say which stack's: --prefix with its output SecretsPrefix, or secrets_prefix of the target"
        )
    try:
        yield ParameterStore(prefix, region or (target.region if target else None) or own.environment.get("AWS_REGION"))
    except StoreFailed as error:
        raise CommandFailed(str(error)) from error


def _provider(name: str) -> Provider:
    try:
        return get_provider(name)
    except PromptsideError as error:
        raise CommandFailed(error.message) from error


def _name(provider: str) -> str:
    return f"providers/{ALIASES.get(provider, provider)}"


def _values(provider: Provider, fields: tuple[str, ...]) -> dict[str, str]:
    known = {field.name: field for field in all_fields(provider)}
    for name in fields:
        _check_field(provider, known, name)
    if sys.stdin.isatty():
        return {name: _ask(known[name]) for name in fields}
    text = sys.stdin.read().strip()
    if not text:
        raise CommandFailed("Standard input was empty: nothing was stored")
    if not text.startswith("{"):
        if len(fields) > 1:
            raise CommandFailed('Several fields on standard input must be one JSON object, such as {"api_key": "..."}')
        return {fields[0]: text}
    return _object(provider, known, fields, text)


def _object(provider: Provider, known: dict[str, Field], fields: tuple[str, ...], text: str) -> dict[str, str]:
    if len(fields) == 1 and known[fields[0]].multiline:
        # A service account is JSON itself.
        return {fields[0]: text}
    try:
        values = json.loads(text)
    except ValueError:
        # The exception would quote the secret.
        raise CommandFailed("Standard input starts like a JSON object but is not one: nothing was stored") from None
    if not values or not all(isinstance(value, str) and value for value in values.values()):
        raise CommandFailed("The JSON object must have a text for each field: nothing was stored")
    for name in values:
        _check_field(provider, known, name)
    return {str(name): value for name, value in values.items()}


def _check_field(provider: Provider, known: dict[str, Field], name: str) -> None:
    if name not in known:
        raise CommandFailed(f"{provider.name} has no field '{name}'; it has {', '.join(known)}")


def _ask(field: Field) -> str:
    value: str = click.prompt(f"{field.name} ({field.description})", hide_input=field.secret, err=True)
    return value.strip()

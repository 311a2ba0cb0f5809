"""`promptside publish`: decide which version calls get."""

from __future__ import annotations

import click

from cli.commands.context import Context
from cli.errors import CommandFailed


@click.command("publish")
@click.argument("slug", metavar="PROMPT")
@click.option("--version", type=click.IntRange(min=1), help="Which version; the latest unless given.")
@click.option("--label", help="Move this label to the version, such as staging, instead of publishing it.")
@click.pass_obj
def command(context: Context, slug: str, version: int | None, label: str | None) -> None:
    """Publish a version, or move a label to it. The very next call gets it; an older version is a rollback."""
    name = context.name(slug)
    if version is None:
        stored = context.stack.find(name)
        if stored is None:
            raise CommandFailed(f"The stack has no '{name}': 'promptside push' sends it")
        version = stored.version
    if label is None:
        context.stack.publish(name, version)
        click.echo(f"Published version {version} of {name} on {context.target}")
        return
    if name.family == "partial":
        raise CommandFailed("Partials have no labels: refer to a version of one as {{>" + name.slug + "@3}}")
    labels = {item["name"]: item["id"] for item in context.client.all("/labels")}
    if label not in labels:
        raise CommandFailed(f"There is no label '{label}'; known are {', '.join(labels)}; POST /v1/labels makes others")
    context.client.send("PUT", f"/prompts/{name.slug}/versions/{version}", {"label_id": labels[label]})
    click.echo(f"Label {label} is on version {version} of {name} on {context.target}")

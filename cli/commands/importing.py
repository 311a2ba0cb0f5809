"""`promptside import`: bring prompts over from another product."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cli.commands.context import Context
from cli.commands.push import conflict_message
from cli.display import count, progress, say, show_action, show_notes, show_table, show_warning
from cli.errors import CommandFailed
from cli.folder import Written
from cli.imported import as_written, move_labels, push_history, write_file
from cli.importing import MODULES, get_importer
from cli.importing.base import (
    Access,
    BadExport,
    Credential,
    Document,
    Fetch,
    FetchFailed,
    Importer,
    ImportResult,
    Options,
)
from cli.importing.documents import read_documents
from cli.planning import plan_push
from cli.pushing import Done, push, steps_of


@click.command("import")
@click.argument("source", type=click.Choice(tuple(MODULES)))
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--write", is_flag=True, help="Write the prompts into files.")
@click.option("--push", "send", is_flag=True, help="Send the prompts to the stack and publish them.")
@click.option("--virtual-key", help="For prompts whose source names no provider.")
@click.option("--model", help="For prompts whose source names no model.")
@click.option("--all-versions", is_flag=True, help="With --push: every version, not only the one in use.")
@click.option("--source-url", help="Base URL of the source's API, where it is not the usual one.")
@click.option("--force", is_flag=True, help="Replace files and versions that say something else.")
@click.pass_obj
def command(
    context: Context,
    *,
    source: str,
    files: tuple[Path, ...],
    write: bool,
    send: bool,
    virtual_key: str | None,
    model: str | None,
    all_versions: bool,
    source_url: str | None,
    force: bool,
) -> None:
    """List what FILES, or without any the source's API, would give, and what cannot be carried over and why.

    \b
      openai     prompts, requests or responses as JSON; there is no API to read stored prompts
      portkey    its API with PORTKEY_API_KEY, or what that answered
      langfuse   its API with LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY, or what that answered
      litellm    .prompt files
      bedrock    its API with AWS credentials, or what 'aws bedrock-agent get-prompt' printed

    Nothing is written or sent without --write or --push. Running it again finishes an import that was interrupted.
    """  # noqa: D301 - click reads the character
    importer = get_importer(source)
    options = Options(virtual_key=virtual_key, model=model, all_versions=all_versions)
    try:
        documents = read_documents(files, importer) if files else _fetched(context, importer, options, source_url)
        result = importer.read(documents, options)
    except (BadExport, FetchFailed) as error:
        raise CommandFailed(str(error)) from error
    _show(importer, result)
    written = as_written(result, context.folder)
    if not write and not send:
        say("This was a dry run: --write writes files, --push sends to the stack")
    if write:
        _write(context, result, written, force=force)
    if send:
        _push(context, result, written, force=force, all_versions=all_versions)


def _fetched(context: Context, importer: Importer, options: Options, base_url: str | None) -> list[Document]:
    fetch: Fetch | None = importer.fetch
    if fetch is None:
        raise CommandFailed(
            f"{importer.title} cannot be read over an API: name the files ({', '.join(importer.suffixes)})"
        )
    values = {item.name: value for item in importer.credentials if (value := _credential(context, item))}
    return fetch(Access(values, base_url, say), options)


def _credential(context: Context, credential: Credential) -> str | None:
    """Return a value from the environment, or ask for it; never from an argument, which others can see."""
    value = context.environment.get(credential.variable)
    if value or not credential.required:
        return value
    if not sys.stdin.isatty():
        raise CommandFailed(f"Set {credential.variable} to read from the API, or name the files of an export")
    answer: str = click.prompt(credential.variable, hide_input=credential.secret, err=True)
    return answer


def _show(importer: Importer, result: ImportResult) -> None:
    rows = [("partial", partial.slug, partial.name, "", "1") for partial in result.partials]
    rows += [
        ("prompt", prompt.slug, prompt.name, prompt.current.model or "", str(len(prompt.versions)))
        for prompt in result.prompts
    ]
    if rows:
        show_table(("KIND", "SLUG", "NAME", "MODEL", "VERSIONS"), rows)
    show_notes("Carried over, with a remark:", [(note.what, note.text) for note in result.notes])
    show_notes("Not carried over:", [(skipped.what, skipped.why) for skipped in result.skipped])
    click.echo(
        f"\n{importer.title}: {count(len(result.prompts), 'prompt')}, {count(len(result.partials), 'partial')},"
        f" {count(len(result.skipped), 'thing')} not carried over"
    )


def _write(context: Context, result: ImportResult, written: list[Written], *, force: bool) -> None:
    variables = {prompt.slug: prompt.variables for prompt in result.prompts}
    old = {item.name: item for item in (context.written() if context.folder.is_dir() else [])}
    conflicts: list[str] = []
    for item in written:
        example = variables.get(item.name.slug, {}) if item.name.family == "prompt" else {}
        outcome = write_file(item, old.get(item.name), example, force=force)
        show_action(outcome, str(item.path))
        if outcome == "conflict":
            conflicts.append(str(item.path))
    if conflicts:
        raise CommandFailed(
            f"Left alone, because they say something else: {', '.join(conflicts)}; --force replaces them"
        )


def _push(context: Context, result: ImportResult, written: list[Written], *, force: bool, all_versions: bool) -> None:
    prompts = {prompt.slug: prompt for prompt in result.prompts if all_versions and len(prompt.versions) > 1}
    plain = [item for item in written if item.name.family == "partial" or item.name.slug not in prompts]
    plan = plan_push(plain, context.stored([item.name for item in plain]), context.lock, publish=True)
    if plan.conflicts and not force:
        raise CommandFailed(conflict_message(plan))
    done = Done()
    try:
        with progress(steps_of(plan) + len(prompts), "Importing") as advance:
            push(context.stack, plan, context.lock, message=None, advance=advance, done=done)
            for slug, prompt in prompts.items():
                name = context.name(slug)
                advance(f"Sending {name}")
                current, sent = push_history(context.stack, prompt)
                if sent:
                    done.lines.append(("created", name, f"{count(sent, 'version')}, {current.version} published"))
            _move_labels(context, result, all_versions=all_versions)
    finally:
        for what, name, detail in done.lines:
            show_action(what, str(name), detail)
        for name, warning in done.warnings:
            show_warning(f"{name}: {warning}")
    click.echo(f"{count(len(done.lines), 'change')} on {context.target}")


def _move_labels(context: Context, result: ImportResult, *, all_versions: bool) -> None:
    for prompt in result.prompts if all_versions else ():
        name = context.name(prompt.slug)
        for number, version in enumerate(prompt.versions, start=1):
            for label in move_labels(context.stack, name, number, version.labels):
                show_warning(f"{prompt.slug}: '{label}' cannot be a label here, so version {number} has none")

"""`promptside import`: bring prompts from other products into files, or with all their versions onto a stack."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from cli.commands.context import Context
from cli.content import Name
from cli.display import count, output, say, show_action
from cli.errors import CommandFailed
from cli.file_text import new_text, write_whole
from cli.folder import path_of
from cli.importing import MODULES, get_importer
from cli.importing.as_files import partial_fields, prompt_fields
from cli.importing.base import Access, BadExport, Document, FetchFailed, Importer, ImportResult, Options
from cli.importing.documents import read_documents
from cli.importing.history import send_history


@click.command("import")
@click.argument("source", type=click.Choice(list(MODULES)))
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path), metavar="[PATH]...")
@click.option("--dry-run", is_flag=True, help="Only say what would be created, and what cannot be carried over.")
@click.option("--force", is_flag=True, help="Replace files that say something else.")
@click.option("--all-versions", is_flag=True, help="Send all versions to the stack, instead of writing files.")
@click.option("--model", metavar="NAME", help="The model of prompts that name none.")
@click.option("--virtual-key", metavar="SLUG", help="The virtual key or provider of prompts that name none.")
@click.option("--source-url", metavar="URL", help="Base URL of the source's API, where it is not the usual one.")
@click.pass_obj
def command(
    context: Context,
    source: str,
    paths: tuple[Path, ...],
    *,
    dry_run: bool,
    force: bool,
    all_versions: bool,
    model: str | None,
    virtual_key: str | None,
    source_url: str | None,
) -> None:
    """Import prompts from files or folders, or without any from the source's API.

    \b
      openai     prompts, requests or responses as JSON; there is no API to read stored prompts
      portkey    its API with PORTKEY_API_KEY, or what that answered
      langfuse   its API with LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY, or what that answered
      litellm    .prompt files
      bedrock    its API with AWS credentials, or what 'aws bedrock-agent get-prompt' printed

    docs/migrating.md says what is carried over from each, and what is not.
    """  # noqa: D301 - click wants the character itself
    importer = get_importer(source)
    options = Options(virtual_key, model, all_versions)
    try:
        documents = read_documents(paths, importer) if paths else _fetched(context, importer, options, source_url)
        result = importer.read(documents, options)
    except (BadExport, FetchFailed) as exc:
        raise CommandFailed(str(exc)) from exc
    _show_account(result)
    if all_versions:
        _send(context, result, dry_run=dry_run)
    else:
        _write(context, result, dry_run=dry_run, force=force)


def _fetched(context: Context, importer: Importer, options: Options, url: str | None) -> list[Document]:
    if importer.fetch is None:
        raise CommandFailed(f"{importer.title}: there is no API to read them from; name the files to import")
    values = {
        credential.name: value
        for credential in importer.credentials
        if (value := context.environment.get(credential.variable))
    }
    missing = [item.variable for item in importer.credentials if item.required and item.name not in values]
    if missing:
        raise CommandFailed(f"{importer.title}: set {' and '.join(missing)}, or name files to import")
    return importer.fetch(Access(values, url, say), options)


def _show_account(result: ImportResult) -> None:
    """Print what stays behind and what to know, before anything is done."""
    _show("Not carried over:", [f"{item.what}: {item.why}" for item in result.skipped])
    _show("Good to know:", [f"{item.what}: {item.text}" for item in result.notes])


def _show(title: str, lines: Iterable[str]) -> None:
    texts = list(lines)
    if texts:
        output().print("\n  ".join([title, *texts]) + "\n")


def _write(context: Context, result: ImportResult, *, dry_run: bool, force: bool) -> None:
    texts = {
        **{Name("partial", item.slug): new_text(partial_fields(item)) for item in result.partials},
        **{Name("prompt", item.slug): new_text(prompt_fields(item)) for item in result.prompts},
    }
    written, kept = 0, []
    for name, text in texts.items():
        path = path_of(context.folder, name)
        old = path.read_text(encoding="utf-8") if path.exists() else None
        if old == text:
            continue
        if old is not None and not force:
            kept.append(str(path))
            show_action("kept", str(path), "says something else")
            continue
        if not dry_run:
            write_whole(path, text)
        written += 1
        show_action("update" if old is not None else "create", str(path))
    same = len(texts) - written - len(kept)
    done = "would be written" if dry_run else "written"
    output().print(f"{count(written, 'file')} {done}, {same} unchanged")
    if kept:
        raise CommandFailed(f"{count(len(kept), 'file was', 'files were')} left alone: --force replaces them")
    if written and not dry_run:
        output().print("'promptside push' sends them")


def _send(context: Context, result: ImportResult, *, dry_run: bool) -> None:
    if dry_run:
        for partial in result.partials:
            show_action("create", f"partials/{partial.slug}")
        for prompt in result.prompts:
            published = f"{prompt.published + 1} is published"
            show_action("create", prompt.slug, f"{count(len(prompt.versions), 'version')}, {published}")
        output().print(f"{count(len(result.prompts), 'prompt')} would be sent to {context.target}")
        return
    for what, name, detail in send_history(context.client, result):
        show_action(what, name, detail)
    output().print(f"Done: 'promptside pull' writes them into files, from {context.target}")

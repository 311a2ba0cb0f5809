"""What an import gives, as files and as versions on a stack."""

from __future__ import annotations

from pathlib import Path

from cli.content import Name, Stored, content_of, same
from cli.errors import CommandFailed
from cli.file_text import new_text, updated_text, write_whole
from cli.folder import Written, in_order, path_of
from cli.importing.base import ImportedPrompt, ImportResult, Version
from cli.stack import Stack
from promptside.schema.prompt import JsonObject
from promptside.store.names import is_label
from promptside.template.compiler import compile_template


def as_written(result: ImportResult, folder: Path) -> list[Written]:
    """Return what the files of an import would say, partials before what includes them."""
    partials = [
        Written(
            name := Name("partial", partial.slug),
            path_of(folder, name),
            {"name": partial.name, "text": partial.string},
            tuple(reference.partition("@")[0] for reference in compile_template(partial.string).partials),
            partial.description,
        )
        for partial in result.partials
    ]
    prompts = [
        Written(
            name := Name("prompt", prompt.slug),
            path_of(folder, name),
            version_content(prompt.name, prompt.current),
            description=prompt.current.description,
        )
        for prompt in result.prompts
    ]
    return in_order([*partials, *prompts])


def version_content(name: str, version: Version) -> JsonObject:
    """Return what one imported version says."""
    return content_of({"name": name, **version.body()}, version.string, version.kind, raw=version.raw)


def write_file(written: Written, old: Written | None, variables: JsonObject, *, force: bool) -> str:
    """Write one file; returns `created`, `changed`, `same`, or `conflict` when a file says something else."""
    if old is not None and same(old.content, written.content):
        return "same"
    if old is not None and not force:
        return "conflict"
    if old is not None:
        text = updated_text(old.path.read_text(encoding="utf-8"), written.name.slug, written.content)
        write_whole(old.path, text)
        return "changed"
    fields = dict(written.content)
    if written.description:
        fields["description"] = written.description
    if variables:
        fields["variables"] = variables
    write_whole(written.path, new_text(fields))
    return "created"


def push_history(stack: Stack, prompt: ImportedPrompt) -> tuple[Stored, int]:
    """Give a prompt all its versions, oldest first, and publish the right one; returns it and how many were sent.

    A run that was interrupted goes on where it stopped: versions that are there already are not sent again. Raises
    CommandFailed when the stack has other versions.
    """
    name = Name("prompt", prompt.slug)
    contents = [version_content(prompt.name, version) for version in prompt.versions]
    there = stack.history(name)
    if len(there) > len(contents) or not all(
        same(stored.content, content) for stored, content in zip(there, contents, strict=False)
    ):
        raise CommandFailed(
            f"The stack has other versions of '{name}' already: import it without --all-versions, or delete it first"
        )
    stored = list(there)
    for content, version in zip(contents[len(there) :], prompt.versions[len(there) :], strict=True):
        if stored:
            new, _ = stack.update(stored[-1], content, version.description)
        else:
            new, _ = stack.create(name, content, version.description)
        stored.append(new)
    current = stored[prompt.published]
    if not current.published or current is not stored[-1]:
        # What was read before the later versions came says little about what is published now.
        stack.publish(name, current.version)
    return current, len(contents) - len(there)


def move_labels(stack: Stack, name: Name, version: int, labels: tuple[str, ...]) -> list[str]:
    """Put an imported version's labels on a version; returns those that can be none here."""
    for label in filter(is_label, labels):
        stack.move_label(name, version, label)
    return [label for label in labels if not is_label(label)]

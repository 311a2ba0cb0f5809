"""Puts the example prompts into the store, and never takes away what a user has done to them.

A prompt that is missing is created. One whose published version still is what an older file said gets a new version,
published. Everything else belongs to the user and stays.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from cli.prompt_files import BadPromptFile, PartialFile, PromptFile, load_partial, load_prompt
from promptside.errors import PromptsideError
from promptside.schema.prompt import PartialVersion, PromptVersion
from promptside.store.keys import timestamp
from promptside.store.partials import partial_store
from promptside.store.prompts import prompt_store
from promptside.store.records import Pointer
from promptside.store.versioned import VersionedStore, version_id
from promptside.template.compiler import compile_template
from promptside.template.prompt import compile_prompt

File = TypeVar("File", PromptFile, PartialFile)
Version = TypeVar("Version", PromptVersion, PartialVersion)

_MARK = "Example file "


@dataclass(frozen=True, slots=True)
class Seeded:
    """The example prompts by slug, and what the user should know about files that were left out."""

    prompts: dict[str, PromptFile]
    notices: list[str]


def seed(client: Any, table: str, directory: Path) -> Seeded:
    """Bring the files of a prompt directory into the store. Raises StoreUnavailable."""
    notices: list[str] = []
    partials = _load(load_partial, (directory / "partials").glob("*.yaml"), notices)
    prompts = _load(load_prompt, directory.glob("*.yaml"), notices)
    _bring(partial_store(client, table=table), partials, _partial_version, notices)
    _bring(prompt_store(client, table=table), prompts, _prompt_version, notices)
    return Seeded({file.slug: file for file in prompts}, notices)


def _load(load: Callable[[Path], File], paths: Iterable[Path], notices: list[str]) -> list[File]:
    files: list[File] = []
    for path in sorted(paths):
        try:
            files.append(load(path))
        except BadPromptFile as error:
            notices.append(f"Left out: {error}")
    return files


def _bring(
    store: VersionedStore[Version],
    files: list[File],
    make: Callable[[File, Pointer], Version],
    notices: list[str],
) -> None:
    pointers = {pointer.slug: pointer for pointer in store.all()}
    known = {slug: (pointer, (pointer.published,)) for slug, pointer in pointers.items()}
    published = {version.slug: version.description for version in store.versions_of(known)}
    for file in files:
        try:
            if file.slug not in pointers:
                pointer = _new_pointer(file)
                store.create(pointer, make(file, pointer))
            elif _is_outdated(published.get(file.slug), file):
                store.add_version(file.slug, partial(_next, file, make))
        except PromptsideError as error:
            notices.append(f"Left out: {file.slug}: {error.message}")


def _is_outdated(description: str | None, file: PromptFile | PartialFile) -> bool:
    """Tell whether the published version came from another state of this file."""
    return description is not None and description.startswith(_MARK) and description != _description(file)


def _description(file: PromptFile | PartialFile) -> str:
    return f"{_MARK}{file.slug}.yaml, state {file.digest}"


def _new_pointer(file: PromptFile | PartialFile) -> Pointer:
    now = timestamp(datetime.now(UTC))
    return Pointer(
        slug=file.slug,
        id=str(uuid.uuid4()),
        name=file.name,
        published=1,
        latest=1,
        model=file.model if isinstance(file, PromptFile) else None,
        created_at=now,
        updated_at=now,
    )


def _next(file: File, make: Callable[[File, Pointer], Version], old: Pointer) -> tuple[Pointer, Version]:
    now = timestamp(datetime.now(UTC))
    model = file.model if isinstance(file, PromptFile) else None
    new = replace(old, latest=old.latest + 1, published=old.latest + 1, model=model, updated_at=now)
    return new, make(file, new)


def _prompt_version(file: PromptFile, pointer: Pointer) -> PromptVersion:
    compiled = compile_prompt(file.string, kind=file.kind, raw=file.raw, name=f"prompt '{file.slug}'")
    return PromptVersion(
        slug=file.slug,
        prompt_id=pointer.id,
        version=pointer.latest,
        version_id=version_id(pointer.id, pointer.latest),
        kind=file.kind,
        string=file.string,
        raw=file.raw,
        model=file.model,
        virtual_key=file.virtual_key,
        parameters=file.parameters,
        tools=file.tools,
        functions=file.functions,
        tool_choice=file.tool_choice,
        variables_schema=file.variables_schema or None,
        template_metadata={"template_type": "chat" if file.kind == "chat" else "completion"},
        description=_description(file),
        partials=compiled.partials,
        created_at=pointer.updated_at,
    )


def _partial_version(file: PartialFile, pointer: Pointer) -> PartialVersion:
    return PartialVersion(
        slug=file.slug,
        partial_id=pointer.id,
        version=pointer.latest,
        version_id=version_id(pointer.id, pointer.latest),
        string=file.string,
        description=_description(file),
        partials=compile_template(file.string, name=f"partial '{file.slug}'").partials,
        created_at=pointer.updated_at,
    )

"""Imports `.prompt` files: LiteLLM's, and Google's Dotprompt that they follow.

https://docs.litellm.ai/docs/proxy/native_litellm_prompt (2026-10-08), BerriAI/litellm
litellm/integrations/dotprompt/prompt_manager.py and dotprompt_manager.py, and
https://google.github.io/dotprompt/reference/frontmatter, read 2026-11-23. `name.v2.prompt` is version 2 of `name`;
LiteLLM serves the file without a number by default. `_name.prompt` is a partial in Dotprompt.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from cli.importing.base import BadExport, Document, ImportResult, Options, Source, Version
from cli.importing.collector import Collector, Draft, PartialDraft
from cli.importing.dotprompt_body import read_body
from cli.importing.dotprompt_front_matter import FrontMatter, Refused, read_front_matter, split_file
from cli.stored_form import join_messages

_NUMBERED = re.compile(r"(?P<name>.+)\.v(?P<number>\d+)")
_SUFFIX = ".prompt"


@dataclass(frozen=True, slots=True)
class _File:
    """One file; `number` is None for the one that is served by default."""

    path: str
    name: str
    number: int | None
    text: str


def read(documents: Sequence[Document], options: Options) -> ImportResult:
    """Return the prompts in the files. Raises BadExport."""
    collector = Collector(options, mustache=True)
    files: dict[str, list[_File]] = {}
    for document in documents:
        file = _file(document)
        files.setdefault(file.name, []).append(file)
    for name, versions in files.items():
        if name.startswith("_"):
            _add_partial(collector, versions[-1])
        else:
            # Without a number comes last: it is what is served.
            versions.sort(key=lambda file: (file.number is None, file.number or 0))
            _add_prompt(collector, options, name, versions)
    return collector.result()


def _file(document: Document) -> _File:
    if not isinstance(document.content, str):
        raise BadExport(f"{document.name}: expected the text of a .prompt file")
    stem = PurePath(document.name).name.removesuffix(_SUFFIX)
    match = _NUMBERED.fullmatch(stem)
    name, number = (match["name"], int(match["number"])) if match else (stem, None)
    return _File(document.name, name, number, document.content)


def _add_prompt(collector: Collector, options: Options, name: str, files: list[_File]) -> None:
    if not options.all_versions:
        for file in files[:-1]:
            collector.skip(f"{file.path}", "not the version that is served by default; see --all-versions")
        files = files[-1:]
    read = [(file, _version(collector, file)) for file in files]
    versions = [(version, front) for _, found in read if found is not None for version, front in [found]]
    if read[-1][1] is None:
        return
    front = versions[-1][1]
    collector.add(
        Draft(
            name,
            tuple(version for version, _ in versions),
            published=len(versions) - 1,
            name=front.name,
            variables=front.variables,
        )
    )


def _version(collector: Collector, file: _File) -> tuple[Version, FrontMatter] | None:
    what = file.path
    try:
        source, body, first_line = split_file(file.text)
        messages = read_body(collector, body, what, first_line=first_line)
    except Refused as exc:
        collector.skip(f"{file.path}, line {exc.line}", exc.reason)
        return None
    if not messages:
        collector.skip(what, "it holds no text")
        return None
    front = read_front_matter(collector, source, what)
    target = collector.target(what, provider=front.provider, model=front.model)
    version = Version(
        string=join_messages(messages),
        virtual_key=target[0],
        model=target[1],
        parameters=front.parameters,
        tools=front.tools,
        tool_choice=front.tool_choice,
        variables_schema=front.variables_schema,
        description=front.description,
        origin=str(file.number) if file.number is not None else None,
    )
    return version, front


def _add_partial(collector: Collector, file: _File) -> None:
    try:
        source, body, first_line = split_file(file.text)
        read_body(collector, body, file.path, first_line=first_line)
    except Refused as exc:
        collector.skip(f"{file.path}, line {exc.line}", exc.reason)
        return
    collector.leave(file.path, source, "a partial is text only")
    collector.add_partial(PartialDraft(file.name.removeprefix("_"), body))


IMPORTER = Source("litellm", "LiteLLM and Dotprompt files", (_SUFFIX,), read)

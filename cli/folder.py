"""A folder of prompt files: `<slug>.yaml` are prompts, `partials/<slug>.yaml` are partials."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from cli.content import Family, Name, partial_content, prompt_content
from cli.errors import CommandFailed
from cli.places import partials_in
from cli.prompt_files import BadPromptFile, PartialFile, PromptFile, load_partial, load_prompt
from promptside.errors import PromptsideError
from promptside.schema.prompt import JsonObject
from promptside.store.names import RESERVED_SLUGS, is_slug


@dataclass(frozen=True, slots=True)
class Written:
    """One file: what it says, and the partials that have to be there before it."""

    name: Name
    path: Path
    content: JsonObject
    includes: tuple[str, ...] = ()
    description: str | None = None


def read_folder(folder: Path) -> list[Written]:
    """Return what all files say, partials before what includes them. Raises CommandFailed that lists every mistake."""
    problems: list[str] = []
    written = [
        *_read_all("partial", folder / "partials", problems),
        *_read_all("prompt", folder, problems),
    ]
    if problems:
        count = "one file" if len(problems) == 1 else f"{len(problems)} files"
        raise CommandFailed("\n  ".join([f"Nothing was sent; {count} cannot be used:", *problems]))
    return in_order(written)


def path_of(folder: Path, name: Name) -> Path:
    """Return where the file of a prompt or partial belongs; a file that ends in `.yml` is taken as it is."""
    directory = folder / "partials" if name.family == "partial" else folder
    other = directory / f"{name.slug}.yml"
    return other if other.exists() else directory / f"{name.slug}.yaml"


def in_order(written: Iterable[Written]) -> list[Written]:
    """Return partials before the partials that include them, and prompts last. Raises CommandFailed for a circle."""
    by_name = {item.name: item for item in written}
    partials = {name: item for name, item in by_name.items() if name.family == "partial"}
    graph: TopologicalSorter[Name] = TopologicalSorter()
    for name, item in sorted(partials.items(), key=lambda pair: pair[0].slug):
        graph.add(name, *(Name("partial", slug) for slug in item.includes if Name("partial", slug) in partials))
    try:
        ordered = [partials[name] for name in graph.static_order()]
    except CycleError as exc:
        circle = " -> ".join(str(name) for name in reversed(exc.args[1]))
        raise CommandFailed(f"Partials include each other in a circle: {circle}") from exc
    prompts = sorted((item for name, item in by_name.items() if name.family == "prompt"), key=lambda i: i.name.slug)
    return [*ordered, *prompts]


def _read_all(family: Family, directory: Path, problems: list[str]) -> list[Written]:
    paths = sorted(path for path in directory.glob("*.y*ml") if path.suffix in (".yaml", ".yml"))
    written: list[Written] = []
    seen: set[str] = set()
    for path in paths:
        if path.name.startswith("."):
            continue
        try:
            if path.stem in seen:
                raise BadPromptFile(f"{path}: there is another file for '{path.stem}'")
            seen.add(path.stem)
            written.append(_read(family, path))
        except BadPromptFile as error:
            problems.append(str(error))
        except PromptsideError as error:
            problems.append(error.message)
    return written


def _read(family: Family, path: Path) -> Written:
    if not is_slug(path.stem) or path.stem.lower() in RESERVED_SLUGS:
        raise BadPromptFile(
            f"{path}: a file's name is the slug: letters, digits, '_' and '-', and not one of"
            f" {', '.join(sorted(RESERVED_SLUGS))}"
        )
    name = Name(family, path.stem)
    file: PromptFile | PartialFile
    if family == "prompt":
        file = prompt = load_prompt(path)
        content = prompt_content(prompt)
    else:
        file = partial = load_partial(path)
        content = partial_content(partial)
    return Written(name, path, content, partials_in(path, file), file.description)

"""Generates docs/providers.md from the registry, so that it cannot say what the adapters do not do.

    python -m scripts.provider_docs           write the page
    python -m scripts.provider_docs --check   end with 1 if the page on disk is another one

What stands above the marker in the page is written by hand and kept.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from promptside.providers.base import Capabilities, Field, Provider
from promptside.providers.fields import all_fields
from promptside.providers.openai_format.compatible import OpenAICompatible
from promptside.providers.openai_format.rules import ToolRules, always_chat
from promptside.providers.parameters import ParameterTable
from promptside.providers.registry import ALIASES, MODULES, get_provider
from scripts.provider_examples import Example, example_of

PAGE = Path(__file__).parents[1] / "docs" / "providers.md"
MARKER = "<!-- From here on the page is generated: change the adapters and run `make docs`. -->"

_URL = re.compile(r"https?://[^\s,;)]*[^\s,;).:]")
_READ = re.compile(r"[Rr]ead (\d{4}-\d{2}-\d{2})")
_COLUMNS = ("chat", "text", "streaming", "tools", "json_schema", "images", "documents", "reasoning")


def main(arguments: list[str]) -> int:
    """Write or check the page and return the exit status."""
    current = PAGE.read_text(encoding="utf-8")
    wanted = page(current)
    if "--check" not in arguments:
        PAGE.write_text(wanted, encoding="utf-8")
    elif wanted != current:
        print("docs/providers.md is not what the providers say: run `make docs`", file=sys.stderr)
        return 1
    return 0


def page(current: str) -> str:
    """Return the page whose hand-written head is that of `current`. Raises ValueError when it has no marker."""
    head, marker, _ = current.partition(MARKER)
    if not marker:
        raise ValueError(f"{PAGE.name} has lost its marker: {MARKER}")
    sections = [capability_table(), *(section(get_provider(name)) for name in sorted(MODULES))]
    return "\n\n".join([head.rstrip("\n"), marker, *sections]) + "\n"


def capability_table() -> str:
    """Return the table of all providers, one line each."""
    titles = [column.replace("json_schema", "JSON schema") for column in _COLUMNS]
    rows = [[f"[{name}](#{name})", *_abilities(get_provider(name).capabilities)] for name in sorted(MODULES)]
    footnote = "¹ Image URLs are downloaded here, from public https hosts only, and sent as data."
    return f"## What each can do\n\n{_table(['provider', *titles, 'note'], rows)}\n\n{footnote}"


def section(provider: Provider) -> str:
    """Return everything about one provider."""
    parts = [f"## {provider.name}", _summary(provider), *_configuration(provider, example_of(provider))]
    parts.append(_field_table(provider))
    parts.append("\n".join(_parameters(provider)))
    return "\n\n".join(part for part in parts if part)


def _abilities(capabilities: Capabilities) -> list[str]:
    cells = ["yes" if getattr(capabilities, column) else "no" for column in _COLUMNS]
    if capabilities.images and not capabilities.fetches_images:
        cells[_COLUMNS.index("images")] = "yes¹"
    return [*cells, capabilities.note]


def _summary(provider: Provider) -> str:
    """Return what the module's docstring says first, and the vendor's pages that it was written from."""
    docstring = importlib.import_module(f"promptside.providers.{MODULES[provider.name]}").__doc__ or ""
    title = _URL.split(docstring.split("\n\n")[0].replace("\n", " "))[0].strip().rstrip(":.")
    read = _READ.search(docstring)
    pages = " and ".join(_URL.findall(docstring))
    source = f"Written from {pages}{f', read {read[1]}' if read else ''}."
    other_names = sorted(alias for alias, name in ALIASES.items() if name == provider.name)
    also = f" Also called {_codes(other_names)}." if other_names else ""
    return f"{title}.{also}\n{source}"


def _configuration(provider: Provider, example: Example) -> Iterator[str]:
    """Yield how to store the credentials and how to run with them on a laptop."""
    if example.note:
        yield example.note
    name = f"/promptside/STACK/providers/{provider.name}"
    command = f"aws ssm put-parameter --type SecureString --name {name} --value {_value(example.stored)}"
    yield f"```sh\n{command}\n{_local(example)}\n```"


def _value(stored: Mapping[str, str]) -> str:
    if set(stored) == {"api_key"}:
        return f"'{stored['api_key']}'"
    lone = next(iter(stored.values())) if len(stored) == 1 else ""
    if lone.startswith("$("):
        # A file goes into the JSON text by way of a program.
        path = lone.removeprefix("$(cat ").removesuffix(")")
        script = f'import json; print(json.dumps({{"{next(iter(stored))}": open("{path}").read()}}))'
        return f"\"$(python3 -c '{script}')\""
    return f"'{json.dumps(stored)}'"


def _local(example: Example) -> str:
    exports = [f'{name}="{value}"' for name, value in example.environment.items()]
    return " ".join(["export", *exports]) + "; make run" if exports else "make run"


def _field_table(provider: Provider) -> str:
    titles = ["field", "", "meaning", "request header", "environment (local runs)", "virtual keys also take"]
    return _table(titles, [_field_row(field) for field in all_fields(provider)])


def _field_row(field: Field) -> list[str]:
    kind = ", ".join(word for word, applies in (("required", field.required), ("secret", field.secret)) if applies)
    header = f"`{field.header}`" if field.header else "`Authorization`" if field.name == "api_key" else ""
    return [
        f"`{field.name}`",
        kind,
        field.description.replace("<", "\\<"),
        header,
        _codes(field.environment),
        _codes(field.aliases),
    ]


def _parameters(provider: Provider) -> Iterator[str]:
    """Yield one line per wire on what becomes of OpenAI's parameters."""
    if not isinstance(provider, OpenAICompatible):
        yield "Parameters are translated to the vendor's own; what a model lacks is dropped or refused, model by model."
        return
    yield _wire_line(f"`{provider.chat_path}`", provider.parameters, rewritten=provider.rewrite is not None)
    if provider.text_path is not None:
        table = provider.parameters if provider.text_parameters is None else provider.text_parameters
        if table != provider.parameters:
            yield _wire_line(f"`{provider.text_path}`", table, rewritten=provider.rewrite is not None)
    if provider.choose_wire is not always_chat:
        rules = provider.responses
        yield _wire_line(f"`{rules.path}`", rules.parameters, rewritten=rules.rewrite is not None)
    tools = list(_tool_notes(provider.tools))
    if tools:
        yield f"- tools: {'; '.join(tools)}."


def _wire_line(endpoint: str, table: ParameterTable, *, rewritten: bool) -> str:
    notes = list(_table_notes(table))
    if notes:
        return f"- {endpoint}: {'; '.join(notes)}."
    more = ", but for what single models refuse" if rewritten else ""
    return f"- {endpoint}: parameters are passed on as they are{more}."


def _table_notes(table: ParameterTable) -> Iterator[str]:
    if table.rename:
        yield "renamed " + ", ".join(f"`{name}` to `{target}`" for name, target in sorted(table.rename.items()))
    if table.drop:
        yield f"dropped {_codes(sorted(table.drop))}"
    if table.refuse:
        yield "refused " + ", ".join(f"`{name}` ({reason})" for name, reason in sorted(table.refuse.items()))
    if table.fixed:
        yield "refused unless " + ", ".join(f"`{name}` is `{json.dumps(value)}`" for name, value in table.fixed.items())


def _tool_notes(tools: ToolRules) -> Iterator[str]:
    if tools.strip:
        yield f"{_codes(sorted(tools.strip))} left out"
    for word, target in tools.choices.items():
        yield f"`tool_choice` `{word}` is sent as `{target}`"


def _codes(words: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _table(titles: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [titles, ["---"] * len(titles), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |") for cells in lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

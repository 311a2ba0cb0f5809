"""Imports OpenAI's stored prompts (`pmpt_...`), that close on 2026-11-30.

OpenAI has no route that lists or returns them, so this reads what a user can have in hand: the prompt's JSON as the
dashboard shows it, a Responses (or chat) request with the text in it, or a response to a call that used the prompt,
which repeats it under `instructions`. One object or a list of them in each file.
https://developers.openai.com/api/docs/guides/prompting/migrate-from-prompt-object and
https://langfuse.com/resources/engineering/migrate-from-openai-prompts.md, read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from cli.importing.base import BadExport, Document, ImportResult, Options, Source, Version
from cli.importing.collector import Collector, Draft
from cli.importing.message_lists import Item
from cli.importing.reading import Reading, is_object
from cli.importing.responses_items import ItemReader
from cli.importing.responses_parameters import DEFAULTS, REASONS, take_parameters, take_tool_choice, take_tools
from cli.stored_form import join_messages
from promptside.schema.prompt import JsonObject

_CONTENT = ("instructions", "input", "messages")
_RECORDS = (
    "object", "created", "created_at", "updated_at", "completed_at", "created_by", "url", "status", "error",
    "incomplete_details", "usage", "billing", "input_transformations",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Stored:
    """One version as found; `number` is its version at OpenAI, 0 when unknown."""

    key: str
    name: str | None
    number: int
    is_default: bool
    version: Version
    variables: JsonObject


def read(documents: Sequence[Document], options: Options) -> ImportResult:
    """Return the prompts in the documents; objects with the same id are versions of one prompt. Raises BadExport."""
    collector = Collector(options)
    found: dict[str, list[_Stored]] = {}
    for document in documents:
        for place, content in _objects(document):
            stored = _read_one(collector, content, place)
            if stored is not None:
                found.setdefault(stored.key, []).append(stored)
    for key, versions in found.items():
        _add(collector, key, sorted(versions, key=lambda stored: stored.number), options)
    return collector.result()


def _objects(document: Document) -> Iterator[tuple[str, JsonObject]]:
    """Yield the objects of a document, each with a name for it: the file's, with a number when there are several."""
    content = document.content
    for wrapper in ("data", "prompts"):
        if is_object(content) and isinstance(content.get(wrapper), list):
            content = content[wrapper]
    several = isinstance(content, list)
    stem = PurePath(document.name).stem
    for number, item in enumerate(content if isinstance(content, list) else [content], start=1):
        if not is_object(item):
            raise BadExport(f"{document.name}: expected JSON objects with 'instructions', 'input' or 'messages'")
        yield (f"{stem}-{number}" if several else stem), item


def _read_one(collector: Collector, content: JsonObject, place: str) -> _Stored | None:
    reading = Reading(_unwrapped(content))
    reference = reading.object("prompt")
    key = _identity(reading, reference) or reading.text("slug") or content.get("name") or place
    what = f"prompt '{key}'"
    is_response = content.get("object") == "response"
    if is_response:
        _drop_answer(collector, reading, what)
    version_name = reading.take("version") or reference.get("version")
    if not any(reading.left.get(name) for name in _CONTENT):
        collector.skip(what, "the text is not in it, only a reference: copy the messages from OpenAI's dashboard")
        return None
    target = collector.target(what, provider="openai", model=reading.text("model"))
    messages = _messages(collector, reading, what)
    if not messages:
        return None
    collector.leave(what, reading.take_present(_RECORDS), "OpenAI's own record")
    variables = _variables(collector, reading, reference, is_response=is_response, what=what)
    name, is_default = reading.text("name"), bool(reading.take("is_default") or reading.take("default"))
    version = Version(
        string=join_messages(messages),
        virtual_key=target[0],
        model=target[1],
        parameters=take_parameters(reading),
        tools=take_tools(reading, collector, what),
        tool_choice=take_tool_choice(reading),
        description=reading.text("description"),
        origin=str(version_name) if version_name is not None else None,
    )
    collector.finish(what, reading, REASONS, "it is not known to be a part of a prompt")
    number = int(version.origin) if version.origin and version.origin.isdecimal() else 0
    return _Stored(str(key), name, number, is_default, version, variables)


def _unwrapped(content: JsonObject) -> JsonObject:
    """Return the object with what stands in `prompt` or `config` one level up, where the text is in there."""
    for name in ("prompt", "config"):
        inner = content.get(name)
        if is_object(inner) and any(inner.get(field) for field in _CONTENT):
            return {**{key: value for key, value in content.items() if key != name}, **inner}
    return content


def _identity(reading: Reading, reference: JsonObject) -> str | None:
    """Return the id of the stored prompt; ids of anything else are records."""
    for candidate in (reference.get("id"), reference.get("prompt_id")):
        if isinstance(candidate, str) and candidate:
            return candidate
    for name in ("id", "prompt_id"):
        value = reading.left.get(name)
        if isinstance(value, str) and value.startswith("pmpt_"):
            reading.take(name)
            return value
    return None


def _drop_answer(collector: Collector, reading: Reading, what: str) -> None:
    collector.leave(what, reading.take_present(("id", "output", "output_text")), "the answer of one call")
    for name, default in DEFAULTS.items():
        value = reading.take(name)
        if value != default and not (name == "service_tier" and value == "auto"):
            reading.put_back(name, value)


def _messages(collector: Collector, reading: Reading, what: str) -> list[Item]:
    items = ItemReader(collector, what)
    messages = [
        *items.messages(reading.take("instructions"), role="system", place="instructions"),
        *items.messages(reading.take("messages"), role="user", place="messages"),
        *items.messages(reading.take("input"), role="user", place="input"),
    ]
    if not messages:
        collector.skip(what, "none of its items can be a message")
    return list(messages)


def _variables(
    collector: Collector, reading: Reading, reference: JsonObject, *, is_response: bool, what: str
) -> JsonObject:
    """Return values to try the prompt with. In a response they stand in the text, unless they were their own tags."""
    source = reading.take("variables") or reference.get("variables") or {}
    if not is_object(source):
        names = [str(item.get("name")) if is_object(item) else str(item) for item in source]
        collector.leave(f"{what}: variables", names, "the list of names; a template's variables are found in it")
        return {}
    given = {name: value for name, value in source.items() if isinstance(value, str)}
    filled = [name for name, value in given.items() if value.replace(" ", "") != f"{{{{{name}}}}}"]
    others = [name for name in source if name not in given]
    collector.leave(f"{what}: variables", others, "images and files go into the message itself")
    if not is_response:
        return given
    if filled:
        collector.note(
            what,
            f"the text holds the values that this call gave to {', '.join(filled)}: put the tags back, or call the"
            " prompt once more with each variable set to its own tag and import that response",
        )
    return {}


def _add(collector: Collector, key: str, versions: list[_Stored], options: Options) -> None:
    chosen = next((place for place, stored in enumerate(versions) if stored.is_default), len(versions) - 1)
    current = versions[chosen]
    what = f"prompt '{key}'"
    if not options.all_versions:
        for stored in versions[:chosen] + versions[chosen + 1 :]:
            collector.skip(f"{what}, version {stored.version.origin}", "not the default version; see --all-versions")
        versions, chosen = [current], 0
    collector.add(
        Draft(
            key,
            tuple(stored.version for stored in versions),
            published=chosen,
            name=current.name,
            variables=current.variables,
        )
    )


IMPORTER = Source("openai", "OpenAI stored prompts", (".json",), read)

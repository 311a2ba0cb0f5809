"""Imports prompts of Langfuse, from its public API or from what the API answered.

https://langfuse.com/docs/prompt-management/data-model, .../features/composability.md, .../message-placeholders.md and
the models generated from https://cloud.langfuse.com/generated/api/openapi.yml (langfuse-client-base 0.23.0 on docs.rs),
read 2026-11-23. Documents hold prompts as `GET /api/public/v2/prompts/{name}?resolve=false` answers them:

    {"name", "version", "type": "text" | "chat", "prompt": "text" | [{"role", "content"} | {"type": "placeholder",
     "name"}], "config": {...}, "labels": [...], "tags": [...], "commitMessage"?, "resolutionGraph"?}
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from cli.importing.base import BadExport, Credential, Document, ImportResult, Options, Source, Version
from cli.importing.braces import sigils
from cli.importing.collector import Collector, Draft, PartialDraft
from cli.importing.langfuse_api import fetch
from cli.importing.langfuse_config import read_config
from cli.importing.langfuse_references import REFERENCE, Snippets
from cli.importing.message_lists import Item, content_texts, with_text
from cli.importing.pinned_partials import insert_partials
from cli.importing.reading import Reading, is_object
from cli.importing.slugs import slugs_of
from cli.stored_form import join_messages
from promptside.schema.prompt import JsonObject

DEFAULT_LABEL = "production"
_RECORDS = ("id", "projectId", "createdAt", "updatedAt", "createdBy", "isActive", "resolutionGraph", "lastUpdatedAt")
_REASONS = {"tags": "there are no tags here: use collections or names"}
_PLACEHOLDER_NAME = re.compile(r"[^{}#^/>!=&\s][^{}]*")


def read(documents: Sequence[Document], options: Options) -> ImportResult:
    """Return the prompts in the documents, and the text prompts that others refer to as partials. Raises BadExport."""
    # References become partials before anything is checked, so sigils are looked for here.
    collector = Collector(options, mustache=True)
    by_name: dict[str, list[JsonObject]] = {}
    for document in documents:
        for prompt in _prompts(document.content, document.name):
            by_name.setdefault(prompt["name"], []).append(prompt)
    slugs = slugs_of(by_name)
    snippets = Snippets(collector, by_name, slugs)
    reader = _Reader(collector, options, snippets)
    for name, versions in by_name.items():
        reader.add(name, sorted(versions, key=lambda prompt: int(prompt.get("version") or 0)))
    for slug, name, text in snippets.texts():
        collector.add_partial(PartialDraft(slug, text, name=name, slug=slug))
    return collector.result()


def _prompts(content: Any, place: str) -> list[JsonObject]:
    if is_object(content) and isinstance(content.get("data"), list):
        content = content["data"]
    items = content if isinstance(content, list) else [content]
    for item in items:
        if not is_object(item) or not isinstance(item.get("name"), str) or "prompt" not in item:
            raise BadExport(
                f"{place}: expected prompts with 'name' and 'prompt', as GET /api/public/v2/prompts/{{name}} answers"
                " them; the list of prompts lacks their text"
            )
    return items


class _Reader:
    def __init__(self, collector: Collector, options: Options, snippets: Snippets) -> None:
        self._collector = collector
        self._options = options
        self._snippets = snippets

    def add(self, name: str, sources: list[JsonObject]) -> None:
        production = [source for source in sources if DEFAULT_LABEL in (source.get("labels") or [])]
        current = production[-1] if production else sources[-1]
        what = f"prompt '{name}'"
        if not production:
            self._collector.note(what, f"no version is labelled '{DEFAULT_LABEL}': the newest one is published")
        for source in [] if self._options.all_versions else sources:
            if source is not current:
                self._collector.skip(
                    f"{what}, version {source.get('version')}", "not the published one; see --all-versions"
                )
        chosen = sources if self._options.all_versions else [current]
        read = [(source is current, self._version(name, source)) for source in chosen]
        versions = [(published, version) for published, version in read if version is not None]
        if any(published for published, _ in versions):
            place = next(index for index, (published, _) in enumerate(versions) if published)
            self._collector.add(Draft(name, tuple(version for _, version in versions), published=place))

    def _version(self, name: str, source: JsonObject) -> Version | None:
        what = f"prompt '{name}'" + (f", version {source['version']}" if self._options.all_versions else "")
        reading = Reading(source)
        settings = read_config(self._collector, what, reading)
        target = self._collector.target(what, provider=settings.provider, model=settings.model)
        reading.take("name")
        kind, origin = reading.text("type"), reading.take("version")
        messages = self._messages(what, reading.take("prompt"))
        if not messages:
            return None
        if kind == "text" or (kind is None and isinstance(source["prompt"], str)):
            self._collector.note(what, "a text prompt becomes a chat prompt with one message of the user")
        version = Version(
            string=join_messages(messages),
            virtual_key=target[0],
            model=target[1],
            parameters=settings.parameters,
            tools=settings.tools,
            tool_choice=settings.tool_choice,
            description=reading.text("commitMessage"),
            origin=str(origin),
            labels=tuple(label for label in reading.items("labels") if isinstance(label, str)),
        )
        self._collector.leave(what, reading.take_present(_RECORDS), "Langfuse's own record")
        self._collector.finish(what, reading, _REASONS, "there is no place for it here")
        return version

    def _messages(self, what: str, prompt: Any) -> list[Item]:
        if isinstance(prompt, str):
            return [self._composed({"role": "user", "content": prompt}, f"{what}, message 1")]
        if not isinstance(prompt, list):
            self._collector.skip(what, "its text is neither a text nor a list of messages")
            return []
        messages = [self._message(what, item, number) for number, item in enumerate(prompt, start=1)]
        return [message for message in messages if message is not None]

    def _message(self, what: str, item: Any, number: int) -> Item | None:
        place = f"{what}, message {number}"
        if is_object(item) and item.get("type") == "placeholder":
            name = str(item.get("name") or "").strip()
            if _PLACEHOLDER_NAME.fullmatch(name):
                return f"{{{{{name}}}}}"
            self._collector.skip(f"{place}, a placeholder", "its name cannot be a tag")
            return None
        if not is_object(item) or not isinstance(item.get("role"), str):
            self._collector.skip(place, "it has no role")
            return None
        # Langfuse marks its messages `chatmessage`; all other fields are the message.
        return self._composed({name: value for name, value in item.items() if name != "type"}, place)

    def _composed(self, message: JsonObject, place: str) -> Item:
        for text in content_texts(message):
            for sentence in sigils(text):
                self._collector.note(place, sentence)
        texts = [insert_partials(text, REFERENCE, self._snippets.reference) for text in content_texts(message)]
        return with_text(message, texts)


IMPORTER = Source(
    "langfuse",
    "Langfuse",
    (".json",),
    read,
    fetch,
    (Credential("public_key", "LANGFUSE_PUBLIC_KEY", secret=False), Credential("secret_key", "LANGFUSE_SECRET_KEY")),
)

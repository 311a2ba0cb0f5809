"""Imports prompts and partials of Portkey, from its API or from what the API answered.

https://portkey.ai/docs/api-reference/admin-api (prompts, partials, labels), read 2026-11-23. Documents hold one prompt
as `GET /v1/prompts/{slug}` answers it, a list of them, or everything together:

    {"prompts": [{..., "versions": [{...}]}], "partials": [{..., "versions": [{...}]}], "labels": [{"id", "name"}]}
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cli.importing.base import BadExport, Credential, Document, ImportResult, Options, Source, Version
from cli.importing.collector import Collector, Draft, PartialDraft
from cli.importing.pinned_partials import pinned_slug, pins, replace_pins
from cli.importing.portkey_api import fetch
from cli.importing.reading import Reading, is_object
from promptside.schema.prompt import JsonObject, Kind

_RECORDS = (
    "id", "object", "status", "created_at", "last_updated_at", "updated_at", "prompt_version_id",
    "prompt_version_status", "prompt_partial_version_id", "organisation_id", "workspace_id", "created_by", "user_id",
    "prompt_id", "prompt_partial_id", "version_id", "slug", "name", "variables",
)  # fmt: skip
_REASONS = {"collection_id": "collections are not imported: create them here and move the prompt there"}
_OTHER = "there is no place for it here"


@dataclass(slots=True)
class _Export:
    """All documents together; partials by slug."""

    prompts: list[JsonObject] = field(default_factory=list)
    partials: dict[str, JsonObject] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)


def read(documents: Sequence[Document], options: Options) -> ImportResult:
    """Return the prompts and partials in the documents. Raises BadExport."""
    collector = Collector(options, mustache=True)
    export = _Export()
    for document in documents:
        _sort(export, document.content, document.name)
    reader = _Reader(collector, options, export)
    for prompt in export.prompts:
        reader.add_prompt(prompt)
    for partial in export.partials.values():
        reader.add_partial(partial)
    reader.add_pinned()
    return collector.result()


def _sort(export: _Export, content: Any, name: str) -> None:
    if isinstance(content, list):
        for item in content:
            _sort(export, item, name)
    elif not is_object(content):
        raise BadExport(f"{name}: expected prompts as Portkey's API answers them")
    elif isinstance(content.get("data"), list):
        _sort(export, content["data"], name)
    elif any(isinstance(content.get(kind), list) for kind in ("prompts", "partials")):
        _sort(export, [*(content.get("prompts") or []), *(content.get("partials") or [])], name)
        export.labels |= {label["id"]: label["name"] for label in content.get("labels") or [] if "name" in label}
    elif content.get("object") == "partial" or ("string" in content and "prompt_partial_version_id" in content):
        export.partials[str(content.get("slug"))] = content
    elif "slug" in content and "string" in content:
        export.prompts.append(content)
    else:
        raise BadExport(f"{name}: this is no prompt with 'slug' and 'string'; a list of prompts lacks their text")


class _Reader:
    def __init__(self, collector: Collector, options: Options, export: _Export) -> None:
        self._collector = collector
        self._options = options
        self._export = export
        self._pinned: dict[tuple[str, str], None] = {}
        self._keys: set[str] = set()

    def add_prompt(self, source: JsonObject) -> None:
        slug = str(source["slug"])
        others = [item for item in source.get("versions") or [] if _number(item) != _number(source)]
        chosen = [source, *others] if self._options.all_versions else [source]
        chosen.sort(key=_number)
        read = [(item is source, self._version(slug, item)) for item in chosen]
        versions = [(published, version) for published, version in read if version is not None]
        if not any(published for published, _ in versions):
            return
        if not self._options.all_versions:
            for item in sorted(others, key=_number):
                self._collector.skip(
                    f"prompt '{slug}', version {_number(item)}", "not the published version; see --all-versions"
                )
        place = next(index for index, (published, _) in enumerate(versions) if published)
        self._collector.add(
            Draft(slug, tuple(version for _, version in versions), published=place, name=source.get("name"))
        )

    def add_partial(self, source: JsonObject) -> None:
        slug, reading = str(source.get("slug")), Reading(source)
        what = f"partial '{slug}'"
        string, number = reading.text("string") or "", reading.take("version")
        others = [item for item in reading.items("versions") if item.get("version") != number]
        for item in others:
            if (slug, str(item.get("version"))) not in self._pinned:
                self._collector.skip(
                    f"{what}, version {item.get('version')}", "partials come in their published version"
                )
        description = reading.text("version_description") or reading.text("description")
        self._collector.leave(what, _records(reading), "Portkey's own record")
        self._collector.finish(what, reading, _REASONS, _OTHER)
        self._collector.add_partial(
            PartialDraft(slug, self._without_pins(string), name=source.get("name"), description=description)
        )

    def add_pinned(self) -> None:
        """Add the versions of partials that templates pin, and those that these pin in turn."""
        done: set[tuple[str, str]] = set()
        while waiting := [pin for pin in self._pinned if pin not in done]:
            for slug, number in waiting:
                done.add((slug, number))
                self._add_pin(slug, number)

    def _add_pin(self, slug: str, number: str) -> None:
        partial = self._export.partials.get(slug)
        found = [partial, *partial.get("versions", [])] if partial else []
        string = next(
            (item["string"] for item in found if str(item.get("version")) == number and "string" in item), None
        )
        name = pinned_slug(slug, number)
        if string is None:
            self._collector.note(
                f"partial '{slug}', version {number}", f"its text is not in the export: create it here as '{name}'"
            )
            return
        self._collector.note(
            f"partial '{name}'",
            f"holds version {number} of '{slug}': versions are counted anew here, pins are not lost",
        )
        self._collector.add_partial(PartialDraft(name, self._without_pins(string), name=name, slug=name))

    def _version(self, slug: str, source: JsonObject) -> Version | None:
        reading, number = Reading(source), _number(source)
        what = f"prompt '{slug}', version {number}"
        string, listed = reading.text("string"), reading.text("prompt_template")
        string = string or listed
        key = (reading.text("virtual_key") or "").removeprefix("@") or None
        target = self._collector.target(what, provider=key, model=reading.text("model"))
        metadata = reading.object("template_metadata")
        descriptions = [reading.text(name) for name in ("prompt_version_description", "prompt_description")]
        if string is None:
            self._collector.skip(what, "its text is not in the export")
            return None
        for name in ("prompt_version", "version", "versions"):
            reading.take(name)
        version = Version(
            string=self._without_pins(string),
            kind=_kind(string, metadata.pop("template_type", None)),
            raw=bool(reading.take("is_raw_template")),
            virtual_key=target[0],
            model=target[1],
            parameters=_parameters(reading),
            tools=reading.items("tools") or None,
            functions=reading.items("functions") or None,
            tool_choice=reading.take("tool_choice") or None,
            variables_schema=reading.object("variables_schema") or None,
            description=descriptions[0] or descriptions[1],
            origin=str(number),
            labels=self._labels(reading, what),
        )
        self._note_key(key)
        self._collector.leave(f"{what}: template_metadata", metadata, _OTHER)
        self._collector.leave(what, _records(reading), "Portkey's own record")
        self._collector.finish(what, reading, _REASONS, _OTHER)
        return version

    def _labels(self, reading: Reading, what: str) -> tuple[str, ...]:
        names: list[str] = []
        for place in ("prompt_version_label_id", "label_id"):
            identity = reading.text(place)
            if identity is None:
                continue
            if identity in self._export.labels:
                names.append(self._export.labels[identity])
            else:
                self._collector.skip(f"{what}: {place}", "the export does not say the label's name")
        return tuple(dict.fromkeys(names))

    def _note_key(self, key: str | None) -> None:
        if key is not None and key not in self._keys:
            self._keys.add(key)
            self._collector.note(
                f"virtual key '{key}'", "Portkey never gives secrets away: create it here under the same slug"
            )

    def _without_pins(self, string: str) -> str:
        self._pinned |= dict.fromkeys(pins(string))
        return replace_pins(string, pinned_slug)


def _number(source: JsonObject) -> int:
    value = source.get("prompt_version") or source.get("version") or 1
    return int(value) if str(value).isdecimal() else 1


def _kind(string: str, template_type: Any) -> Kind:
    if template_type is None:
        return "chat" if string.lstrip().startswith("[") else "text"
    return "chat" if template_type == "chat" else "text"


def _parameters(reading: Reading) -> JsonObject:
    """Return the parameters; an export may hold them as JSON text."""
    given = reading.take("parameters")
    if isinstance(given, str):
        try:
            decoded = json.loads(given)
        except ValueError:
            decoded = None
        given = decoded if is_object(decoded) else given
    if not is_object(given):
        if given:
            reading.put_back("parameters", given)
        return {}
    # The stored switch has no effect at Portkey either: the call says whether to stream.
    return {name: value for name, value in given.items() if name != "stream"}


def _records(reading: Reading) -> list[str]:
    # Slug and name are carried over with the prompt, and the list of variables is made from the template.
    carried = frozenset({"slug", "name", "variables"})
    return [name for name in reading.take_present(_RECORDS) if name not in carried]


IMPORTER = Source("portkey", "Portkey", (".json",), read, fetch, (Credential("api_key", "PORTKEY_API_KEY"),))

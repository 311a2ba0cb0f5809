"""Gathers what an importer finds, checks it as the stack would, and keeps account of everything that stays behind."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cli.importing.base import ImportedPartial, ImportedPrompt, ImportResult, Note, Options, Skipped, Version
from cli.importing.model_names import provider_of
from cli.importing.reading import Reading
from cli.importing.slugs import slugs_of
from cli.importing.template_checks import partials_in, remarks_about, template_fault
from promptside.errors import PromptsideError
from promptside.schema.prompt import JsonObject
from promptside.store.names import is_label
from promptside.variable_schemas import check_schema

LONGEST_NAME = 255
LONGEST_DESCRIPTION = 4000
LARGEST_VERSION = 380_000
"""Bytes of JSON; DynamoDB takes 400 KB with everything that is stored besides."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A prompt as the source has it. `key` is unique in the source and gives the slug unless one is chosen."""

    key: str
    versions: Sequence[Version]
    published: int = 0
    name: str | None = None
    slug: str | None = None
    variables: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PartialDraft:
    """A partial as the source has it."""

    key: str
    string: str
    name: str | None = None
    slug: str | None = None
    description: str | None = None


class Collector:
    """One import. With `mustache` the source's own templates are Mustache."""

    def __init__(self, options: Options, *, mustache: bool = False) -> None:
        self._options = options
        self._mustache = mustache
        self._drafts: list[Draft] = []
        self._partials: list[PartialDraft] = []
        self._skipped: dict[Skipped, None] = {}
        self._notes: dict[Note, None] = {}

    def add(self, draft: Draft) -> None:
        """Take a prompt."""
        self._drafts.append(draft)

    def add_partial(self, partial: PartialDraft) -> None:
        """Take a partial."""
        self._partials.append(partial)

    def skip(self, what: str, why: str) -> None:
        """Say what is not carried over."""
        self._skipped[Skipped(what, why)] = None

    def note(self, what: str, text: str) -> None:
        """Say what the user should know."""
        self._notes[Note(what, text)] = None

    def leave(self, what: str, names: Iterable[str], why: str) -> None:
        """Say which fields are not carried over, all for one reason; nothing when there are none."""
        listed = ", ".join(names)
        if listed:
            self.skip(f"{what}: {listed}", why)

    def finish(self, what: str, reading: Reading, reasons: Mapping[str, str], other: str) -> None:
        """Account for the fields that nobody took: by their reasons, all others by `other`."""
        by_reason: dict[str, list[str]] = {}
        for name in reading.left:
            by_reason.setdefault(reasons.get(name, other), []).append(name)
        for why, names in by_reason.items():
            self.leave(what, names, why)

    def target(self, what: str, *, provider: str | None, model: str | None) -> tuple[str | None, str | None]:
        """Return virtual key and model, from the options or the model's name where the source is silent.

        What stays unknown is None, with a note: then every call has to name it.
        """
        if model is None:
            model = self._options.model
            said = f"'{model}' is taken" if model else "each call has to name one, unless you import it with --model"
            self.note(what, f"the source names no model: {said}")
        key = provider or self._options.virtual_key
        if key is None:
            key = provider_of(model) if model else None
            said = (
                f"'{key}' is taken, going by the model's name; --virtual-key says otherwise"
                if key
                else "each call has to name one, unless you import it with --virtual-key"
            )
            self.note(what, f"the source names no provider: {said}")
        return key, model

    def result(self) -> ImportResult:
        """Check everything and return it, in the source's order."""
        partials = tuple(self._checked_partials())
        prompts = tuple(self._checked_prompts())
        self._name_missing_partials(prompts, partials)
        return ImportResult(prompts, partials, tuple(self._skipped), tuple(self._notes))

    def _checked_partials(self) -> Iterable[ImportedPartial]:
        slugs = slugs_of(partial.key for partial in self._partials if partial.slug is None)
        for partial in self._partials:
            slug = partial.slug or slugs[partial.key]
            what = f"partial '{slug}'"
            if slug != partial.key:
                self.note(
                    what, f"'{partial.key}' is called '{slug}' here: slugs have letters, digits, '_' and '-' only"
                )
            fault = template_fault(partial.string, "text")
            if fault is not None:
                self.skip(what, f"cannot be imported: {fault}")
                continue
            for text in remarks_about(partial.string, "text", mustache=self._mustache):
                self.note(what, text)
            yield ImportedPartial(
                slug, (partial.name or partial.key)[:LONGEST_NAME], partial.string, partial.description
            )

    def _checked_prompts(self) -> Iterable[ImportedPrompt]:
        slugs = slugs_of(draft.key for draft in self._drafts if draft.slug is None)
        for draft in self._drafts:
            slug = draft.slug or slugs[draft.key]
            what = f"prompt '{slug}'"
            if draft.slug is None and slug != draft.key:
                self.note(what, f"'{draft.key}' is called '{slug}' here: slugs have letters, digits, '_' and '-' only")
            name = draft.name or draft.key
            if len(name) > LONGEST_NAME:
                self.note(what, f"the name is cut to {LONGEST_NAME} characters")
            checked = [
                (index == draft.published, self._checked_version(what, version, published=index == draft.published))
                for index, version in enumerate(draft.versions)
            ]
            versions = [(published, version) for published, version in checked if version is not None]
            place = next((number for number, (published, _) in enumerate(versions) if published), None)
            if place is not None:
                kept = tuple(version for _, version in versions)
                self._note_numbers(what, kept)
                self._note_labels(slug, kept[place])
                yield ImportedPrompt(slug, name[:LONGEST_NAME], kept, place, draft.variables)

    def _note_numbers(self, what: str, versions: Iterable[Version]) -> None:
        for number, version in enumerate(versions, start=1):
            if version.origin is not None and version.origin.isdecimal() and int(version.origin) != number:
                self.note(what, f"version {version.origin} becomes version {number}: calls that pin it change")

    def _note_labels(self, slug: str, version: Version) -> None:
        """Say how to give it its labels; with all versions the import does it itself."""
        for label in () if self._options.all_versions else version.labels:
            self.note(
                f"prompt '{slug}'",
                f"it carries the label '{label}': give it here with 'promptside publish {slug} --label {label}'",
            )

    def _checked_version(self, what: str, version: Version, *, published: bool) -> Version | None:
        """Return the version as it can be stored, None with the reason among the skipped when it cannot."""
        if not published:
            what = f"{what}, version {version.origin}"
        fault = template_fault(version.string, version.kind, raw=version.raw)
        if fault is None and len(json.dumps(version.body())) > LARGEST_VERSION:
            fault = f"it has more than {LARGEST_VERSION} bytes, and DynamoDB could not hold it; move text to partials"
        if fault is not None:
            self.skip(what, f"cannot be imported: {fault}")
            return None
        for text in remarks_about(version.string, version.kind, raw=version.raw, mustache=self._mustache):
            self.note(what, text)
        return replace(
            version,
            labels=self._labels(what, version.labels),
            description=self._description(what, version.description),
            variables_schema=self._schema(what, version.variables_schema),
        )

    def _labels(self, what: str, labels: tuple[str, ...]) -> tuple[str, ...]:
        for label in labels:
            # `slug@latest` is always the newest version here, so that one is not lost.
            if label != "latest" and not is_label(label):
                self.skip(
                    f"{what}: label '{label}'", "labels have letters, digits, '_' and '-' only, and not all digits"
                )
        return tuple(label for label in labels if is_label(label))

    def _description(self, what: str, description: str | None) -> str | None:
        if description is not None and len(description) > LONGEST_DESCRIPTION:
            self.note(what, f"the description is cut to {LONGEST_DESCRIPTION} characters")
        return description[:LONGEST_DESCRIPTION] if description else None

    def _schema(self, what: str, schema: JsonObject | None) -> JsonObject | None:
        if not schema:
            return None
        try:
            check_schema(schema)
        except PromptsideError as exc:
            self.skip(f"{what}: the schema of its variables", exc.message)
            return None
        return schema

    def _name_missing_partials(self, prompts: Iterable[ImportedPrompt], partials: Iterable[ImportedPartial]) -> None:
        known = {partial.slug for partial in partials}
        texts = [
            (f"prompt '{prompt.slug}'", version.string, version.kind, version.raw)
            for prompt in prompts
            for version in prompt.versions
        ]
        texts += [(f"partial '{partial.slug}'", partial.string, "text", False) for partial in partials]
        for what, string, kind, raw in texts:
            for reference in partials_in(string, kind, raw=raw):
                if reference.partition("@")[0] not in known:
                    self.note(what, f"the partial '{reference}' is not part of this import: create it first")

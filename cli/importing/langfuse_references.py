"""Turns references between Langfuse prompts into partials: `@@@langfusePrompt:name=tone|label=production@@@`.

https://langfuse.com/docs/prompt-management/features/composability.md, read 2026-11-23. Only text prompts can be
referred to. What `production` carries becomes the partial of the prompt's own slug; any other version or label gets one
of its own, because a pin must not move when the partial is edited.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from cli.importing.collector import Collector
from cli.importing.pinned_partials import insert_partials, pinned_slug
from cli.importing.slugs import slug_of
from promptside.schema.prompt import JsonObject

REFERENCE = re.compile(r"@@@langfusePrompt:([^@]+?)@@@")
_DEFAULT = "production"


class Snippets:
    """Knows all prompts by name, and collects those that are referred to."""

    def __init__(self, collector: Collector, prompts: Mapping[str, list[JsonObject]], slugs: Mapping[str, str]) -> None:
        self._collector = collector
        self._prompts = prompts
        self._slugs = slugs
        self._wanted: dict[str, tuple[str, str, str]] = {}

    def reference(self, tag: str) -> str:
        """Return the slug for the inside of a tag: `name=tone|version=3` gives `tone-v3`."""
        name, kind, selector = parse_reference(tag)
        slug = self._slugs.get(name) or slug_of(name)
        if (kind, selector) != ("label", _DEFAULT):
            slug = pinned_slug(slug, slug_of(selector))
        self._wanted.setdefault(slug, (name, kind, selector))
        return slug

    def texts(self) -> Iterator[tuple[str, str, str]]:
        """Yield slug, name and text of each partial that was referred to, and of those that these refer to."""
        done: set[str] = set()
        while waiting := [slug for slug in self._wanted if slug not in done]:
            for slug in waiting:
                done.add(slug)
                text = self._text(slug)
                if text is not None:
                    yield slug, slug, insert_partials(text, REFERENCE, self.reference)

    def _text(self, slug: str) -> str | None:
        name, kind, selector = self._wanted[slug]
        what = f"partial '{slug}'"
        found = [prompt for prompt in self._prompts.get(name, []) if _carries(prompt, kind, selector)]
        text = found[-1].get("prompt") if found else None
        if text is None:
            self._collector.skip(what, f"{kind} '{selector}' of '{name}' is not in the export: create it here")
            return None
        if not isinstance(text, str):
            self._collector.skip(what, f"'{name}' is a chat prompt, and only text can be put into a text")
            return None
        self._collector.note(what, f"holds {kind} '{selector}' of '{name}', which other prompts refer to")
        if kind == "label" and selector != _DEFAULT:
            self._collector.note(what, f"does not follow the label '{selector}' any more: partials have no labels here")
        return text


def parse_reference(tag: str) -> tuple[str, str, str]:
    """Return name, `version` or `label`, and which one; without either that is the label production."""
    fields = dict(part.partition("=")[::2] for part in tag.split("|"))
    if "version" in fields:
        return fields.get("name", ""), "version", fields["version"]
    return fields.get("name", ""), "label", fields.get("label", _DEFAULT)


def references_in(prompt: object) -> list[str]:
    """Return the insides of all tags in a prompt's text or messages."""
    if isinstance(prompt, str):
        return REFERENCE.findall(prompt)
    if isinstance(prompt, dict):
        return [tag for value in prompt.values() for tag in references_in(value)]
    return [tag for item in prompt for tag in references_in(item)] if isinstance(prompt, list) else []


def _carries(prompt: JsonObject, kind: str, selector: str) -> bool:
    if kind == "version":
        return str(prompt.get("version")) == selector
    return selector in (prompt.get("labels") or [])

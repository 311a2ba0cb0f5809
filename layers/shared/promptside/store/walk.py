"""Finds its way from a reference to the versions it needs, over the items that were read so far."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from promptside.errors import InvalidRequest, NotFound, PromptsideError
from promptside.schema.config import Named, Sought, named_in
from promptside.schema.experiment import Experiment
from promptside.schema.limits import Subject
from promptside.schema.prompt import (
    ConfigVersion,
    PartialVersion,
    PromptVersion,
    Reference,
    Resolution,
    VirtualKey,
    parse_reference,
    split_model,
)
from promptside.store.cache import BoundedCache
from promptside.store.items import Record
from promptside.store.lots import Lots
from promptside.store.missing import config_not_found, partial_not_found, prompt_not_found, prompt_version_not_found
from promptside.store.names import PUBLISHED, Family, Key, KeySpace, is_slug, is_uuid, version_number
from promptside.store.records import Pointer, config_of, partial_of, pointer_of, prompt_of, virtual_key_of

MOST_PARTIALS = 100
_Version = TypeVar("_Version", PromptVersion, PartialVersion, ConfigVersion)
_NOTHING = Sought()


@dataclass(frozen=True, slots=True)
class Known:
    """What never changes once it is stored: versions by owner and number, and the slug behind each UUID."""

    prompts: BoundedCache[tuple[str, int], PromptVersion]
    partials: BoundedCache[tuple[str, int], PartialVersion]
    configs: BoundedCache[tuple[str, int], ConfigVersion]
    slugs: BoundedCache[str, str]


@dataclass(frozen=True, slots=True)
class _Shelf(Generic[_Version]):
    """Where versions of one family are kept and how they are read from items."""

    family: Family
    cache: BoundedCache[tuple[str, int], _Version]
    decode: Callable[[Record], _Version]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A label that an experiment has given to the run, and its version; None when no version carries it any more."""

    experiment: Experiment
    prompt_id: str
    slug: str
    label: str
    number: int | None


@dataclass(slots=True)
class Walk:
    """One attempt over `items`; when it needs more, `missing` has the keys.

    `changing` are the keys of everything on the way that may be different next time, `drawn` what experiments decided,
    `limited` the prompts with limits by id.
    """

    keys: KeySpace
    known: Known
    items: dict[Key, Record | None]
    lots: Lots = field(default_factory=Lots)
    missing: set[Key] = field(default_factory=set)
    changing: list[Key] = field(default_factory=list)
    drawn: list[Drawn] = field(default_factory=list)
    limited: dict[str, Subject] = field(default_factory=dict)

    def run(
        self,
        reference: Reference,
        virtual_keys: Collection[str],
        sought: Sought | None = None,
        default_config: str | None = None,
    ) -> Resolution | None:
        """Return the resolution without the caller's key, or None when `missing` has to be read first.

        `sought` is the config that is in force whatever the prompt says, `default_config` the one without any other.
        Raises NotFound, and InvalidRequest for an unknown config or more partials than one prompt may have.
        """
        config, named = self._config_sought(sought or _NOTHING)
        if named is None and sought is not None:
            # The config may do without this prompt, so only what can be read beside the config is of interest.
            with suppress(NotFound):
                self._prompt(reference)
            return None
        if named is not None and named.replaces_prompt:
            reference = named.prompts[0]
        version = self._prompt(reference)
        if version is not None and sought is None:
            config, named = self._config_of(version, default_config)
        prompts = {other: self._prompt(other) for other in named.prompts} if named is not None else {}
        found = [version, *prompts.values()]
        known = {each.version_id: each for each in found if each is not None}.values()
        partials = {text: partial for each in known for text, partial in self._partials(each).items()}
        stored = self._virtual_keys(virtual_keys, known, () if named is None else named.virtual_keys)
        if self.missing or version is None:
            return None
        return Resolution(
            api_key=None,
            prompt=version,
            partials=partials,
            virtual_keys=stored,
            config=config,
            prompts={other: each for other, each in prompts.items() if each is not None},
            labels={(each.prompt_id, each.number): each.label for each in self.drawn if each.number is not None},
            limited_prompt=self.limited.get(version.prompt_id),
        )

    def _config_sought(self, sought: Sought) -> tuple[ConfigVersion | None, Named | None]:
        """Return the config that the request brings, if it is a stored one, and what it names."""
        if sought.slug is None:
            return None, sought.named
        config = self._config(sought.slug)
        return config, None if config is None else named_in(config.config)

    def _config_of(self, version: PromptVersion, default: str | None) -> tuple[ConfigVersion | None, Named | None]:
        """Return the config of a prompt, if it is a stored one, and what it names; without any, the default one's."""
        own = version.parameters.get("config")
        if isinstance(own, dict):
            return None, named_in(own)
        slug = own if isinstance(own, str) and own else default
        return (None, None) if slug is None else self._config_sought(Sought(slug))

    def _config(self, slug: str) -> ConfigVersion | None:
        if not is_slug(slug):
            raise config_not_found(slug)
        pointer = self._pointer("config", slug, lambda: config_not_found(slug))
        if pointer is None:
            return None
        shelf = _Shelf("config", self.known.configs, config_of)
        return self._version(shelf, pointer, pointer.published, lambda: config_not_found(slug))

    def _prompt(self, reference: Reference) -> PromptVersion | None:
        slug = self._slug(reference.id)
        if slug is None:
            return None
        pointer = self._pointer("prompt", slug, lambda: prompt_not_found(reference.id))
        if pointer is None:
            return None
        if is_uuid(reference.id) and pointer.id != reference.id.lower():
            raise prompt_not_found(reference.id)
        if pointer.limits:
            self.limited[pointer.id] = Subject("prompt", pointer.id, pointer.slug, pointer.limits)
        return self._version(
            _Shelf("prompt", self.known.prompts, prompt_of),
            pointer,
            self._number(pointer, reference.selector),
            lambda: prompt_version_not_found(pointer.slug, reference.selector),
        )

    def _number(self, pointer: Pointer, selector: str | None) -> int | None:
        experiment = pointer.experiment
        if selector is not None or experiment is None:
            return selected(pointer, selector)
        label = self.lots.label(experiment, pointer.id)
        number = pointer.labels.get(label)
        drawn = Drawn(experiment, pointer.id, pointer.slug, label, number)
        if drawn not in self.drawn:
            self.drawn.append(drawn)
        # The label may have been taken off after the experiment began.
        return pointer.published if number is None else number

    def _slug(self, name: str) -> str | None:
        if not is_uuid(name):
            return name
        known = self.known.slugs.find(name.lower())
        if known is not None:
            return known
        key = self.keys.identity("prompt", name)
        if key not in self.items:
            self.missing.add(key)
            return None
        record = self.items[key]
        if record is None:
            raise prompt_not_found(name)
        slug: str = record["slug"]
        self.known.slugs.put(name.lower(), slug)
        return slug

    def _partials(self, version: PromptVersion) -> dict[str, PartialVersion]:
        """Return the partials by reference; a circle of partials ends because each reference is visited once."""
        found: dict[str, PartialVersion] = {}
        seen = set(version.partials)
        waiting = deque(version.partials)
        while waiting:
            reference = waiting.popleft()
            partial = self._partial(reference)
            if partial is None:
                continue
            found[reference] = partial
            waiting.extend(name for name in partial.partials if name not in seen)
            seen.update(partial.partials)
            if len(seen) > MOST_PARTIALS:
                raise InvalidRequest(
                    f"Prompt '{version.slug}' uses more than {MOST_PARTIALS} partials", param="prompt_id"
                )
        return found

    def _partial(self, text: str) -> PartialVersion | None:
        reference = parse_reference(text)
        slug, selector = reference.id, reference.selector
        if not is_slug(slug):
            raise partial_not_found(text)
        number = version_number(selector or "")
        if number and self.keys.pointer("partial", slug) not in self.items:
            # The number says which version it will be: both items come in one read.
            self.missing.add(self.keys.version("partial", slug, number))
        pointer = self._pointer("partial", slug, lambda: partial_not_found(text))
        if pointer is None:
            return None
        number = selected(pointer, selector)
        shelf = _Shelf("partial", self.known.partials, partial_of)
        return self._version(shelf, pointer, number, lambda: partial_not_found(text))

    def _virtual_keys(
        self, wanted: Collection[str], versions: Collection[PromptVersion], of_config: Collection[str]
    ) -> dict[str, VirtualKey]:
        named = [*of_config]
        for version in versions:
            named += [slug for slug in (version.virtual_key, split_model(version.model or "")[0]) if slug is not None]
        own = [slug for slug in named if is_slug(slug)]
        self.changing.extend(self.keys.virtual_key(slug) for slug in own)
        stored: dict[str, VirtualKey] = {}
        for slug in {*wanted, *own}:
            key = self.keys.virtual_key(slug)
            if key not in self.items:
                self.missing.add(key)
            elif (record := self.items[key]) is not None:
                stored[slug] = virtual_key_of(record)
        return stored

    def _pointer(self, family: Family, slug: str, not_found: Callable[[], PromptsideError]) -> Pointer | None:
        key = self.keys.pointer(family, slug)
        self.changing.append(key)
        if key not in self.items:
            self.missing.add(key)
            return None
        record = self.items[key]
        if record is None:
            raise not_found()
        return pointer_of(record)

    def _version(
        self, shelf: _Shelf[_Version], pointer: Pointer, number: int | None, not_found: Callable[[], PromptsideError]
    ) -> _Version | None:
        """Return a version, or None when it is not yet read and then in `missing`."""
        if number is None:
            raise not_found()
        cached = shelf.cache.find((pointer.id, number))
        if cached is not None:
            return cached
        key = self.keys.version(shelf.family, pointer.slug, number)
        if key not in self.items:
            self.missing.add(key)
            return None
        record = self.items[key]
        # A prompt of the same slug may have been deleted before: its versions are not this one's.
        if record is None or record["owner_id"] != pointer.id:
            raise not_found()
        version = shelf.decode(record)
        shelf.cache.put((pointer.id, number), version)
        return version


def selected(pointer: Pointer, selector: str | None) -> int | None:
    """Return the version that a selector names: a number, `latest`, a label, or the published one; None if none."""
    if selector is None or selector in PUBLISHED:
        return pointer.published
    if selector == "latest":
        return pointer.latest
    number = version_number(selector)
    if number is not None:
        return number if 0 < number <= pointer.latest else None
    return pointer.labels.get(selector)

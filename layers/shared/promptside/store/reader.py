"""Reads everything a run needs from the table, in one round trip when the same prompt was read before.

What changes (pointers, callers' keys, virtual keys) is read with every call, consistently, so a publish or a revoked
key counts from the very next one. What never changes (versions, the slug behind a UUID) is kept in memory. Which
partials and virtual keys a version needs is remembered from the last call; if that was wrong, one more read follows.
"""

from __future__ import annotations

import hmac
import random
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from promptside.errors import StoreUnavailable, Unauthenticated
from promptside.log import log_event
from promptside.schema.config import Sought
from promptside.schema.prompt import ApiKey, PartialVersion, PromptVersion, Reference, Resolution
from promptside.store.cache import BoundedCache
from promptside.store.items import Record
from promptside.store.lots import Lots
from promptside.store.missing import prompt_not_found
from promptside.store.names import Key, KeySpace, is_digest, is_slug, is_uuid, version_number
from promptside.store.patience import Patience
from promptside.store.records import api_key_of
from promptside.store.table import Table
from promptside.store.walk import Drawn, Known, Walk

STALE_SECONDS = 300.0
_VERSION_BYTES = 24 * 1024 * 1024
_PLANS = 2_000
_SLUGS = 10_000
_CONFIGS = 500
_LAST_BYTES = 8 * 1024 * 1024
_Question = tuple[Reference, str | None, frozenset[str], Sought | None]
_Labels = tuple[str, ...]
"""What experiments have drawn, in the order of the prompts."""

_Plan = tuple[str, str | None, Sought | None]
"""What has to be known beforehand to know what will be read: the prompt, and the config if there is one."""


@dataclass(frozen=True, slots=True)
class _Answered:
    resolution: Resolution
    at: float
    drawn: tuple[Drawn, ...] = ()


class DynamoPromptReader:
    """Implements `PromptReader`; safe to share between threads."""

    def __init__(
        self,
        client: Any,
        *,
        table: str,
        workspace: str = "default",
        patience: Patience | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._table = Table(client, table, patience=patience)
        self._keys = KeySpace(workspace)
        self._clock = clock
        self._now = now
        self._random = random
        self._known = Known(
            prompts=BoundedCache(_VERSION_BYTES, weigh=_prompt_weight),
            partials=BoundedCache(_VERSION_BYTES, weigh=_partial_weight),
            configs=BoundedCache(_CONFIGS),
            slugs=BoundedCache(_SLUGS),
        )
        self._plans: BoundedCache[_Plan, tuple[Key, ...]] = BoundedCache(_PLANS)
        self._key_configs: BoundedCache[str, str] = BoundedCache(_PLANS)
        self._last: BoundedCache[tuple[_Question, _Labels], _Answered] = BoundedCache(_LAST_BYTES, weigh=_answer_weight)

    def resolve(
        self,
        reference: Reference,
        *,
        key_digest: str | None,
        virtual_keys: Collection[str] = (),
        sought: Sought | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Resolution:
        """Read the caller's key, the prompt version, its partials and the virtual keys; see `PromptReader`.

        While DynamoDB is down, the same question that was answered in the last five minutes is answered again, with
        `stale` set. Raises Unauthenticated, NotFound, InvalidRequest, StoreUnavailable, ConfigurationError.
        """
        wanted = frozenset(slug for slug in virtual_keys if is_slug(slug))
        question = (reference, key_digest, wanted, sought)
        lots = Lots(metadata or {}, self._random)
        try:
            answered = self._resolve(question, lots)
        except StoreUnavailable:
            last = self._answered_last(question, lots)
            if last is None or not self._still_good(last):
                raise
            log_event("prompt_served_stale", prompt=last.resolution.prompt.slug, version=last.resolution.prompt.version)
            return replace(last.resolution, stale=True)
        self._last.put((question, ()), answered)
        if answered.drawn:
            self._last.put((question, tuple(each.label for each in answered.drawn)), answered)
        return answered.resolution

    def find_api_key(self, digest: str) -> ApiKey | None:
        """Return the record of an active key, or None for one that is unknown, revoked or expired."""
        if not is_digest(digest):
            return None
        return self._active(self._table.get(self._keys.api_key(digest)), digest)

    def _resolve(self, question: _Question, lots: Lots) -> _Answered:
        reference, key_digest, wanted, sought = question
        expected = sought
        if key_digest is not None and (remembered := self._key_configs.find(key_digest)) is not None:
            expected = sought or Sought(remembered)
        plan = (reference.id, reference.selector, expected)
        items = self._table.read(self._first_keys(plan, reference, key_digest, wanted))
        api_key = None if key_digest is None else self._authenticated(key_digest, items)
        if not _is_name(reference.id):
            raise prompt_not_found(reference.id)
        default = None if api_key is None else api_key.config
        lots.metadata = _metadata(api_key, lots)
        if api_key is not None and default is not None:
            self._key_configs.put(api_key.digest, default)
            if sought is None:
                # From now on this key's calls are expected to need its config.
                plan = (reference.id, reference.selector, Sought(default))
            if api_key.fixed_config:
                sought = Sought(default)
        while True:
            walk = Walk(self._keys, self._known, items, lots)
            found = walk.run(reference, wanted, sought, default)
            if found is not None:
                self._plans.put(plan, tuple(walk.changing))
                _log_missing(walk.drawn)
                return _Answered(replace(found, api_key=api_key), self._clock(), tuple(walk.drawn))
            items.update(self._table.read(walk.missing))

    def _answered_last(self, question: _Question, lots: Lots) -> _Answered | None:
        """Return what the question was answered with when last a run drew the same labels, else what there is."""
        last = self._last.find((question, ()))
        if last is None or not last.drawn:
            return last
        lots.metadata = _metadata(last.resolution.api_key, lots)
        labels = tuple(lots.label(each.experiment, each.prompt_id) for each in last.drawn)
        return self._last.find((question, labels)) or last

    def _config_keys(self, sought: Sought | None) -> set[Key]:
        """Return the keys of what a config that is known beforehand will need."""
        if sought is None:
            return set()
        if sought.slug is not None:
            return {self._keys.pointer("config", sought.slug)} if is_slug(sought.slug) else set()
        named = sought.named
        references = () if named is None else named.prompts
        return {self._keys.pointer("prompt", each.id) for each in references if is_slug(each.id)}

    def _first_keys(
        self, plan: _Plan, reference: Reference, key_digest: str | None, wanted: frozenset[str]
    ) -> set[Key]:
        keys = {self._keys.virtual_key(slug) for slug in wanted}
        if key_digest is not None:
            if not is_digest(key_digest):
                raise Unauthenticated
            keys.add(self._keys.api_key(key_digest))
        if not _is_name(reference.id):
            return keys
        planned = self._plans.find(plan)
        if planned is not None:
            return keys.union(planned)
        keys |= self._config_keys(plan[2])
        slug = self._known.slugs.find(reference.id.lower()) if is_uuid(reference.id) else reference.id
        if slug is None:
            keys.add(self._keys.identity("prompt", reference.id))
            return keys
        keys.add(self._keys.pointer("prompt", slug))
        number = version_number(reference.selector or "")
        if number:
            keys.add(self._keys.version("prompt", slug, number))
        return keys

    def _authenticated(self, digest: str, items: dict[Key, Record | None]) -> ApiKey:
        key = self._active(items[self._keys.api_key(digest)], digest)
        if key is None:
            raise Unauthenticated
        return key

    def _active(self, record: Record | None, digest: str) -> ApiKey | None:
        if record is None or not hmac.compare_digest(record["sk"], digest):
            return None
        key = api_key_of(record)
        return key if key.status == "active" and not self._expired(key) else None

    def _expired(self, key: ApiKey) -> bool:
        if key.expires_at is None:
            return False
        return datetime.fromisoformat(key.expires_at) <= datetime.fromtimestamp(self._now(), UTC)

    def _still_good(self, last: _Answered) -> bool:
        key = last.resolution.api_key
        return self._clock() - last.at <= STALE_SECONDS and (key is None or not self._expired(key))


def _metadata(api_key: ApiKey | None, lots: Lots) -> Mapping[str, str]:
    return lots.metadata if api_key is None else {**api_key.metadata, **lots.metadata}


def _log_missing(drawn: Iterable[Drawn]) -> None:
    for each in drawn:
        if each.number is None:
            log_event("experiment_label_missing", prompt=each.slug, label=each.label)


def _is_name(text: str) -> bool:
    return is_slug(text) or is_uuid(text)


def _prompt_weight(version: PromptVersion) -> int:
    # Four bytes a character is the most Python takes; what surrounds the template is small beside that.
    return 4096 + len(version.string) * 2 + len(str(version.tools or "")) * 2


def _partial_weight(version: PartialVersion) -> int:
    return 1024 + len(version.string) * 2


def _answer_weight(answered: _Answered) -> int:
    resolution = answered.resolution
    return _prompt_weight(resolution.prompt) + sum(map(_partial_weight, resolution.partials.values()))

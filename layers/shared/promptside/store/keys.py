"""Callers' API keys: shown once, kept as SHA-256 digests."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from promptside.errors import Conflict, InvalidRequest, JsonObject, NotFound
from promptside.schema.prompt import ApiKey
from promptside.store.names import KeySpace
from promptside.store.patience import Patience
from promptside.store.records import api_key_of, api_key_record
from promptside.store.table import ConditionFailed, Table, put, update

PREFIX = "ps-"
SHORTEST_KEY = 16
ACTIONS = ("create", "read", "update", "delete", "list")
AREAS = ("prompts", "virtual_keys", "configs", "api_keys", "files", "batches")
SCOPES = frozenset(
    {"*", "completions.write", "completions.*", "prompts.publish", "runs.read", "runs.list", "runs.*"}
    | {f"{area}.{action}" for area in AREAS for action in (*ACTIONS, "*")}
)
"""What a key may be allowed; `<area>.*` is everything of an area."""
_ABSENT = "attribute_not_exists(pk)"
_ACTIVE = "id = :id AND #status = :active"


@dataclass(frozen=True, slots=True)
class KeyDefaults:
    """What a key brings to every call, as in its record."""

    config: str | None = None
    fixed_config: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)

    def on(self, key: ApiKey) -> ApiKey:
        """Return the key with these."""
        return replace(key, config=self.config, fixed_config=self.fixed_config, metadata=self.metadata)


_NOTHING = KeyDefaults()


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new key: its record, and the key itself, which is never to be seen again."""

    record: ApiKey
    key: str = field(repr=False)


class ApiKeyStore:
    """The keys of one workspace. Methods raise InvalidRequest, NotFound, Conflict, StoreUnavailable."""

    def __init__(
        self,
        client: Any,
        *,
        table: str,
        workspace: str = "default",
        patience: Patience | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._table = Table(client, table, patience=patience)
        self._keys = KeySpace(workspace)
        self._now = now

    def create(
        self,
        name: str,
        scopes: Collection[str],
        *,
        expires_at: datetime | None = None,
        defaults: KeyDefaults = _NOTHING,
        limits: JsonObject | None = None,
    ) -> CreatedKey:
        """Make and store a new random key."""
        record = replace(self._record(name, scopes, expires_at), limits=limits or {})
        return self._store(new_key(), defaults.on(record))

    def ensure(self, key: str, name: str, scopes: Collection[str]) -> ApiKey:
        """Store a key that the operator chose, unless it is there already, and return its record.

        Raises InvalidRequest for one that is too short to be safe.
        """
        if len(key) < SHORTEST_KEY:
            raise InvalidRequest(f"An API key needs at least {SHORTEST_KEY} characters", param="key")
        try:
            return self._store(key, self._record(name, scopes, None)).record
        except Conflict:
            record = self._table.get(self._keys.api_key(digest_of(key)))
            if record is None:
                raise
            return api_key_of(record)

    def all(self) -> list[ApiKey]:
        """Return the keys, revoked and expired ones too, the newest last."""
        records = self._table.query(self._keys.api_keys())
        return sorted(map(api_key_of, records), key=lambda key: (key.created_at, key.id))

    def get(self, identifier: str) -> ApiKey:
        """Return the key of that id; of a rotated one the key that is in use now."""
        of_that_id = [key for key in self.all() if key.id == identifier]
        if not of_that_id:
            raise NotFound(f"API key '{identifier[:64]}' not found", param="id", code="api_key_not_found")
        return max(of_that_id, key=lambda key: (key.status == "active" and key.expires_at is None, key.created_at))

    def change(
        self,
        identifier: str,
        *,
        name: str | None,
        scopes: Collection[str] | None,
        defaults: KeyDefaults | None = None,
        limits: JsonObject | None = None,
    ) -> None:
        """Give a key another name, other scopes, other defaults or other limits, at once."""
        key = self.get(identifier)
        change: dict[str, Any] = {}
        if name is not None:
            change["name"] = name
        if scopes is not None:
            check_scopes(scopes)
            change["scopes"] = sorted(scopes)
        if defaults is not None:
            change["defaults"] = api_key_record(defaults.on(key))["defaults"]
        if limits is not None:
            change["limits"] = api_key_record(replace(key, limits=limits))["limits"]
        if change:
            self._set(key, change)

    def revoke(self, identifier: str) -> None:
        """Make a key useless at once, with every older form of it that a rotation has left."""
        self.get(identifier)
        for key in self.all():
            if key.id == identifier and key.status == "active":
                self._set(key, {"status": "revoked"})

    def rotate(self, identifier: str, *, transition: timedelta = timedelta(0)) -> CreatedKey:
        """Give a key a new secret with the same id; the old one ends now, or after the transition."""
        old = self.get(identifier)
        if old.status != "active":
            raise Conflict(f"API key '{identifier[:64]}' is revoked", param="id")
        key = new_key()
        record = replace(old, digest=digest_of(key), created_at=timestamp(self._now()))
        until = timestamp(self._now() + transition)
        ends = {"expires_at": min(until, old.expires_at or until)} if transition else {"status": "revoked"}
        values = {"id": old.id, "active": "active"}
        change = update(self._keys.api_key(old.digest), {"status": "active", **ends}, _ACTIVE, values=values)
        try:
            self._table.write(put(self._keys.api_key(record.digest), api_key_record(record), _ABSENT), change)
        except ConditionFailed as exc:
            raise Conflict("The API key was changed by somebody else meanwhile: try again", param="id") from exc
        return CreatedKey(record, key)

    def _record(self, name: str, scopes: Collection[str], expires_at: datetime | None) -> ApiKey:
        check_scopes(scopes)
        return ApiKey(
            id=str(uuid.uuid4()),
            digest="",
            name=name,
            scopes=frozenset(scopes),
            created_at=timestamp(self._now()),
            expires_at=None if expires_at is None else timestamp(expires_at),
        )

    def _store(self, key: str, record: ApiKey) -> CreatedKey:
        record = replace(record, digest=digest_of(key))
        try:
            self._table.write(put(self._keys.api_key(record.digest), api_key_record(record), _ABSENT))
        except ConditionFailed as exc:
            raise Conflict("This API key exists already", param="key") from exc
        return CreatedKey(record, key)

    def _set(self, key: ApiKey, change: dict[str, Any]) -> None:
        try:
            self._table.write(update(self._keys.api_key(key.digest), change, "id = :id", values={"id": key.id}))
        except ConditionFailed as exc:
            raise Conflict("The API key was changed by somebody else meanwhile: try again", param="id") from exc


def new_key() -> str:
    """Return a key of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(key: str) -> str:
    """Return what is stored of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def timestamp(moment: datetime) -> str:
    """Return RFC 3339 in UTC with whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def check_scopes(scopes: Collection[str]) -> None:
    """Raise InvalidRequest unless every scope is one of SCOPES and there is at least one."""
    unknown = sorted(set(scopes) - SCOPES)
    if unknown:
        raise InvalidRequest(
            f"Unknown scope '{unknown[0][:64]}'; known are {', '.join(sorted(SCOPES))}", param="scopes"
        )
    if not scopes:
        raise InvalidRequest("An API key needs at least one scope", param="scopes")

"""Virtual keys: what is public of stored provider credentials. The secret half is in SSM, under `secret_name`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from promptside.errors import Conflict, JsonObject, NotFound
from promptside.store.items import Record
from promptside.store.names import KeySpace, is_slug
from promptside.store.patience import Patience
from promptside.store.table import ConditionFailed, Table, delete, put

_ABSENT = "attribute_not_exists(pk)"
_UNCHANGED = "revision = :revision AND id = :id"


@dataclass(frozen=True, slots=True)
class VirtualKeyRecord:
    """Everything about a virtual key but its secrets.

    `settings` are the provider's public fields. `secret_name` is empty when there is no secret. `limits` are
    `{"usage_limits", "rate_limits", "usage_since", "model_config", "deployment_config"}`, as the caller wrote them and
    each only if given. `revision` grows with every change. Times are RFC 3339 in UTC.
    """

    slug: str
    id: str
    name: str
    provider: str
    settings: Mapping[str, str] = field(default_factory=dict)
    secret_name: str = ""
    note: str | None = None
    limits: JsonObject = field(default_factory=dict)
    expires_at: str | None = None
    revision: int = 1
    created_at: str = ""
    updated_at: str = ""


class VirtualKeyStore:
    """The virtual keys of one workspace. Methods raise NotFound, Conflict, PayloadTooLarge, StoreUnavailable."""

    def __init__(
        self, client: Any, *, table: str, workspace: str = "default", patience: Patience | None = None
    ) -> None:
        self._table = Table(client, table, patience=patience)
        self._keys = KeySpace(workspace)

    def all(self) -> list[VirtualKeyRecord]:
        """Return the virtual keys by slug."""
        return [_decode(record) for record in self._table.query(self._keys.virtual_keys())]

    def find(self, slug: str) -> VirtualKeyRecord | None:
        """Return one virtual key, or None."""
        record = self._table.get(self._keys.virtual_key(slug)) if is_slug(slug) else None
        return None if record is None else _decode(record)

    def get(self, slug: str) -> VirtualKeyRecord:
        """Return one virtual key."""
        found = self.find(slug)
        if found is None:
            raise NotFound(f"Virtual key '{slug[:128]}' not found", param="virtual_key", code="virtual_key_not_found")
        return found

    def create(self, key: VirtualKeyRecord) -> None:
        """Store a new virtual key. Raises Conflict when its slug is taken."""
        try:
            self._table.write(put(self._keys.virtual_key(key.slug), _encode(key), _ABSENT))
        except ConditionFailed as exc:
            raise Conflict(f"Virtual key '{key.slug}' exists already", param="slug") from exc

    def replace(self, old: VirtualKeyRecord, new: VirtualKeyRecord) -> None:
        """Store a virtual key's new form. Raises Conflict when it is not the old one any more."""
        new = replace(new, revision=old.revision + 1)
        try:
            self._table.write(put(self._keys.virtual_key(old.slug), _encode(new), _UNCHANGED, values=_unchanged(old)))
        except ConditionFailed as exc:
            raise _lost(old) from exc

    def delete(self, key: VirtualKeyRecord) -> None:
        """Remove a virtual key. Raises Conflict when it was changed meanwhile."""
        try:
            self._table.write(delete(self._keys.virtual_key(key.slug), _UNCHANGED, values=_unchanged(key)))
        except ConditionFailed as exc:
            raise _lost(key) from exc


def _unchanged(key: VirtualKeyRecord) -> dict[str, Any]:
    return {"revision": key.revision, "id": key.id}


def _lost(key: VirtualKeyRecord) -> Conflict:
    return Conflict(f"Virtual key '{key.slug}' was changed by somebody else meanwhile: try again", param="slug")


def _encode(key: VirtualKeyRecord) -> Record:
    return {
        "id": key.id,
        "name": key.name,
        "provider": key.provider,
        "settings": dict(key.settings),
        "secret_name": key.secret_name,
        "note": key.note,
        "limits": json.dumps(key.limits),
        "expires_at": key.expires_at,
        "revision": key.revision,
        "created_at": key.created_at,
        "updated_at": key.updated_at,
    }


def _decode(record: Mapping[str, Any]) -> VirtualKeyRecord:
    # Only provider and settings must be there: an operator may have put a key into the table by hand.
    return VirtualKeyRecord(
        slug=record["sk"],
        id=record.get("id", record["sk"]),
        name=record.get("name", record["sk"]),
        provider=record["provider"],
        settings=record.get("settings", {}),
        secret_name=record.get("secret_name", f"virtual-keys/{record['sk']}"),
        note=record.get("note"),
        limits=json.loads(record.get("limits", "{}")),
        expires_at=record.get("expires_at"),
        revision=record.get("revision", 0),
        created_at=record.get("created_at", ""),
        updated_at=record.get("updated_at", ""),
    )

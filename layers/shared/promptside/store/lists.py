"""Labels and collections: small records, each workspace's in one partition, listed with one query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from promptside.errors import Conflict, NotFound
from promptside.store.items import Record
from promptside.store.names import KeySpace, is_uuid
from promptside.store.patience import Patience
from promptside.store.table import ConditionFailed, Table, delete, put

_ABSENT = "attribute_not_exists(pk)"
_THERE = "attribute_exists(pk) AND id = :id"


@dataclass(frozen=True, slots=True)
class Label:
    """A name that can be moved from version to version. `built_in` ones are in every workspace and stay."""

    id: str
    name: str
    description: str | None = None
    color_code: str | None = None
    status: str = "active"
    built_in: bool = False
    created_at: str = ""
    updated_at: str = ""


@dataclass(frozen=True, slots=True)
class Collection:
    """A folder of prompts and partials."""

    id: str
    name: str
    slug: str
    parent_id: str | None = None
    status: str = "active"
    created_at: str = ""
    updated_at: str = ""


BUILT_IN_LABELS = tuple(
    Label(name, name, built_in=True, created_at="2026-01-01T00:00:00Z", updated_at="2026-01-01T00:00:00Z")
    for name in ("production", "staging", "development")
)
"""Their ids are their names."""


class LabelStore:
    """Labels, by id or name. Methods raise NotFound, Conflict, StoreUnavailable."""

    def __init__(
        self, client: Any, *, table: str, workspace: str = "default", patience: Patience | None = None
    ) -> None:
        self._table = Table(client, table, patience=patience)
        self._keys = KeySpace(workspace)

    def all(self) -> list[Label]:
        """Return the built-in labels and then the workspace's own by name."""
        records = self._table.query(self._keys.labels())
        return [*BUILT_IN_LABELS, *(_label(record) for record in records)]

    def get(self, identifier: str) -> Label:
        """Return the label of that id or name."""
        for label in self.all():
            if identifier in (label.id, label.name):
                return label
        raise NotFound(f"Label '{identifier[:64]}' not found", param="label_id", code="label_not_found")

    def create(self, label: Label) -> None:
        """Store a new label. Raises Conflict when its name is taken."""
        if any(label.name == known.name for known in BUILT_IN_LABELS):
            raise Conflict(f"Label '{label.name}' is built in", param="name")
        try:
            self._table.write(put(self._keys.label(label.name), _record(label), _ABSENT))
        except ConditionFailed as exc:
            raise Conflict(f"Label '{label.name}' exists already", param="name") from exc

    def replace(self, old: Label, new: Label) -> None:
        """Store a label's new form, under its new name if that changed."""
        same_name = old.name == new.name
        changes = [
            put(
                self._keys.label(new.name),
                _record(new),
                _THERE if same_name else _ABSENT,
                values={"id": old.id} if same_name else None,
            )
        ]
        if not same_name:
            changes.append(delete(self._keys.label(old.name), _THERE, values={"id": old.id}))
        try:
            self._table.write(*changes)
        except ConditionFailed as exc:
            raise Conflict(f"Label '{new.name}' exists already, or '{old.name}' is gone", param="name") from exc

    def delete(self, label: Label) -> None:
        """Remove a label that is not built in."""
        self._table.write(delete(self._keys.label(label.name)))


class CollectionStore:
    """Collections, by UUID. Methods raise NotFound, Conflict, StoreUnavailable."""

    def __init__(
        self, client: Any, *, table: str, workspace: str = "default", patience: Patience | None = None
    ) -> None:
        self._table = Table(client, table, patience=patience)
        self._keys = KeySpace(workspace)

    def all(self) -> list[Collection]:
        """Return the workspace's collections."""
        return [_collection(record) for record in self._table.query(self._keys.collections())]

    def get(self, identifier: str) -> Collection:
        """Return the collection of that UUID or slug."""
        if is_uuid(identifier):
            record = self._table.get(self._keys.collection(identifier))
            if record is not None:
                return _collection(record)
        else:
            for collection in self.all():
                if collection.slug == identifier:
                    return collection
        raise NotFound(f"Collection '{identifier[:64]}' not found", param="collection_id", code="collection_not_found")

    def create(self, collection: Collection) -> None:
        """Store a new collection."""
        self._table.write(put(self._keys.collection(collection.id), _record(collection), _ABSENT))

    def replace(self, collection: Collection) -> None:
        """Store a collection's new form."""
        change = put(self._keys.collection(collection.id), _record(collection), _THERE, values={"id": collection.id})
        try:
            self._table.write(change)
        except ConditionFailed as exc:
            raise Conflict(f"Collection '{collection.id}' is gone") from exc

    def delete(self, collection: Collection) -> None:
        """Remove a collection."""
        self._table.write(delete(self._keys.collection(collection.id)))


def _record(value: Label | Collection) -> Record:
    return asdict(value)


def _label(record: Mapping[str, Any]) -> Label:
    return Label(**_attributes(record))


def _collection(record: Mapping[str, Any]) -> Collection:
    return Collection(**_attributes(record))


def _attributes(record: Mapping[str, Any]) -> Record:
    return {name: value for name, value in record.items() if name not in ("pk", "sk")}

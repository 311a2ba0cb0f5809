"""Writes prompts, partials and configs: one pointer, and versions that never change once they are there.

Every change is one transaction on condition that the pointer is still the one that was read (`revision`), so two
writers can never both win, versions have no gaps, and a reader sees all of a change or nothing of it. Nothing here
relies on the engine to recognise a repeated request.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from promptside.errors import Conflict, NotFound
from promptside.schema.prompt import ConfigVersion, PartialVersion, PromptVersion
from promptside.store.items import Record
from promptside.store.names import LARGEST_VERSION, Family, Key, KeySpace, is_slug, is_uuid
from promptside.store.patience import Attempts, Patience
from promptside.store.records import Pointer, pointer_of, pointer_record
from promptside.store.table import Change, ConditionFailed, Table, check, delete, put, update

Version = TypeVar("Version", PromptVersion, PartialVersion, ConfigVersion)

_ABSENT = "attribute_not_exists(pk)"
_UNCHANGED = "revision = :revision AND id = :id"
_RACES = Patience(attempts=40, total_seconds=8.0, first_pause_seconds=0.005)
"""How long a writer competes; after that it reports a conflict."""


@dataclass(frozen=True, slots=True)
class Form(Generic[Version]):
    """What tells the families apart: their names in keys and errors, and how a version becomes an item."""

    family: Family
    noun: str
    not_found_code: str
    encode: Callable[[Version], Record]
    decode: Callable[[Mapping[str, Any]], Version]
    param: str = "prompt_id"
    version_not_found_code: str = "prompt_version_not_found"


class VersionedStore(Generic[Version]):
    """Pointers and versions of one family. Methods raise NotFound, Conflict, PayloadTooLarge and StoreUnavailable."""

    def __init__(
        self,
        client: Any,
        form: Form[Version],
        *,
        table: str,
        workspace: str = "default",
        patience: Patience | None = None,
        races: Patience = _RACES,
    ) -> None:
        self._table = Table(client, table, patience=patience)
        self._keys = KeySpace(workspace)
        self._form: Form[Version] = form
        self._races = races

    def create(self, pointer: Pointer, version: Version) -> None:
        """Store version 1 and publish it. Raises Conflict when the slug is taken."""
        family = self._form.family
        try:
            self._table.write(
                put(self._keys.pointer(family, pointer.slug), pointer_record(pointer), _ABSENT),
                put(self._keys.identity(family, pointer.id), {"slug": pointer.slug}, _ABSENT),
                self._version_put(pointer, 1, version),
            )
        except ConditionFailed as exc:
            raise Conflict(f"{self._form.noun} '{pointer.slug}' exists already", param="slug") from exc

    def get(self, name: str) -> Pointer:
        """Return the pointer of a slug or UUID."""
        pointer = self.find(name)
        if pointer is None:
            raise self.not_found(name)
        return pointer

    def find(self, name: str) -> Pointer | None:
        """Return the pointer of a slug or UUID, or None."""
        slug, identity = name, None
        if is_uuid(name):
            identity = name.lower()
            record = self._table.get(self._keys.identity(self._form.family, identity))
            if record is None:
                return None
            slug = record["slug"]
        if not is_slug(slug):
            return None
        found = self._table.get(self._keys.pointer(self._form.family, slug))
        if found is None or (identity is not None and found["id"] != identity):
            return None
        return pointer_of(found)

    def all(self) -> list[Pointer]:
        """Return every pointer of the workspace, by slug."""
        return [pointer_of(record) for record in self._table.query(self._keys.pointers(self._form.family))]

    def version(self, pointer: Pointer, number: int) -> Version:
        """Return one version."""
        found = self.versions_of({pointer.slug: (pointer, (number,))})
        if not found:
            raise self._no_version(pointer, number)
        return found[0]

    def versions(self, pointer: Pointer) -> Iterator[Version]:
        """Yield the versions, newest first."""
        for record in self._table.query(self._keys.versions(self._form.family, pointer.slug), newest_first=True):
            if record["owner_id"] == pointer.id and record["version"] <= pointer.latest:
                yield self._form.decode(record)

    def versions_of(self, wanted: Mapping[str, tuple[Pointer, tuple[int, ...]]]) -> list[Version]:
        """Return the named versions of several pointers in as few reads as possible; missing ones are left out."""
        owners: dict[Key, str] = {}
        for slug, (pointer, numbers) in wanted.items():
            for number in numbers:
                if 0 < number <= LARGEST_VERSION:
                    owners[self._keys.version(self._form.family, slug, number)] = pointer.id
        records = self._table.read(owners) if owners else {}
        return [
            self._form.decode(record)
            for key, record in records.items()
            if record is not None and record["owner_id"] == owners[key]
        ]

    def add_version(self, name: str, make: Callable[[Pointer], tuple[Pointer, Version]]) -> tuple[Pointer, Version]:
        """Store the next version, unpublished, and return it with the pointer as it is now.

        `make` gets the pointer as it was read and returns its change and the version to add; when another writer was
        faster it is called again with what that one left.
        """
        attempts = self._races.start()
        while True:
            old = self.get(name)
            new, version = make(old)
            new = replace(new, latest=old.latest + 1, revision=old.revision + 1)
            try:
                self._table.write(self._pointer_update(old, new), self._version_put(new, new.latest, version))
            except ConditionFailed as exc:
                self._again(attempts, old, exc)
                continue
            return new, version

    def change(self, name: str, make: Callable[[Pointer], Pointer], *, needs_version: int | None = None) -> Pointer:
        """Change the pointer and return it. Raises NotFound when the version it `needs` is not there.

        `make` is called again with the newer pointer when another writer was faster; it raises Conflict itself when
        that makes its change pointless.
        """
        attempts = self._races.start()
        while True:
            old = self.get(name)
            new = replace(make(old), revision=old.revision + 1)
            changes = [self._pointer_update(old, new)]
            if needs_version is not None:
                changes.append(self._version_check(old, needs_version))
            try:
                self._table.write(*changes)
            except ConditionFailed as exc:
                if exc.failed == (1,):
                    raise self._no_version(old, needs_version) from exc
                self._again(attempts, old, exc)
                continue
            return new

    def delete(self, pointer: Pointer) -> None:
        """Delete a pointer that nobody has changed since, then its versions.

        A crash in between leaves versions that no pointer leads to; a new prompt of that slug writes over them.
        """
        family = self._form.family
        condition = {"revision": pointer.revision, "id": pointer.id}
        try:
            self._table.write(
                delete(self._keys.pointer(family, pointer.slug), _UNCHANGED, values=condition),
                delete(self._keys.identity(family, pointer.id)),
            )
        except ConditionFailed as exc:
            raise self._conflict(pointer) from exc
        partition = self._keys.versions(family, pointer.slug)
        old = (
            record
            for record in self._table.query(partition, attributes=("pk", "sk", "owner_id"))
            if record["owner_id"] == pointer.id
        )
        self._table.delete_all((record["pk"], record["sk"]) for record in list(old))

    def not_found(self, name: str) -> NotFound:
        """Return the error for a name that nothing is stored under."""
        return NotFound(
            f"{self._form.noun} '{name[:128]}' not found", param=self._form.param, code=self._form.not_found_code
        )

    def _pointer_update(self, old: Pointer, new: Pointer) -> Change:
        before, after = pointer_record(old), pointer_record(new)
        changed = {name: value for name, value in after.items() if value != before[name]}
        return update(
            self._keys.pointer(self._form.family, old.slug),
            changed,
            _UNCHANGED,
            values={"revision": old.revision, "id": old.id},
        )

    def _version_put(self, pointer: Pointer, number: int, version: Version) -> Change:
        # What a deleted prompt of the same slug has left behind may be written over, nothing else.
        return put(
            self._keys.version(self._form.family, pointer.slug, number),
            self._form.encode(version),
            f"{_ABSENT} OR owner_id <> :id",
            values={"id": pointer.id},
        )

    def _version_check(self, pointer: Pointer, number: int) -> Change:
        if not 0 < number <= pointer.latest:
            raise self._no_version(pointer, number)
        key = self._keys.version(self._form.family, pointer.slug, number)
        return check(key, "owner_id = :id", values={"id": pointer.id})

    def _no_version(self, pointer: Pointer, number: int | None) -> NotFound:
        return NotFound(
            f"{self._form.noun} '{pointer.slug}' has no version {number}",
            param="version",
            code=self._form.version_not_found_code,
        )

    def _again(self, attempts: Attempts, pointer: Pointer, cause: ConditionFailed) -> None:
        if not attempts.again():
            raise self._conflict(pointer) from cause

    def _conflict(self, pointer: Pointer) -> Conflict:
        return Conflict(f"{self._form.noun} '{pointer.slug}' was changed by somebody else meanwhile: try again")


def version_id(owner_id: str, number: int) -> str:
    """Return the UUID of a version: it follows from the owner's UUID and the number, so nothing has to look it up."""
    return str(uuid.uuid5(uuid.UUID(owner_id), str(number)))


def numbered(pointer: Pointer, identifier: str) -> int | None:
    """Return the number of the version that `identifier` is the UUID of, or None."""
    wanted = identifier.lower()
    return next((n for n in range(pointer.latest, 0, -1) if version_id(pointer.id, n) == wanted), None)

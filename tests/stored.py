"""Prompts, partials and keys for tests, written straight into a table through the store."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from promptside.schema.prompt import PartialVersion, PromptVersion
from promptside.store.keys import ApiKeyStore, digest_of
from promptside.store.partials import PartialStore, partial_store
from promptside.store.prompts import PromptStore, prompt_store
from promptside.store.reader import DynamoPromptReader
from promptside.store.records import Pointer
from promptside.store.versioned import version_id
from tests.engines import Engine

TIME = "2026-11-22T10:00:00Z"
CHAT = '[{"role":"user","content":"Hi {{name}}"}]'


@dataclass
class Stored:
    """One empty table and the stores over it; `client` may lead through a proxy."""

    engine: Engine
    table: str = ""
    client: Any = None
    prompts: PromptStore = field(init=False)
    partials: PartialStore = field(init=False)
    keys: ApiKeyStore = field(init=False)

    def __post_init__(self) -> None:
        self.table = self.table or self.engine.new_table()
        self.client = self.client or self.engine.client("dynamodb")
        self.prompts = prompt_store(self.client, table=self.table)
        self.partials = partial_store(self.client, table=self.table)
        self.keys = ApiKeyStore(self.client, table=self.table)

    def reader(self, **options: Any) -> DynamoPromptReader:
        """Return a new reader with empty caches."""
        client = options.pop("client", None) or self.engine.new_reads()
        return DynamoPromptReader(client, table=self.table, **options)

    def key(self, *scopes: str) -> str:
        """Store a key and return its digest."""
        return digest_of(self.keys.create("test", scopes or ("*",)).key)

    def prompt(self, slug: str = "pp-t-000001", string: str = CHAT, **fields: Any) -> PromptVersion:
        """Store a new prompt with one published version."""
        version = prompt_version(slug, str(uuid.uuid4()), 1, string=string, **fields)
        self.prompts.create(_pointer(version.slug, version.prompt_id), version)
        return version

    def prompt_versions(self, slug: str, *strings: str) -> list[PromptVersion]:
        """Add versions to a prompt."""
        return [
            self.prompts.add_version(slug, lambda old, text=string: (old, _next(old, text)))[1]  # type: ignore[misc]
            for string in strings
        ]

    def partial(self, slug: str, string: str, **fields: Any) -> PartialVersion:
        """Store a new partial with one published version."""
        version = partial_version(slug, str(uuid.uuid4()), 1, string=string, **fields)
        self.partials.create(_pointer(slug, version.partial_id), version)
        return version

    def partial_version(self, slug: str, string: str, *, publish: bool = True) -> PartialVersion:
        """Add a version to a partial."""

        def make(old: Pointer) -> tuple[Pointer, PartialVersion]:
            return old, partial_version(slug, old.id, old.latest + 1, string=string)

        _, version = self.partials.add_version(slug, make)
        if publish:
            self.publish(self.partials, slug, version.version)
        return version

    @staticmethod
    def publish(store: PromptStore | PartialStore, slug: str, version: int) -> None:
        """Publish a version."""
        store.change(slug, lambda old: replace(old, published=version), needs_version=version)

    def virtual_key(self, slug: str, provider: str, settings: Mapping[str, str]) -> None:
        """Store the public half of a virtual key."""
        self.client.put_item(
            TableName=self.table,
            Item={
                "pk": {"S": "default#virtual-key"},
                "sk": {"S": slug},
                "provider": {"S": provider},
                "settings": {"M": {name: {"S": value} for name, value in settings.items()}},
            },
        )


def prompt_version(slug: str, prompt_id: str, number: int, **fields: Any) -> PromptVersion:
    """Return a version that is not stored."""
    values = {"kind": "chat", "model": "m1", "created_at": TIME, **fields}
    return PromptVersion(
        slug=slug, prompt_id=prompt_id, version=number, version_id=version_id(prompt_id, number), **values
    )


def partial_version(slug: str, partial_id: str, number: int, **fields: Any) -> PartialVersion:
    """Return a partial's version that is not stored."""
    return PartialVersion(
        slug=slug,
        partial_id=partial_id,
        version=number,
        version_id=version_id(partial_id, number),
        created_at=TIME,
        **fields,
    )


def _pointer(slug: str, identity: str) -> Pointer:
    return Pointer(slug, identity, slug, published=1, latest=1, model="m1", created_at=TIME, updated_at=TIME)


def _next(old: Pointer, string: str) -> PromptVersion:
    return prompt_version(old.slug, old.id, old.latest + 1, string=string)

"""Stored partials, for management."""

from __future__ import annotations

from typing import Any

from promptside.schema.prompt import PartialVersion
from promptside.store.records import partial_of, partial_record
from promptside.store.versioned import Form, VersionedStore

PARTIALS = Form(
    family="partial", noun="Partial", not_found_code="partial_not_found", encode=partial_record, decode=partial_of
)
PartialStore = VersionedStore[PartialVersion]


def partial_store(client: Any, *, table: str, workspace: str = "default") -> PartialStore:
    """Return the partials of one workspace."""
    return VersionedStore(client, PARTIALS, table=table, workspace=workspace)

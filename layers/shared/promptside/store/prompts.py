"""Stored prompts, for management."""

from __future__ import annotations

from typing import Any

from promptside.schema.prompt import PromptVersion
from promptside.store.records import prompt_of, prompt_record
from promptside.store.versioned import Form, VersionedStore

PROMPTS = Form(
    family="prompt", noun="Prompt", not_found_code="prompt_not_found", encode=prompt_record, decode=prompt_of
)
PromptStore = VersionedStore[PromptVersion]


def prompt_store(client: Any, *, table: str, workspace: str = "default") -> PromptStore:
    """Return the prompts of one workspace."""
    return VersionedStore(client, PROMPTS, table=table, workspace=workspace)

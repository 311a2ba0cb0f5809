"""What the use cases of management need from outside."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from promptside.config import Settings
from promptside.store.base import PromptReader, SecretVault
from promptside.store.configs import ConfigStore
from promptside.store.keys import ApiKeyStore, timestamp
from promptside.store.lists import CollectionStore, LabelStore
from promptside.store.partials import PartialStore
from promptside.store.prompts import PromptStore
from promptside.store.usage import UsageStore
from promptside.store.virtual_keys import VirtualKeyStore


@dataclass(frozen=True, slots=True)
class ManagementServices:
    """The stores of one workspace. `reader` checks callers' keys, `new_id` and `new_suffix` make names unique."""

    prompts: PromptStore
    partials: PartialStore
    labels: LabelStore
    collections: CollectionStore
    keys: ApiKeyStore
    virtual_keys: VirtualKeyStore
    configs: ConfigStore
    secrets: SecretVault
    reader: PromptReader
    settings: Settings
    usage: UsageStore | None = None
    """What is used of budgets."""
    workspace: str = "default"
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())
    new_suffix: Callable[[], str] = lambda: secrets.token_hex(3)

    def timestamp(self) -> str:
        """Return the present moment in RFC 3339."""
        return timestamp(self.now())

"""Stored configs, for management. A new version is in force at once: the newest one is always the published one."""

from __future__ import annotations

from typing import Any

from promptside.schema.prompt import ConfigVersion
from promptside.store.records import config_of, config_record
from promptside.store.versioned import Form, VersionedStore

CONFIGS = Form(
    family="config",
    noun="Config",
    not_found_code="config_not_found",
    encode=config_record,
    decode=config_of,
    param="slug",
    version_not_found_code="config_version_not_found",
)
ConfigStore = VersionedStore[ConfigVersion]


def config_store(client: Any, *, table: str, workspace: str = "default") -> ConfigStore:
    """Return the configs of one workspace."""
    return VersionedStore(client, CONFIGS, table=table, workspace=workspace)

"""Parsed configs: a version that never changes, and a text that comes with every request, are read once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptside.errors import JsonObject
from promptside.schema.config import Named
from promptside.schema.prompt import ConfigVersion
from promptside.store.cache import BoundedCache

# How configs are read is imported with the first one: a process without any need not know.
if TYPE_CHECKING:
    from promptside.routing.config import Option

_CONFIGS = 500
_TEXTS = 200


class ConfigLibrary:
    """Bounded caches, safe to share between threads. Methods raise InvalidRequest that gives the path."""

    def __init__(self) -> None:
        self._versions: BoundedCache[str, Option] = BoundedCache(_CONFIGS)
        self._texts: BoundedCache[str, tuple[Option, Named]] = BoundedCache(_TEXTS)

    def stored(self, version: ConfigVersion) -> Option:
        """Return a stored config."""
        return self._version(version.version_id, version.config)

    def of_prompt(self, version_id: str, config: JsonObject) -> Option:
        """Return the config inside a prompt version."""
        return self._version(f"prompt {version_id}", config)

    def sent(self, text: str) -> tuple[Option, Named]:
        """Return the config in a request, and what it names."""
        found = self._texts.find(text)
        if found is None:
            from promptside.routing.config import parse_config_text

            found = parse_config_text(text)
            self._texts.put(text, found)
        return found

    def _version(self, key: str, config: JsonObject) -> Option:
        found = self._versions.find(key)
        if found is None:
            from promptside.routing.config import parse_config

            found = parse_config(config, origin=key)
            self._versions.put(key, found)
        return found

"""Gets prompts from Langfuse's public API, and with them those that they refer to.

https://api.reference.langfuse.com (prompts), read 2026-11-23. `resolve=false` keeps references as they were written.
"""

from __future__ import annotations

import base64
from urllib.parse import quote

from cli.importing.base import Access, Document, Options
from cli.importing.json_api import JsonApi
from cli.importing.langfuse_references import parse_reference, references_in
from promptside.schema.prompt import JsonObject

BASE_URL = "https://cloud.langfuse.com"
_PATH = "/api/public/v2/prompts"
_PAGE = 100


def fetch(access: Access, options: Options) -> list[Document]:
    """Return one document with the prompts that the project's keys may read. Raises FetchFailed."""
    pair = f"{access.values['public_key']}:{access.values['secret_key']}"
    base_url = access.base_url or BASE_URL
    api = JsonApi("Langfuse", base_url, {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()})
    store = _Store(api)
    listed = _listed(api)
    for number, item in enumerate(listed, start=1):
        access.report(f"{number} of {len(listed)} prompts")
        if options.all_versions:
            for version in item.get("versions") or []:
                store.get(str(item["name"]), "version", str(version))
        elif store.get(str(item["name"]), "label", "production") is None:
            store.get(str(item["name"]), "label", "latest")
    store.complete()
    return [Document(base_url, store.prompts)]


class _Store:
    """Prompts as they arrive, each version once."""

    def __init__(self, api: JsonApi) -> None:
        self._api = api
        self._asked: set[tuple[str, str, str]] = set()
        self._found: dict[tuple[str, int], JsonObject] = {}

    @property
    def prompts(self) -> list[JsonObject]:
        return list(self._found.values())

    def get(self, name: str, kind: str, selector: str) -> JsonObject | None:
        self._asked.add((name, kind, selector))
        query = {kind: selector, "resolve": "false"}
        found: JsonObject | None = self._api.find(f"{_PATH}/{quote(name, safe='')}", query)
        if found is not None:
            self._found[str(found.get("name")), int(found.get("version") or 0)] = found
        return found

    def complete(self) -> None:
        """Get what the prompts refer to, and what that refers to."""
        while missing := self._wanted() - self._asked:
            for name, kind, selector in sorted(missing):
                self.get(name, kind, selector)

    def _wanted(self) -> set[tuple[str, str, str]]:
        return {parse_reference(tag) for prompt in self.prompts for tag in references_in(prompt.get("prompt"))}


def _listed(api: JsonApi) -> list[JsonObject]:
    items: list[JsonObject] = []
    page = pages = 1
    while page <= pages:
        answer = api.get(_PATH, {"page": page, "limit": _PAGE})
        items += answer.get("data") or []
        pages = int((answer.get("meta") or {}).get("totalPages") or 0)
        page += 1
    return items

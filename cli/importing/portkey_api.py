"""Gets prompts, partials and labels from Portkey's API, in the shape that the importer reads.

https://portkey.ai/docs/api-reference/admin-api, read 2026-11-23; the key needs the scopes to list and read prompts,
partials and labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from cli.importing.base import Access, Document, FetchFailed, Options
from cli.importing.json_api import JsonApi
from cli.importing.reading import is_object
from promptside.schema.prompt import JsonObject

BASE_URL = "https://api.portkey.ai/v1"
_PAGE = 100
_MOST_PAGES = 1000


def fetch(access: Access, options: Options) -> list[Document]:
    """Return one document with everything that the key may read. Raises FetchFailed."""
    api = JsonApi("Portkey", access.base_url or BASE_URL, {"x-portkey-api-key": access.values["api_key"]})
    slugs = [str(item["slug"]) for item in _pages(api, "/prompts")]
    prompts = []
    for number, slug in enumerate(slugs, start=1):
        access.report(f"{number} of {len(slugs)} prompts")
        prompts.append(_prompt(api, slug, options))
    partials = [_partial(api, str(item["slug"])) for item in _pages(api, "/prompts/partials")]
    content = {"prompts": prompts, "partials": partials, "labels": _labels(api, access)}
    return [Document(access.base_url or BASE_URL, content)]


def _labels(api: JsonApi, access: Access) -> list[JsonObject]:
    """Return the labels; a key without their scope still gives the prompts."""
    try:
        return _items(api.get("/labels"))
    except FetchFailed as exc:
        access.report(f"labels are left out: {exc}")
        return []


def _prompt(api: JsonApi, slug: str, options: Options) -> JsonObject:
    path = f"/prompts/{quote(slug, safe='')}"
    prompt: JsonObject = api.get(path)
    versions = _items(api.get(f"{path}/versions"))
    if options.all_versions:
        # The list has the text alone; each version with all its settings is a request of its own.
        numbers = [item["prompt_version"] for item in versions]
        full = {number: api.get(path, {"version": number}) for number in numbers}
        versions = [{**item, **full[item["prompt_version"]]} for item in versions]
    current = next((item for item in versions if item.get("prompt_version") == prompt.get("prompt_version")), {})
    label = {"label_id": current["label_id"]} if current.get("label_id") else {}
    return {**prompt, **label, "versions": versions}


def _partial(api: JsonApi, slug: str) -> JsonObject:
    path = f"/prompts/partials/{quote(slug, safe='')}"
    partial: JsonObject = api.get(path)
    return {"object": "partial", **partial, "versions": _items(api.get(f"{path}/versions"))}


def _pages(api: JsonApi, path: str) -> Iterator[JsonObject]:
    """Yield the items of all pages, that count from 0; a server that ignores pages answers with everything at once."""
    seen: set[str] = set()
    for page in range(_MOST_PAGES):
        items = _items(api.get(path, {"current_page": page, "page_size": _PAGE}))
        new = [item for item in items if str(item.get("slug")) not in seen]
        seen |= {str(item.get("slug")) for item in new}
        yield from new
        if len(items) < _PAGE or not new:
            return
    raise FetchFailed(f"Portkey: {path} does not end")


def _items(answer: Any) -> list[JsonObject]:
    items = answer.get("data") if is_object(answer) else answer
    return [item for item in items if is_object(item)] if isinstance(items, list) else []

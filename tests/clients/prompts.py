"""Prompts for the tests, made through the SDKs' own management calls."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from tests.clients.outcome import Sdk

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True, slots=True)
class Conformance:
    """The prompt of the conformance cases: version 1 is published, 2 is labelled staging, 3 is the newest."""

    id: str
    slug: str


def user_message(text: str) -> str:
    """Return the template of one user message."""
    return json.dumps([{"role": "user", "content": text}])


def make_prompt(sdk: Sdk, string: str, **fields: Any) -> str:
    """Create a prompt with a version 1 that is published, and return its slug."""
    prompt = {"name": "Test", "collection_id": "", "parameters": {}, "virtual_key": "openai", "model": "m1"}
    created = sdk.call("prompts.create", **{**prompt, "string": string, **fields})
    return str(created.result()["slug"])


def make_raw_prompt(sdk: Sdk, string: str, **fields: Any) -> str:
    """Create a prompt that is rendered before it is parsed; Python's `prompts.create` cannot say so."""
    prompt = {"name": "Raw", "parameters": {}, "virtual_key": "openai", "model": "m1", "is_raw_template": 1}
    return str(sdk.call("post", "/prompts", **{**prompt, "string": string, **fields}).result()["slug"])


def make_conformance_prompt(sdk: Sdk) -> Conformance:
    """Create the prompt of the conformance cases."""
    parameters = {"temperature": 0.5, "max_tokens": 100, "stream": True}
    created = sdk.call(
        "prompts.create",
        name="t",
        collection_id="",
        string=user_message("Hi {{name}}"),
        parameters=parameters,
        virtual_key="openai",
        model="m1",
    ).result()
    slug = created["slug"]
    second = sdk.call("prompts.update", slug, string=user_message("Hello {{name}}")).result()["prompt_version_id"]
    sdk.call("prompts.update", slug, string=user_message("Hey {{name}}")).result()
    labels = {label["name"]: label["id"] for label in sdk.call("labels.list").result()["data"]}
    sdk.call("prompts.versions.update", slug, second, label_id=labels["staging"]).result()
    return Conformance(created["id"], slug)


def without_moments(view: dict[str, Any]) -> dict[str, Any]:
    """Return a view without its times, which must be RFC 3339 in UTC."""
    found = {name: view[name] for name in ("created_at", "last_updated_at") if name in view}
    assert found
    assert all(_MOMENT.fullmatch(moment) for moment in found.values()), found
    return {name: value for name, value in view.items() if name not in found}

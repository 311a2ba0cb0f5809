"""What a prompt or partial says, in the fields of its file, so that files and stacks can be compared.

    {"name", "virtual_key", "model", "parameters"?, "tools"?, "tool_choice"?, "functions"?, "raw"?,
     "messages" | "string" | "text", "variables_schema"?}                        a prompt
    {"name", "text"}                                                             a partial

Two contents are equal exactly when calls cannot tell them apart. What is only for people, `description` and
`variables`, does not count.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal

from cli.prompt_files import PartialFile, PromptFile
from cli.stored_form import join_messages, split_messages
from promptside.schema.prompt import JsonObject, Kind

Family = Literal["prompt", "partial"]


@dataclass(frozen=True, slots=True)
class Name:
    """Which thing: `prompts/welcome`, `partials/house-style`."""

    family: Family
    slug: str

    def __str__(self) -> str:
        """Return the slug, with its folder for a partial."""
        return self.slug if self.family == "prompt" else f"partials/{self.slug}"


@dataclass(frozen=True, slots=True)
class Stored:
    """The latest version on a stack. `metadata` is kept when the next version is written."""

    name: Name
    content: JsonObject
    version: int
    version_id: str
    published: bool
    description: str | None = None
    metadata: JsonObject | None = None


def prompt_content(file: PromptFile) -> JsonObject:
    """Return what a prompt's file says."""
    return content_of(
        {
            "name": file.name,
            "virtual_key": file.virtual_key,
            "model": file.model,
            "parameters": file.parameters,
            "tools": file.tools,
            "tool_choice": file.tool_choice,
            "functions": file.functions,
            "variables_schema": file.variables_schema,
        },
        file.string,
        file.kind,
        raw=file.raw,
    )


def partial_content(file: PartialFile) -> JsonObject:
    """Return what a partial's file says."""
    return {"name": file.name, "text": file.string}


def stored_prompt(view: JsonObject) -> Stored:
    """Read the answer of `GET /v1/prompts/{slug}`."""
    metadata = view.get("template_metadata") or {}
    content = content_of(view, view["string"], _kind(view["string"], metadata), raw=bool(view.get("is_raw_template")))
    return Stored(
        Name("prompt", view["slug"]),
        content,
        version=view["prompt_version"],
        version_id=view["prompt_version_id"],
        published=view.get("prompt_version_status") == "active",
        description=view.get("prompt_version_description"),
        metadata=metadata,
    )


def stored_partial(view: JsonObject, *, published: bool) -> Stored:
    """Read the answer of `GET /v1/prompts/partials/{slug}`."""
    return Stored(
        Name("partial", view["slug"]),
        {"name": view["name"], "text": view["string"]},
        version=view["version"],
        version_id=view["prompt_partial_version_id"],
        published=published,
        description=view.get("version_description"),
    )


def content_of(fields: JsonObject, string: str, kind: Kind, *, raw: bool) -> JsonObject:
    """Return the content of a template in the stored form and the other fields of a version."""
    content: JsonObject = {name: fields.get(name) or None for name in ("name", "virtual_key", "model")}
    for name in ("parameters", "tools", "tool_choice", "functions"):
        if fields.get(name):
            content[name] = fields[name]
    if raw and kind == "chat":
        content["raw"] = True
    content.update(_template(string, kind, raw=raw))
    if fields.get("variables_schema"):
        content["variables_schema"] = fields["variables_schema"]
    normalised: JsonObject = _normalised(content)
    return normalised


def version_body(content: JsonObject, metadata: JsonObject | None = None) -> JsonObject:
    """Return the body that writes a content as a version; absent fields are null, so that an update removes them."""
    if "messages" not in content and "string" not in content and "model" not in content:
        return {"name": content["name"], "string": content["text"]}
    body: JsonObject = {
        name: content.get(name)
        for name in ("name", "virtual_key", "model", "tools", "tool_choice", "functions", "variables_schema")
    }
    kind = "completion" if "text" in content else "chat"
    return {
        **body,
        "string": stored_text(content),
        "parameters": content.get("parameters", {}),
        "is_raw_template": int(content.get("raw", False)),
        "template_metadata": {**(metadata or {}), "template_type": kind},
    }


def stored_text(content: JsonObject) -> str:
    """Return the stored form of a content's template."""
    if "messages" in content:
        return join_messages(content["messages"])
    return str(content.get("string", content.get("text")))


def digest(content: JsonObject) -> str:
    """Return the SHA-256 of a content; the order of keys does not count."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def same(one: JsonObject, other: JsonObject) -> bool:
    """Tell whether two contents are equal; unlike Python, `true` and `1` are not."""
    return digest(one) == digest(other)


def _kind(string: str, metadata: JsonObject) -> Kind:
    """Return what a stack takes a template for: chat for what looks like a JSON list, unless its metadata says so."""
    given = metadata.get("template_type")
    is_chat = string.lstrip().startswith("[") if given is None else given == "chat"
    return "chat" if is_chat else "text"


def _template(string: str, kind: Kind, *, raw: bool) -> JsonObject:
    if kind == "text":
        return {"text": string}
    messages = split_messages(string)
    # In a raw template every character may matter.
    if messages is None or (raw and join_messages(messages) != string):
        return {"string": string}
    return {"messages": messages}


def _normalised(value: Any) -> Any:
    """Return a value with whole numbers as such: the table and YAML do not always agree on `1` and `1.0`."""
    if isinstance(value, dict):
        return {key: _normalised(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_normalised(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value

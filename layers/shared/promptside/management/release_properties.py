"""Reads the properties of a prompt in a CloudFormation template, which arrive with every number and boolean as text."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from promptside.errors import InvalidRequest, JsonObject
from promptside.management import fields

ReleaseKind = Literal["prompt", "partial"]

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_STAYS_TEXT = frozenset(
    {"const", "default", "description", "enum", "examples", "metadata", "name", "pattern", "stop", "stop_sequences"}
    | {"title", "user"}
)
"""Below these names a text is a text, even when it looks like a number."""
_OURS = ("Slug", "Name", "Text", "Description", "Partial", "Publish", "Adopt", "Label")
_PROMPTS_ONLY = ("Messages", "Raw", "Model", "VirtualKey", "Parameters", "Tools", "ToolChoice", "VariablesSchema")
_AS_JSON = ("MessagesJson", "ParametersJson", "ToolsJson", "VariablesSchemaJson")
_CLOUDFORMATIONS = ("ServiceToken", "ServiceTimeout")


@dataclass(frozen=True, slots=True)
class Release:
    """What a resource asks for. `body` holds every field of a version, in the names of the management API."""

    kind: ReleaseKind
    slug: str
    name: str
    body: JsonObject
    publish: bool = False
    label: str | None = None
    adopt: bool = False


def read_release(properties: JsonObject) -> Release:
    """Return what `ResourceProperties` ask for. Raises InvalidRequest that names the property."""
    partial = _flag(properties, "Partial")
    _check_names(properties, partial=partial)
    slug = fields.slug({"slug": fields.required_text(properties, "Slug")})
    if slug is None:
        raise fields.missing("Slug")
    label = fields.text(properties, "Label")
    return Release(
        kind="partial" if partial else "prompt",
        slug=slug,
        name=fields.text(properties, "Name") or slug,
        body=_partial_body(properties) if partial else _prompt_body(properties),
        publish=_flag(properties, "Publish"),
        label=label,
        adopt=_flag(properties, "Adopt"),
    )


def restored(value: Any) -> Any:
    """Return `value` with every text that is a JSON number, true or false as what it says."""
    if isinstance(value, dict):
        return {name: item if name in _STAYS_TEXT else restored(item) for name, item in value.items()}
    if isinstance(value, list):
        return [restored(item) for item in value]
    if isinstance(value, str) and (value in ("true", "false") or _NUMBER.fullmatch(value)):
        return json.loads(value)
    return value


def _check_names(properties: JsonObject, *, partial: bool) -> None:
    known = {*_OURS, *_PROMPTS_ONLY, *_AS_JSON, *_CLOUDFORMATIONS}
    for name in properties:
        if name not in known:
            raise InvalidRequest(f"Unknown property '{name[:64]}'", param=name[:64])
        if partial and name in {*_PROMPTS_ONLY, *_AS_JSON, "Label"}:
            raise InvalidRequest(f"A partial has no '{name}'", param=name)


def _partial_body(properties: JsonObject) -> JsonObject:
    description = fields.text(properties, "Description", longest=fields.LONGEST_DESCRIPTION)
    return {"string": _template(properties, "Text"), "version_description": description}


def _prompt_body(properties: JsonObject) -> JsonObject:
    messages = _given(properties, "Messages", exact=True)
    if (messages is None) == (properties.get("Text") is None):
        raise InvalidRequest("A prompt needs either 'Messages' or 'Text'", param="Messages")
    if messages is not None and not isinstance(messages, list):
        raise fields.wrong_type("Messages", "a list of messages")
    raw = _flag(properties, "Raw")
    chat = raw or messages is not None
    return {
        "string": _template(properties, "Text") if messages is None else json.dumps(messages, ensure_ascii=False),
        "is_raw_template": raw,
        "model": fields.text(properties, "Model"),
        "virtual_key": fields.text(properties, "VirtualKey"),
        "parameters": _given(properties, "Parameters"),
        "functions": None,
        "tools": _given(properties, "Tools"),
        "tool_choice": properties.get("ToolChoice"),
        "template_metadata": {"template_type": "chat" if chat else "text"},
        "variables_schema": _given(properties, "VariablesSchema"),
        "version_description": fields.text(properties, "Description", longest=fields.LONGEST_DESCRIPTION),
    }


def _template(properties: JsonObject, name: str) -> str:
    value = properties.get(name)
    if value is None or value == "":
        raise fields.missing(name)
    if not isinstance(value, str):
        raise fields.wrong_type(name, "a text")
    return value


def _given(properties: JsonObject, name: str, *, exact: bool = False) -> Any:
    """Return a property with its types restored, or what its form as JSON text says to the letter."""
    text = properties.get(f"{name}Json")
    if text is None:
        value = properties.get(name)
        return value if exact else restored(value)
    if properties.get(name) is not None:
        raise InvalidRequest(f"'{name}' and '{name}Json' exclude each other", param=name)
    try:
        return json.loads(text)
    except (TypeError, ValueError) as exc:
        raise fields.wrong_type(f"{name}Json", "a JSON text") from exc


def _flag(properties: JsonObject, name: str) -> bool:
    value = properties.get(name, "false")
    if value in (True, "true"):
        return True
    if value in (False, "false"):
        return False
    raise fields.wrong_type(name, "true or false")

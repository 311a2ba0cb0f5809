"""Prompts as files: one YAML file for each prompt, the slug is its name.

    name: Welcome                      shown to people; the slug unless given
    description: ...                   optional
    virtual_key: openai                a provider's name or a stored virtual key; `provider` says the same
    model: gpt-6-luna
    parameters: {max_tokens: 400}      optional, in OpenAI's names
    tools, tool_choice, functions      optional, in OpenAI's form
    raw: true                          optional: render the message list as one text, then read it as JSON
    messages:                          a chat prompt ...
      - role: system
        content: |
          ...
      - "{{chat_history}}"             a bare placeholder takes a list of messages
    text: |                            ... or a text completion
      ...
    variables: {name: Ada}             optional: values to try it with

`partials/<slug>.yaml` has name, description and text only.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from promptside.schema.prompt import Kind

JsonObject = dict[str, Any]

_PROMPT_FIELDS = {
    "name": str, "description": str, "virtual_key": str, "provider": str, "model": str, "parameters": dict,
    "tools": list, "tool_choice": (str, dict), "functions": list, "raw": bool, "messages": list, "text": str,
    "variables": dict,
}  # fmt: skip
_PARTIAL_FIELDS = {"name": str, "description": str, "text": str}
_KINDS = {str: "text", dict: "a mapping", list: "a list", bool: "true or false", (str, dict): "text or a mapping"}


class BadPromptFile(Exception):
    """A file that cannot become a prompt; the message names file and field."""


@dataclass(frozen=True, slots=True)
class PromptFile:
    """A prompt as written; `digest` changes with the file. `string` is in the stored form."""

    slug: str
    name: str
    kind: Kind
    string: str
    digest: str
    virtual_key: str
    model: str
    raw: bool = False
    parameters: JsonObject = field(default_factory=dict)
    tools: list[JsonObject] | None = None
    functions: list[JsonObject] | None = None
    tool_choice: Any = None
    variables: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PartialFile:
    """A partial as written."""

    slug: str
    name: str
    string: str
    digest: str


def load_prompt(path: Path) -> PromptFile:
    """Return the prompt in a file. Raises BadPromptFile."""
    content, digest = _read(path, _PROMPT_FIELDS)
    virtual_key = content.get("virtual_key") or content.get("provider")
    if not virtual_key:
        raise BadPromptFile(f"{path}: 'virtual_key' is missing; a provider's name will do, such as openai")
    if ("messages" in content) == ("text" in content):
        raise BadPromptFile(f"{path}: give either 'messages' (a chat prompt) or 'text' (a text completion)")
    chat = "messages" in content
    return PromptFile(
        slug=path.stem,
        name=content.get("name", path.stem),
        kind="chat" if chat else "text",
        string=_message_list(path, content["messages"]) if chat else content["text"],
        digest=digest,
        virtual_key=virtual_key,
        model=_required(path, content, "model"),
        raw=content.get("raw", False),
        parameters=content.get("parameters", {}),
        tools=content.get("tools"),
        functions=content.get("functions"),
        tool_choice=content.get("tool_choice"),
        variables=content.get("variables", {}),
    )


def load_partial(path: Path) -> PartialFile:
    """Return the partial in a file. Raises BadPromptFile."""
    content, digest = _read(path, _PARTIAL_FIELDS)
    return PartialFile(path.stem, content.get("name", path.stem), _required(path, content, "text"), digest)


def _read(path: Path, fields: dict[str, Any]) -> tuple[JsonObject, str]:
    data = path.read_bytes()
    try:
        content = yaml.safe_load(data)
    except (yaml.YAMLError, ValueError) as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise BadPromptFile(f"{path}{where}: not YAML: {getattr(exc, 'problem', None) or 'unreadable'}") from exc
    if not isinstance(content, dict):
        raise BadPromptFile(f"{path}: a prompt file is a mapping of fields, such as 'model: gpt-6-luna'")
    for name, value in content.items():
        if name not in fields:
            raise BadPromptFile(f"{path}: unknown field '{name}'; known are {', '.join(fields)}")
        if not isinstance(value, fields[name]):
            raise BadPromptFile(f"{path}: '{name}' must be {_KINDS[fields[name]]}")
    try:
        # What YAML knows and JSON does not, such as dates, would fail much later and far away.
        json.dumps(content)
    except TypeError as exc:
        raise BadPromptFile(f"{path}: {exc}; put quotes around dates and times") from exc
    return content, hashlib.sha256(data).hexdigest()[:16]


def _required(path: Path, content: JsonObject, name: str) -> str:
    value = content.get(name)
    if not value:
        raise BadPromptFile(f"{path}: '{name}' is missing")
    return str(value)


def _message_list(path: Path, messages: list[Any]) -> str:
    """Return the stored form: the JSON text of the list, bare placeholders standing in it as they are."""
    parts: list[str] = []
    for number, message in enumerate(messages, start=1):
        if isinstance(message, str) and message.startswith("{{") and message.endswith("}}"):
            parts.append(message)
        elif isinstance(message, dict) and isinstance(message.get("role"), str):
            parts.append(json.dumps(message, ensure_ascii=False))
        else:
            raise BadPromptFile(f"{path}: 'messages' entry {number} needs a role, or must be a placeholder in quotes")
    return "[\n  " + ",\n  ".join(parts) + "\n]"

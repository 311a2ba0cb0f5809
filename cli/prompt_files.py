"""Prompts as files: one YAML file for each prompt, the slug is its name.

    name: Welcome                      shown to people; the slug unless given
    description: ...                   optional; goes with a version as its description, and makes none by itself
    virtual_key: openai                a provider or a stored virtual key; `provider` says the same; null for none
    model: gpt-6-luna                  null for none
    parameters: {max_tokens: 400}      optional, in OpenAI's names
    tools, tool_choice, functions      optional, in OpenAI's form
    raw: true                          optional: render the message list as one text, then read it as JSON
    messages:                          a chat prompt ...
      - role: system
        content: |
          ...
      - "{{chat_history}}"             a bare placeholder takes a list of messages
    string: |                          ... or one as its stored text, for sections around whole messages
      ...
    text: |                            ... or a text completion
      ...
    variables_schema: {...}            optional: a JSON Schema that calls are checked against
    variables: {name: Ada}             optional: values to try it with; never sent to a stack

`partials/<slug>.yaml` has name, description and text only.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cli.stored_form import is_item, join_messages
from promptside.schema.prompt import Kind

JsonObject = dict[str, Any]

_PROMPT_FIELDS = {
    "name": str, "description": str, "virtual_key": str, "provider": str, "model": str, "parameters": dict,
    "tools": list, "tool_choice": (str, dict), "functions": list, "raw": bool, "messages": list, "string": str,
    "text": str, "variables_schema": dict, "variables": dict,
}  # fmt: skip
_NULLABLE = frozenset({"virtual_key", "provider", "model"})
_TEMPLATES = ("messages", "string", "text")
_PARTIAL_FIELDS = {"name": str, "description": str, "text": str}
_KINDS = {str: "text", dict: "a mapping", list: "a list", bool: "true or false", (str, dict): "text or a mapping"}


class BadPromptFile(Exception):
    """A file that cannot become a prompt; the message names file and field."""


@dataclass(frozen=True, slots=True)
class PromptFile:
    """A prompt as written; `digest` changes with the file. `string` is in the stored form.

    Without a `virtual_key` or `model` each request names its own.
    """

    slug: str
    name: str
    kind: Kind
    string: str
    digest: str
    virtual_key: str | None
    model: str | None
    raw: bool = False
    parameters: JsonObject = field(default_factory=dict)
    tools: list[JsonObject] | None = None
    functions: list[JsonObject] | None = None
    tool_choice: Any = None
    variables_schema: JsonObject | None = None
    variables: JsonObject = field(default_factory=dict)
    description: str | None = None


@dataclass(frozen=True, slots=True)
class PartialFile:
    """A partial as written."""

    slug: str
    name: str
    string: str
    digest: str
    description: str | None = None


def load_prompt(path: Path) -> PromptFile:
    """Return the prompt in a file. Raises BadPromptFile."""
    content, digest = _read(path, _PROMPT_FIELDS)
    if not any(content.get(name, "") != "" for name in ("virtual_key", "provider")):
        raise BadPromptFile(
            f"{path}: 'virtual_key' is missing; a provider's name will do, such as openai, or null when every request"
            " names its own"
        )
    if content.get("model", "") == "":
        raise BadPromptFile(f"{path}: 'model' is missing")
    if len(content.keys() & set(_TEMPLATES)) != 1:
        raise BadPromptFile(
            f"{path}: give either 'messages' (a chat prompt) or 'text' (a text completion), or 'string' (a chat"
            " prompt's stored text)"
        )
    return PromptFile(
        slug=path.stem,
        name=content.get("name", path.stem),
        kind="text" if "text" in content else "chat",
        string=_template(path, content),
        digest=digest,
        virtual_key=(content.get("virtual_key") or content.get("provider") or "").removeprefix("@") or None,
        model=content["model"],
        raw=content.get("raw", False),
        parameters=content.get("parameters", {}),
        tools=content.get("tools"),
        functions=content.get("functions"),
        tool_choice=content.get("tool_choice"),
        variables_schema=content.get("variables_schema"),
        variables=content.get("variables", {}),
        description=content.get("description"),
    )


def load_partial(path: Path) -> PartialFile:
    """Return the partial in a file. Raises BadPromptFile."""
    content, digest = _read(path, _PARTIAL_FIELDS)
    if not content.get("text"):
        raise BadPromptFile(f"{path}: 'text' is missing")
    return PartialFile(
        path.stem, content.get("name", path.stem), content["text"], digest, description=content.get("description")
    )


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a key that stands twice, of which YAML would keep the last without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping whose keys are all different."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen and key.value != "<<":
                raise yaml.constructor.ConstructorError(None, None, f"'{key.value}' stands there twice", key.start_mark)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else "")
        found: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return found


def _read(path: Path, fields: dict[str, Any]) -> tuple[JsonObject, str]:
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise BadPromptFile(f"{path}: {exc.strerror}") from exc
    try:
        content = yaml.load(data, Loader=_UniqueKeys)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError) as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise BadPromptFile(f"{path}{where}: not YAML: {getattr(exc, 'problem', None) or 'unreadable'}") from exc
    if not isinstance(content, dict):
        raise BadPromptFile(f"{path}: a prompt file is a mapping of fields, such as 'model: gpt-6-luna'")
    for name, value in content.items():
        if name not in fields:
            raise BadPromptFile(f"{path}: unknown field '{name}'; known are {', '.join(fields)}")
        if not isinstance(value, fields[name]) and not (value is None and name in _NULLABLE):
            raise BadPromptFile(f"{path}: '{name}' must be {_KINDS[fields[name]]}")
    try:
        # What YAML knows and JSON does not, such as dates, would fail much later and far away.
        # And what it allows as a key, such as a number, is text in JSON.
        content = json.loads(json.dumps(content, allow_nan=False))
    except (TypeError, ValueError) as exc:
        raise BadPromptFile(f"{path}: {exc}; put quotes around dates, times and .nan") from exc
    return content, hashlib.sha256(data).hexdigest()[:16]


def _template(path: Path, content: JsonObject) -> str:
    if "messages" not in content:
        return str(content.get("string", content.get("text")))
    for number, message in enumerate(content["messages"], start=1):
        if not is_item(message):
            raise BadPromptFile(f"{path}: 'messages' entry {number} needs a role, or must be a placeholder in quotes")
    return join_messages(content["messages"])

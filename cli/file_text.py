"""The text of a prompt file: written anew, or an older text with only the changed fields replaced.

Whoever wrote a file by hand keeps their comments, order and style in every field that did not change.
"""

from __future__ import annotations

import os
import tempfile
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml

from cli.yaml_text import dump
from promptside.schema.prompt import JsonObject

ORDER = (
    "name", "description", "virtual_key", "provider", "model", "parameters", "tools", "tool_choice", "functions",
    "raw", "messages", "string", "text", "variables_schema", "variables",
)  # fmt: skip
"""The order of the fields in a new file."""
_LOCAL = ("description", "variables")
"""Fields that a stack does not decide."""


def new_text(fields: JsonObject) -> str:
    """Return the text of a new file."""
    return "".join(dump({name: fields[name]}) for name in ORDER if name in fields)


def updated_text(old: str, slug: str, content: JsonObject) -> str:
    """Return an older file's text with the content of a stack; fields that are only for people stay."""
    blocks = _blocks(old)
    before = yaml.safe_load(old)
    fields = {**{name: before[name] for name in _LOCAL if name in before}, **content}
    if "name" not in before and fields["name"] == slug:
        # It is the default.
        del fields["name"]
    if "provider" in before and "virtual_key" in fields:
        fields["provider"] = fields.pop("virtual_key")
    fields = {name: ordered_like(value, before.get(name)) for name, value in fields.items()}
    if blocks is None:
        return new_text(fields)
    head, texts = blocks
    for name in fields:
        if name not in before or not _equal(fields[name], before[name]):
            texts[name] = _comments(texts.get(name, "")) + dump({name: fields[name]})
    # A default that stands in the file is as good as none.
    kept = {name: text for name, text in texts.items() if name in fields or not before.get(name)}
    text = head + "".join(_ended(kept[name]) for name in _order(list(before), list(kept)))
    return text if _says(text, fields) else new_text(fields)


def ordered_like(value: Any, model: Any) -> Any:
    """Return a value with the keys of its objects in the order that an equal or similar one has."""
    if isinstance(value, dict) and isinstance(model, dict):
        keys = [*(key for key in model if key in value), *(key for key in value if key not in model)]
        return {key: ordered_like(value[key], model.get(key)) for key in keys}
    if isinstance(value, list) and isinstance(model, list):
        models = [*model, *[None] * len(value)]
        return [ordered_like(item, models[index]) for index, item in enumerate(value)]
    return value


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is never seen half-written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=f".{path.name}.", encoding="utf-8", newline="\n", delete=False
    ) as file:
        temporary = Path(file.name)
        try:
            file.write(text)
            file.flush()
            temporary.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _blocks(text: str) -> tuple[str, dict[str, str]] | None:
    """Return what stands above the first field, and each field's lines; None for a file in another style."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode) or root.flow_style or not root.value:
        return None
    lines = text.splitlines(keepends=True)
    if len("".join(lines).split("\n")) != len(lines) + text.endswith("\n"):
        return None
    starts = [key.start_mark.line for key, _ in root.value]
    if any(key.start_mark.column for key, _ in root.value) or len(set(starts)) != len(starts):
        return None
    # A comment above a field belongs to it.
    starts = [_with_comments(lines, start) for start in starts]
    ends = [*starts[1:], len(lines)]
    texts = {
        key.value: "".join(lines[start:end]) for (key, _), start, end in zip(root.value, starts, ends, strict=True)
    }
    return "".join(lines[: starts[0]]), texts


def _with_comments(lines: list[str], start: int) -> int:
    """Return the first of the comment lines directly above a field. A block text cannot hold them: it is indented."""
    while start > 0 and lines[start - 1].startswith("#"):
        start -= 1
    return start


def _says(text: str, fields: JsonObject) -> bool:
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError:
        return False
    return all(name in read and _equal(read[name], value) for name, value in fields.items())


def _order(old: list[str], wanted: list[str]) -> list[str]:
    """Return the fields as they stood, new ones where they stand in a new file."""
    order = [name for name in old if name in wanted]
    for name in sorted(set(wanted) - set(order), key=ORDER.index):
        before = reversed(ORDER[: ORDER.index(name)])
        place = next((order.index(other) + 1 for other in before if other in order), 0)
        order.insert(place, name)
    return order


def _comments(block: str) -> str:
    return "".join(takewhile(lambda line: line.startswith("#"), block.splitlines(keepends=True)))


def _ended(text: str) -> str:
    return text if text.endswith("\n") else f"{text}\n"


def _equal(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

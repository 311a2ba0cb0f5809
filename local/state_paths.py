"""What a state takes from its input and leaves in its output: reference paths, templates, three intrinsic functions.

The Amazon States Language with JSONPath, as far as `statemachines/` uses it; anything else is refused by name.
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-input-output-filtering.html (2026-11-23)
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_STEP = re.compile(r"\.([A-Za-z_][\w-]*)|\[(\d+)\]|\['([^']+)'\]")
_CALL = re.compile(r"States\.(\w+)\((.*)\)", re.DOTALL)
_ARGUMENT = re.compile(r"\s*('(?:\\'|[^'])*'|\$[^,\s]*|-?[\d.]+|true|false|null)\s*(?:,|$)")


class BadPath(Exception):
    """A path leads nowhere, or is written in a way that is not known here; Step Functions calls it a Runtime error."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What paths begin at: `$` the data, `$$` the context."""

    data: Any
    context: Mapping[str, Any]


def read_path(path: str, scope: Scope) -> Any:
    """Return what a path leads to. Raises BadPath."""
    whole = path.startswith("$$")
    found: Any = scope.context if whole else scope.data
    rest = path[2:] if whole else path[1:]
    if not path.startswith("$"):
        raise BadPath(f"The path '{path}' does not begin with $")
    position = 0
    while position < len(rest):
        step = _STEP.match(rest, position)
        if step is None:
            raise BadPath(f"The path '{path}' is not of a known form")
        key: str | int = step[1] or step[3] or int(step[2])
        try:
            found = found[key]
        except (KeyError, IndexError, TypeError) as exc:
            raise BadPath(f"The path '{path}' leads nowhere") from exc
        position = step.end()
    return found


def has_path(path: str, scope: Scope) -> bool:
    """Tell whether a path leads anywhere."""
    try:
        read_path(path, scope)
    except BadPath:
        return False
    return True


def fill(template: Any, scope: Scope) -> Any:
    """Return a payload template with the values of its `.$` fields. Raises BadPath."""
    if isinstance(template, list):
        return [fill(entry, scope) for entry in template]
    if not isinstance(template, dict):
        return template
    filled = {}
    for name, value in template.items():
        if name.endswith(".$"):
            filled[name.removesuffix(".$")] = _value(value, scope)
        else:
            filled[name] = fill(value, scope)
    return filled


def place(result: Any, path: str | None, data: Any) -> Any:
    """Return the data with a result at a path: `$` replaces all, None drops the result. Raises BadPath."""
    if path is None:
        return data
    if path == "$":
        return result
    names = path.removeprefix("$.").split(".")
    placed = copy.deepcopy(data)
    if not isinstance(placed, dict):
        raise BadPath(f"There is no place '{path}' in what is no object")
    inner = placed
    for name in names[:-1]:
        inner = inner.setdefault(name, {})
    inner[names[-1]] = result
    return placed


def _value(text: str, scope: Scope) -> Any:
    call = _CALL.fullmatch(text.strip())
    if call is None:
        return read_path(text, scope)
    arguments = [_argument(argument, scope) for argument in _arguments(call[2])]
    match call[1]:
        case "Format":
            parts = str(arguments[0]).split("{}")
            shown = [entry if isinstance(entry, str) else json.dumps(entry) for entry in arguments[1:]]
            return "".join(part + value for part, value in zip(parts, [*shown, ""], strict=True))
        case "StringToJson":
            return json.loads(arguments[0])
        case "JsonToString":
            return json.dumps(arguments[0])
        case unknown:
            raise BadPath(f"The function States.{unknown} is not known here")


def _arguments(text: str) -> list[str]:
    found: list[str] = []
    position = 0
    while position < len(text):
        argument = _ARGUMENT.match(text, position)
        if argument is None:
            raise BadPath(f"The arguments '{text}' cannot be read")
        found.append(argument[1])
        position = argument.end()
    return found


def _argument(text: str, scope: Scope) -> Any:
    if text.startswith("$"):
        return read_path(text, scope)
    if text.startswith("'"):
        return text[1:-1].replace("\\'", "'")
    return json.loads(text)

"""Checks templates where they are written, and says in which line of the file a mistake is."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from cli.prompt_files import PartialFile, PromptFile
from promptside.errors import PromptsideError, TemplateError
from promptside.template.compiler import compile_template
from promptside.template.prompt import compile_prompt
from promptside.variable_schemas import check_schema

_WHERE = re.compile(r" \(line \d+, column \d+(?: in (?P<place>[^)]*))?\)$")
_STEP = re.compile(r"\[(\d+)\]|\.?([^.\[\]]+)")


def partials_in(path: Path, file: PromptFile | PartialFile) -> tuple[str, ...]:
    """Return the slugs of the partials that a file includes. Raises PromptsideError with the place in its message."""
    try:
        if isinstance(file, PartialFile):
            references = compile_template(file.string).partials
        else:
            references = compile_prompt(file.string, kind=file.kind, raw=file.raw).partials
            if file.variables_schema:
                check_schema(file.variables_schema)
    except TemplateError as error:
        raise PromptsideError(_placed(path, file, error)) from error
    except PromptsideError as error:
        raise PromptsideError(f"{path}: {error.message}") from error
    return tuple(dict.fromkeys(reference.partition("@")[0] for reference in references))


def _placed(path: Path, file: PromptFile | PartialFile, error: TemplateError) -> str:
    """Return `path:line:column: message`, or the message with its own place where the file's cannot be known."""
    found = _WHERE.search(error.message)
    message = error.message[: found.start()] if found else error.message
    place = (found["place"] if found else None) or _whole(path, file)
    node = _find(path, place) if place else None
    if node is None or node.style not in ("|", None):
        inside = f"{place}, " if place else ""
        return f"{path}: {inside}line {error.line}, column {error.column}: {message}"
    if node.style == "|":
        indent = _indent(path, node.start_mark.line + 1)
        return f"{path}:{node.start_mark.line + 1 + error.line}:{indent + error.column}: {message}"
    return f"{path}:{node.start_mark.line + error.line}:{node.start_mark.column + error.column}: {message}"


def _whole(path: Path, file: PromptFile | PartialFile) -> str | None:
    """Return the field that holds the whole template, if one does."""
    if isinstance(file, PartialFile) or file.kind == "text":
        return "text"
    return "string" if _find(path, "string") is not None else None


def _find(path: Path, place: str) -> yaml.ScalarNode | None:
    """Return the text at a place such as `messages[1].content`."""
    node = yaml.compose(path.read_bytes(), Loader=yaml.SafeLoader)
    for index, key in _STEP.findall(place):
        if index and isinstance(node, yaml.SequenceNode) and int(index) < len(node.value):
            node = node.value[int(index)]
        elif key and isinstance(node, yaml.MappingNode):
            node = next((value for name, value in node.value if name.value == key), None)
        else:
            return None
    return node if isinstance(node, yaml.ScalarNode) else None


def _indent(path: Path, line: int) -> int:
    """Return how far a block text is indented; its first line may be empty."""
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines()[line:]:
        if text.strip():
            return len(text) - len(text.lstrip(" "))
    return 0

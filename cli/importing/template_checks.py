"""Looks at templates as the stack would: do they compile, which partials do they use, what would surprise in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from cli.importing.braces import odd_tags, single_braces
from cli.importing.message_lists import texts_of
from promptside.errors import TemplateError
from promptside.schema.prompt import Kind
from promptside.template.prompt import compile_prompt

_STRING_OR_TAG = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|\{\{[^{}]*\}\}', re.DOTALL)


def template_fault(string: str, kind: Kind, *, raw: bool = False) -> str | None:
    """Return why a template does not compile, with line and column; None when it does."""
    try:
        compile_prompt(string, kind=kind, raw=raw)
    except TemplateError as exc:
        return exc.message
    return None


def partials_in(string: str, kind: Kind, *, raw: bool = False) -> tuple[str, ...]:
    """Return the references of partials in a template that compiles."""
    return tuple(compile_prompt(string, kind=kind, raw=raw).partials)


def remarks_about(string: str, kind: Kind, *, mustache: bool, raw: bool = False) -> list[str]:
    """Return sentences about what compiles, but likely means something else than in the source."""
    return [
        place + sentence
        for place, text in _texts(string, kind, raw=raw)
        for sentence in (*single_braces(text), *odd_tags(text, mustache=mustache))
    ]


def _texts(string: str, kind: Kind, *, raw: bool) -> Iterator[tuple[str, str]]:
    messages = None if kind == "text" or raw else _decoded(string)
    if not isinstance(messages, list):
        yield "", string
        return
    for number, message in enumerate(messages, start=1):
        for text in texts_of(message):
            yield f"message {number}, ", text


def _decoded(string: str) -> Any:
    """Return the message list with null for bare placeholders, None when it is not plain JSON even so."""
    plain = _STRING_OR_TAG.sub(lambda match: match[0] if match[0].startswith('"') else "null", string)
    try:
        return json.loads(plain, strict=False)
    except (ValueError, RecursionError):
        return None

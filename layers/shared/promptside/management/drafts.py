"""Checks templates before they are stored, so that nothing that cannot be rendered is ever published."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from promptside.errors import InvalidRequest, JsonObject
from promptside.management.fields import missing, wrong_type
from promptside.management.services import ManagementServices
from promptside.schema.prompt import Kind, parse_reference
from promptside.store.names import is_slug
from promptside.store.walk import selected
from promptside.template.compiler import compile_template
from promptside.template.prompt import compile_prompt

_KINDS: dict[str, Kind] = {"chat": "chat", "completion": "text", "text": "text"}
_UNSAFE = re.compile(r"[^a-z0-9]+")
_NAME_PART = 32


def template_string(body: JsonObject) -> str:
    """Return the body's `string`; a message list that is not yet JSON text becomes it. Raises InvalidRequest."""
    value: Any = body.get("string")
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    if value is None or value == "":
        raise missing("string")
    if not isinstance(value, str):
        raise wrong_type("string", "a text")
    return value


def kind_of(string: str, metadata: JsonObject) -> Kind:
    """Return what the metadata's `template_type` says, else chat for what looks like a JSON list."""
    given = metadata.get("template_type")
    if given is None:
        return "chat" if string.lstrip().startswith("[") else "text"
    if not isinstance(given, str) or given not in _KINDS:
        raise InvalidRequest(
            f"'template_metadata.template_type' must be one of {', '.join(_KINDS)}", param="template_metadata"
        )
    return _KINDS[given]


def check_prompt(services: ManagementServices, string: str, kind: Kind, *, raw: bool) -> tuple[str, ...]:
    """Return the partials of a prompt that compiles. Raises TemplateError with line and column, InvalidRequest."""
    partials = compile_prompt(string, kind=kind, raw=raw).partials
    _check_partials(services, partials)
    return tuple(partials)


def check_partial(services: ManagementServices, string: str) -> tuple[str, ...]:
    """Return the partials of a partial that compiles. Raises TemplateError with line and column, InvalidRequest."""
    partials = compile_template(string).partials
    _check_partials(services, partials)
    return tuple(partials)


def new_slug(services: ManagementServices, name: str) -> str:
    """Return a slug for a name: `pp-` + the name shortened + `-` + six hex digits."""
    short = _UNSAFE.sub("-", name.lower())[:_NAME_PART].strip("-") or "prompt"
    return f"pp-{short}-{services.new_suffix()}"


def _check_partials(services: ManagementServices, references: Iterable[str]) -> None:
    unknown = [reference for reference in references if not _exists(services, reference)]
    if unknown:
        names = ", ".join(f"'{reference[:64]}'" for reference in unknown[:10])
        raise InvalidRequest(f"Unknown partial {names}: create it first", param="string", code="partial_not_found")


def _exists(services: ManagementServices, text: str) -> bool:
    reference = parse_reference(text)
    pointer = services.partials.find(reference.id) if is_slug(reference.id) else None
    return pointer is not None and selected(pointer, reference.selector) is not None

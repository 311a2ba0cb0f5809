"""Turns `input.schema` of `.prompt` files into a JSON Schema for the variables.

Three spellings: a JSON Schema, LiteLLM's mapping of names to types, and Dotprompt's Picoschema with `name?: type, text`
(https://google.github.io/dotprompt/reference/picoschema, read 2026-11-23).
"""

from __future__ import annotations

import re
from typing import Any

from cli.importing.collector import Collector
from cli.importing.reading import is_empty, is_object
from promptside.schema.prompt import JsonObject

_TYPES: dict[str, JsonObject] = {
    "any": {},
    "array": {"type": "array"},
    "bool": {"type": "boolean"},
    "boolean": {"type": "boolean"},
    "dict": {"type": "object"},
    "float": {"type": "number"},
    "int": {"type": "integer"},
    "integer": {"type": "integer"},
    "list": {"type": "array"},
    "null": {"type": "null"},
    "number": {"type": "number"},
    "object": {"type": "object"},
    "str": {"type": "string"},
    "string": {"type": "string"},
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\??")


def variables_schema(collector: Collector, schema: Any, what: str) -> JsonObject | None:
    """Return the schema, None when there is none or when it is more than names and plain types."""
    if is_empty(schema):
        return None
    if is_object(schema) and is_object(schema.get("properties")):
        return schema
    properties: JsonObject = {}
    for name, given in schema.items() if is_object(schema) else ():
        kind, _, description = given.partition(",") if isinstance(given, str) else ("", "", "")
        plain = _TYPES.get(kind.strip().lower())
        if plain is None or not _NAME.fullmatch(name):
            properties = {}
            break
        properties[name] = {**plain, **({"description": description.strip()} if description.strip() else {})}
    if not properties:
        collector.skip(f"{what}: input.schema", "only names with plain types are taken: write a JSON Schema for it")
        return None
    optional = [name for name in properties if name.endswith("?")]
    result: JsonObject = {"type": "object", "properties": {name.rstrip("?"): properties[name] for name in properties}}
    if optional:
        # Only Picoschema marks some as optional, and means that the others are not; LiteLLM lets any be absent.
        result["required"] = [name for name in properties if name not in optional]
    return result

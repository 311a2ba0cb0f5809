"""Makes JSON schemas fit what Gemini takes as `parametersJsonSchema` and `responseJsonSchema`.

https://ai.google.dev/api/generate-content#FIELDS.response_json_schema (read 2026-11-22): references stay, for they keep
shared definitions small, but nothing may stand beside one; keywords that are not listed there have no effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from promptside.errors import JsonObject
from promptside.providers.json_schema import map_schemas, with_modern_definitions


def gemini_schema(schema: Mapping[str, Any], *, param: str) -> JsonObject:
    """Return the schema with its meaning kept. Raises InvalidRequest for one that is broken or nested too deep."""
    return map_schemas(with_modern_definitions(schema, param=param), _node, param=param)


def _node(node: JsonObject) -> JsonObject:
    kept = {key: value for key, value in node.items() if key not in ("$schema", "$comment")}
    if isinstance(kept.get("const"), str | int | float) and "enum" not in kept:
        kept["enum"] = [kept.pop("const")]
    if "$ref" in kept and any(not key.startswith("$") for key in kept):
        # As pydantic writes a field that has a description and a class of its own.
        kept["anyOf"] = [{"$ref": kept.pop("$ref")}, *kept.get("anyOf", [])]
    return kept

from __future__ import annotations

from typing import Any

import pytest

from promptside.errors import InvalidRequest
from promptside.providers.gemini_format.schema import gemini_schema


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (
            {"$ref": "#/$defs/A", "$defs": {"A": {"type": "string"}}},
            {"$ref": "#/$defs/A", "$defs": {"A": {"type": "string"}}},
        ),
        (
            {"properties": {"a": {"$ref": "#/$defs/A", "default": None}}},
            {"properties": {"a": {"anyOf": [{"$ref": "#/$defs/A"}], "default": None}}},
        ),
        ({"const": 3}, {"enum": [3]}),
        ({"const": {"a": 1}}, {"const": {"a": 1}}),
        ({"properties": {"$ref": {"type": "string"}}}, {"properties": {"$ref": {"type": "string"}}}),
        ({"properties": {"const": {"const": "x"}}}, {"properties": {"const": {"enum": ["x"]}}}),
        ({"enum": [{"$ref": "x", "const": 1}]}, {"enum": [{"$ref": "x", "const": 1}]}),
        ({"$schema": "x", "additionalProperties": False}, {"additionalProperties": False}),
    ],
)
def test_a_schema_keeps_its_meaning(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    assert gemini_schema(schema, param="tools") == expected


def test_a_schema_that_contains_itself_stays_as_small_as_it_is() -> None:
    schema = {"$defs": {"N": {"properties": {"next": {"$ref": "#/$defs/N"}}}}, "$ref": "#/$defs/N"}

    assert gemini_schema(schema, param="tools") == schema


def test_a_schema_nested_too_deep_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(100):
        schema = {"properties": {"a": schema}}

    with pytest.raises(InvalidRequest):
        gemini_schema(schema, param="tools")

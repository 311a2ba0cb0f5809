from __future__ import annotations

import json
from typing import Any

import pytest

from promptside.errors import InvalidRequest
from promptside.providers.json_schema import strict_schema, with_modern_definitions, without_references

NODE = {"type": "object", "properties": {"next": {"$ref": "#/$defs/N"}}}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "integer", "minimum": 1}, {"type": "integer", "description": "(minimum: 1)"}),
        (
            {"type": "string", "description": "Name", "maxLength": 3, "minLength": 1},
            {"type": "string", "description": "Name (maxLength: 3, minLength: 1)"},
        ),
        ({"type": "array", "minItems": 1, "items": {}}, {"type": "array", "minItems": 1, "items": {}}),
        ({"type": "array", "minItems": 2}, {"type": "array", "description": "(minItems: 2)"}),
        ({"type": "string", "format": "date"}, {"type": "string", "format": "date"}),
        ({"type": "string", "format": "color"}, {"type": "string", "description": '(format: "color")'}),
        ({"type": "string", "pattern": "^a+$"}, {"type": "string", "pattern": "^a+$"}),
        ({"type": "string", "pattern": "(?=a)"}, {"type": "string", "description": '(pattern: "(?=a)")'}),
        ({"oneOf": [{"type": "null"}]}, {"anyOf": [{"type": "null"}]}),
        (
            {"type": ["object", "null"], "properties": {"not": {"type": "string"}}, "additionalProperties": True},
            {"type": ["object", "null"], "properties": {"not": {"type": "string"}}, "additionalProperties": False},
        ),
        (
            {"enum": [{"minimum": 1}], "$schema": "https://json-schema.org/draft/2020-12/schema"},
            {"enum": [{"minimum": 1}]},
        ),
    ],
)
def test_a_strict_schema_has_only_what_can_be_enforced(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    assert strict_schema(schema, param="p") == expected


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/N", "$defs": {"N": NODE}},
        {"type": "object", "properties": {"self": {"$ref": "#"}}},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"properties": {"x": {"$ref": "https://example.com/x.json"}}},
        {"properties": {"x": {"$ref": "#/properties/y"}}},
    ],
)
def test_a_schema_that_cannot_be_enforced_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        strict_schema(schema, param="response_format")

    assert (caught.value.param, caught.value.code) == ("response_format", "unsupported_schema")


def test_shared_definitions_are_no_recursion() -> None:
    schema = {
        "properties": {"a": {"$ref": "#/$defs/A"}, "b": {"$ref": "#/$defs/A"}},
        "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/B"}, {"$ref": "#/$defs/B"}]}, "B": {"type": "string"}},
    }

    assert strict_schema(schema, param="p")["$defs"] == schema["$defs"]


def test_older_definitions_are_renamed_with_their_pointers() -> None:
    schema = {"items": {"$ref": "#/definitions/X"}, "definitions": {"X": {"type": "string"}}}

    assert with_modern_definitions(schema, param="p") == {
        "items": {"$ref": "#/$defs/X"},
        "$defs": {"X": {"type": "string"}},
    }


def test_a_property_that_is_called_definitions_stays() -> None:
    schema = {"type": "object", "properties": {"definitions": {"type": "string"}}}

    assert with_modern_definitions(schema, param="p") == schema


def test_references_are_replaced_once_and_recursion_ends() -> None:
    schema = {"properties": {"n": {"$ref": "#/$defs/N", "title": "T"}}, "$defs": {"N": NODE}}

    assert without_references(schema, param="p") == {
        "properties": {"n": {"type": "object", "properties": {"next": {}}, "title": "T"}}
    }


def test_a_schema_that_doubles_with_every_level_stays_bounded() -> None:
    definitions: dict[str, Any] = {
        f"D{level}": {"anyOf": [{"$ref": f"#/$defs/D{level + 1}"}, {"$ref": f"#/$defs/D{level + 1}"}]}
        for level in range(40)
    }

    inlined = without_references({"$ref": "#/$defs/D0", "$defs": definitions}, param="p")

    assert len(json.dumps(inlined)) < 1_000_000


@pytest.mark.parametrize("keyword", ["properties", "$defs", "definitions", "anyOf", "oneOf"])
@pytest.mark.parametrize("fit", [strict_schema, with_modern_definitions, without_references])
def test_a_keyword_of_the_wrong_type_is_refused(fit: Any, keyword: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        fit({keyword: 5}, param="tools")

    assert caught.value.code == "invalid_schema"


@pytest.mark.parametrize("fit", [strict_schema, with_modern_definitions, without_references])
def test_a_schema_nested_too_deeply_is_refused(fit: Any) -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(500):
        schema = {"type": "array", "items": schema}

    with pytest.raises(InvalidRequest) as caught:
        fit(schema, param="tools")

    assert caught.value.code == "invalid_schema"


def test_the_schema_given_is_not_changed() -> None:
    schema = {"properties": {"n": {"$ref": "#/definitions/N"}}, "definitions": {"N": {"type": "integer", "minimum": 1}}}
    before = json.dumps(schema)

    strict_schema(schema, param="p")
    without_references(schema, param="p")

    assert json.dumps(schema) == before

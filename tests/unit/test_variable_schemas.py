"""Variables against the schema of a prompt: every problem by its path, no value in sight, and always an end."""

import json
from dataclasses import replace
from typing import Any

import pytest

from promptside.errors import InvalidRequest, PayloadTooLarge
from promptside.variable_schemas import VariableChecker, check_schema
from tests.product import prompt

CANARY = "value-canary"
ORDER = {
    "type": "object",
    "required": ["name", "items"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 3},
        "kind": {"enum": ["a", "b"]},
        "items": {"type": "array", "items": {"$ref": "#/$defs/item"}, "uniqueItems": True},
    },
    "$defs": {
        "item": {
            "type": "object",
            "required": ["sku"],
            "properties": {
                "sku": {"type": "string", "pattern": "^[A-Z]{2}[0-9]+$"},
                "a b": {"type": ["integer", "null"]},
            },
        }
    },
}


def check(schema: dict[str, Any], variables: dict[str, Any]) -> InvalidRequest | None:
    version = replace(prompt(), version_id=json.dumps(schema), variables_schema=schema)
    try:
        VariableChecker().check(version, variables)
    except InvalidRequest as refusal:
        return refusal
    return None


def problems(schema: dict[str, Any], variables: dict[str, Any]) -> list[tuple[str, str]]:
    refusal = check(schema, variables)
    return [] if refusal is None else [(item["path"], item["message"]) for item in refusal.extra["problems"]]


def test_variables_that_fit_pass() -> None:
    assert check(ORDER, {"name": "Ann", "kind": "a", "items": [{"sku": "AB1", "a b": None}, {"sku": "AB2"}]}) is None


def test_without_a_schema_anything_passes() -> None:
    VariableChecker().check(prompt(), {"anything": [1]})


def test_every_problem_is_listed_once_with_its_path() -> None:
    variables = {
        "kind": CANARY,
        "items": [{"sku": CANARY}, {"a b": CANARY}, 7, {"sku": "AB1"}, {"sku": "AB1"}],
        "more": CANARY,
        "and more": CANARY,
    }

    refusal = check(ORDER, variables)

    assert refusal is not None
    assert (refusal.status, refusal.code, refusal.param) == (400, "invalid_variables", "variables")
    assert sorted((item["path"], item["message"]) for item in refusal.extra["problems"]) == [
        ("$", "has a name that the schema does not know"),
        ("$.items", "breaks the rule 'uniqueItems': true"),
        ("$.items[0].sku", "breaks the rule 'pattern': \"^[A-Z]{2}[0-9]+$\""),
        ("$.items[1].sku", "is missing"),
        ('$.items[1]["a b"]', "must be integer or null"),
        ("$.items[2]", "must be object"),
        ("$.kind", 'must be one of ["a", "b"]'),
        ("$.name", "is missing"),
    ]
    assert CANARY not in json.dumps(refusal.to_body())


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ({"anyOf": [{"type": "integer"}, {"maxLength": 2}]}, CANARY),
        ({"oneOf": [{}, {}]}, CANARY),
        ({"not": {}}, CANARY),
        ({"const": "other"}, CANARY),
        ({"maxLength": 2}, CANARY),
        ({"maximum": 2}, 987654321),
        ({"multipleOf": 7}, 987654321),
        ({"maxProperties": 0}, {CANARY: CANARY}),
        ({"propertyNames": {"maxLength": 2}}, {CANARY: 1}),
        ({"contains": {"type": "null"}}, [CANARY]),
        ({"prefixItems": [{"type": "null"}]}, [CANARY]),
        ({"dependentRequired": {CANARY: ["b"]}}, {CANARY: 1}),
        ({"unevaluatedProperties": False}, {CANARY: 1}),
        ({"patternProperties": {"^v": False}}, {"v": CANARY}),
        (False, CANARY),
        ({"if": {}, "then": False}, CANARY),
        ({"pattern": "^x"}, CANARY),
    ],
)
def test_no_rule_quotes_the_value(rule: Any, value: Any) -> None:
    refusal = check({"properties": {"x": rule}}, {"x": value})

    assert refusal is not None
    assert CANARY not in json.dumps(refusal.to_body()).replace(f"$.x.{CANARY}", "").replace(f'$.x["{CANARY}"]', "")
    assert "987654321" not in refusal.message


def test_of_very_many_problems_the_first_are_listed() -> None:
    refusal = check({"properties": {"x": {"items": {"type": "null"}}}}, {"x": list(range(100))})

    assert refusal is not None
    assert len(refusal.extra["problems"]) == 50
    assert refusal.message.endswith("; and 50 more")


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "other.json#/x"},
        {"$ref": "#/$defs/gone"},
        {"$ref": 7},
        {"properties": {"a": {"$ref": "file:///etc/passwd"}}},
        {"$id": "https://example.com/", "type": "object"},
        {"$dynamicRef": "#x"},
        {"$schema": "http://json-schema.org/draft-04/schema#"},
        {"type": "objekt"},
        {"required": "name"},
        {"minLength": -1},
        {"properties": {"a": {"pattern": "(a+)+$"}}},
        {"properties": {"a": {"pattern": "(a|aa)*$"}}},
        {"properties": {"a": {"pattern": "(a?){99}"}}},
        {"properties": {"a": {"pattern": r"(a)\1"}}},
        {"properties": {"a": {"pattern": "("}}},
        {"properties": {"a": {"pattern": "a" * 257}}},
        {"patternProperties": {"(x*)*": {}}},
        {"enum": [{"pattern": "(a+)+$"}], "allOf": [{"$ref": "#/enum/0"}]},
        {"$ref": "#"},
        {"$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"},
        {
            "$defs": {str(n): {"allOf": [{"$ref": f"#/$defs/{n + 1}"}] * 2} for n in range(40)} | {"40": {}},
            "$ref": "#/$defs/0",
        },
    ],
)
def test_a_schema_that_is_none_or_has_no_bounds_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_schema(schema)

    assert caught.value.param == "variables_schema"


def test_a_schema_has_its_size() -> None:
    with pytest.raises(PayloadTooLarge):
        check_schema({"description": "x" * 70_000})


def test_names_that_look_like_rules_are_only_names() -> None:
    schema = {"properties": {"pattern": {"type": "string"}, "$ref": {"type": "integer"}}, "default": {"$ref": "x"}}

    check_schema(schema)

    assert problems(schema, {"pattern": 1, "$ref": 1}) == [("$.pattern", "must be string")]


def test_a_tree_may_refer_to_itself() -> None:
    schema = {"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}, "value": {"type": "integer"}}}

    check_schema(schema)

    assert problems(schema, {"left": {"right": {"value": "x"}}}) == [("$.left.right.value", "must be integer")]


def test_a_tree_whose_branches_double_at_each_level_has_an_end() -> None:
    schema = {"properties": {"x": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}}
    value: Any = {}
    for _ in range(60):
        value = {"x": value}
    check_schema(schema)

    refusal = check(schema, value)

    assert refusal is not None
    assert refusal.param == "variables_schema"


def test_a_long_text_meets_no_pattern() -> None:
    schema = {"properties": {"x": {"pattern": "^a*b*c*$"}}}

    assert problems(schema, {"x": "a" * 100}) == []
    assert problems(schema, {"x": "a" * 5000}) == [("$.x", "breaks the rule 'pattern': \"^a*b*c*$\"")]

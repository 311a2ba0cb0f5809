from typing import Any

import pytest

from local.state_choices import chosen
from local.state_paths import BadPath, Scope

SCOPE = Scope({"status": "in_progress", "n": 3, "flag": True, "nothing": None}, {})


@pytest.mark.parametrize(
    "rule",
    [
        {"Variable": "$.status", "StringEquals": "in_progress"},
        {"Variable": "$.n", "NumericEquals": 3},
        {"Variable": "$.n", "NumericGreaterThan": 2},
        {"Variable": "$.n", "NumericGreaterThanEquals": 3},
        {"Variable": "$.n", "NumericLessThan": 4},
        {"Variable": "$.n", "NumericLessThanEquals": 3},
        {"Variable": "$.flag", "BooleanEquals": True},
        {"Variable": "$.nothing", "IsNull": True},
        {"Variable": "$.x", "IsPresent": False},
        {"Not": {"Variable": "$.n", "NumericEquals": 4}},
        {"And": [{"Variable": "$.n", "NumericEquals": 3}, {"Variable": "$.flag", "BooleanEquals": True}]},
        {"Or": [{"Variable": "$.n", "NumericEquals": 4}, {"Variable": "$.flag", "BooleanEquals": True}]},
    ],
)
def test_a_rule_that_holds_says_what_is_next(rule: dict[str, Any]) -> None:
    assert chosen({"Choices": [{**rule, "Next": "Yes"}], "Default": "No"}, SCOPE) == "Yes"


def test_a_comparison_with_another_type_does_not_hold() -> None:
    rule = {"Variable": "$.status", "NumericEquals": 3, "Next": "Yes"}

    assert chosen({"Choices": [rule], "Default": "No"}, SCOPE) == "No"


@pytest.mark.parametrize(
    "rule",
    [
        {"Variable": "$.x", "StringEquals": "a"},
        {"Variable": "$.n", "StringMatches": "a*"},
        {"Variable": "$.n", "NumericEquals": 4},
    ],
)
def test_without_a_rule_that_fits_it_fails(rule: dict[str, Any]) -> None:
    with pytest.raises(BadPath):
        chosen({"Choices": [{**rule, "Next": "Yes"}]}, SCOPE)

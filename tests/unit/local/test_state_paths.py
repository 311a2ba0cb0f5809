from typing import Any

import pytest

from local.state_paths import BadPath, Scope, fill, has_path, place, read_path

SCOPE = Scope(
    {"a": {"b": [1, {"c": "x"}]}, "two-words": 2, "text": '{"n": 1}'},
    {"Execution": {"Name": "e-1"}, "Map": {"Item": {"Value": {"chunk": 7}}}},
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", SCOPE.data),
        ("$.a.b[1].c", "x"),
        ("$['two-words']", 2),
        ("$.two-words", 2),
        ("$$.Execution.Name", "e-1"),
        ("$$.Map.Item.Value", {"chunk": 7}),
    ],
)
def test_a_path_leads_into_the_data_or_the_context(path: str, expected: Any) -> None:
    assert read_path(path, SCOPE) == expected
    assert has_path(path, SCOPE)


@pytest.mark.parametrize("path", ["$.x", "$.a.b[9]", "$.text.n", "a.b", "$.a..b", "$.a[?(@.b)]"])
def test_a_path_that_leads_nowhere_is_refused(path: str) -> None:
    assert not has_path(path, SCOPE)
    with pytest.raises(BadPath, match=r"path"):
        read_path(path, SCOPE)


def test_a_template_is_filled_at_its_dollar_fields_only() -> None:
    template = {"fixed": "$.a", "deep": [{"c.$": "$.a.b[1].c"}], "name.$": "$$.Execution.Name"}

    assert fill(template, SCOPE) == {"fixed": "$.a", "deep": [{"c": "x"}], "name": "e-1"}


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("States.Format('{}:{} it\\'s {}', $$.Execution.Name, $.a.b[0], 'done, really')", "e-1:1 it's done, really"),
        ("States.StringToJson($.text)", {"n": 1}),
        ("States.JsonToString($.a.b[1])", '{"c": "x"}'),
    ],
)
def test_intrinsic_functions_are_called(call: str, expected: Any) -> None:
    assert fill({"v.$": call}, SCOPE) == {"v": expected}


@pytest.mark.parametrize("call", ["States.UUID()", "States.Format('{}', ))"])
def test_an_unknown_function_or_argument_is_refused(call: str) -> None:
    with pytest.raises(BadPath):
        fill({"v.$": call}, SCOPE)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (None, {"a": 1}),
        ("$", "result"),
        ("$.b", {"a": 1, "b": "result"}),
        ("$.b.c", {"a": 1, "b": {"c": "result"}}),
    ],
)
def test_a_result_is_placed_without_changing_what_was_there(path: str | None, expected: Any) -> None:
    data = {"a": 1}

    assert place("result", path, data) == expected
    assert data == {"a": 1}


def test_a_text_has_no_places() -> None:
    with pytest.raises(BadPath):
        place(1, "$.a", "text")

"""Request bodies: what is refused, and with which words."""

import time

import pytest

from promptside.api.bodies import LARGEST_BODY, optional_object, parse_object
from promptside.errors import InvalidRequest, PayloadTooLarge


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"", {}),
        (b"  \n", {}),
        (b'{"a": [1, 2.5, null, true]}', {"a": [1, 2.5, None, True]}),
        ("\ufeff{}".encode(), {}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b'{"a": "\\ud800"}', {"a": "\ud800"}),
    ],
)
def test_an_object_is_decoded(body: bytes, value: object) -> None:
    assert parse_object(body) == value


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "The request body is not JSON: Expecting property name enclosed in double quotes at line 1, column 2"),
        (b"[]", "The request body must be a JSON object"),
        (b'"text"', "The request body must be a JSON object"),
        (b"\xff{}", "The request body is not UTF-8"),
        (b'{"a": NaN}', "The request body holds NaN or Infinity, which are not JSON"),
        (b'{"a": -Infinity}', "The request body holds NaN or Infinity, which are not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "The request body holds a number that is too long"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "The request body is nested deeper than 100 levels"),
        (b'{"a":' * 101 + b"1" + b"}" * 101, "The request body is nested deeper than 100 levels"),
    ],
)
def test_anything_else_is_refused_with_a_clear_message(body: bytes, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_object(body)

    assert (caught.value.message, caught.value.code, caught.value.param) == (message, "invalid_json", "body")


def test_brackets_inside_strings_do_not_count_as_depth() -> None:
    assert parse_object(b'{"a": "' + b"[" * 500 + b'\\"{"}') == {"a": "[" * 500 + '"{'}


def test_a_body_over_the_limit_is_refused_before_it_is_decoded() -> None:
    started = time.perf_counter()

    with pytest.raises(PayloadTooLarge) as caught:
        parse_object(b" " * (LARGEST_BODY + 1))

    assert caught.value.status == 413
    assert time.perf_counter() - started < 0.1


@pytest.mark.parametrize("value", [[], "text", 1, True])
def test_an_object_field_of_another_type_is_refused_by_name(value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        optional_object({"variables": value}, "variables")

    assert (caught.value.param, caught.value.code) == ("variables", "invalid_type")


def test_a_null_or_absent_object_field_is_empty() -> None:
    assert optional_object({"variables": None}, "variables") == {}
    assert optional_object({}, "variables") == {}

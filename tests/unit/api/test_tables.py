"""Routes as rows: what is asked of them, and answers of every kind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from promptside.api.http import HttpRequest, HttpResponse
from promptside.api.tables import Asked, RouteTable, Row
from promptside.errors import InvalidRequest
from tests.product import KEY, MemoryPrompts, json_of, prompt

HEADERS = {"x-portkey-api-key": KEY, "x-portkey-trace-id": "t-1"}


def ask(*rows: Row, path: str = "/v1/things/a", method: str = "GET", body: bytes = b"", **options: Any) -> HttpResponse:
    scopes = options.pop("scopes", frozenset({"things.read"}))
    table = RouteTable(rows, MemoryPrompts(prompt(), scopes=scopes))
    return table.answer(HttpRequest(method, path, {**HEADERS, **options.pop("headers", {})}, {}, body), **options)


def test_an_object_is_answered_as_json_with_the_trace_id() -> None:
    response = ask(Row("GET", "/things/{id}", "things.read", lambda asked: {"id": asked.names["id"]}))

    assert response == HttpResponse(
        200, {"content-type": "application/json", "x-portkey-trace-id": "t-1"}, b'{"id": "a"}'
    )


@pytest.mark.parametrize(
    "answer",
    [
        HttpResponse(200, {"content-type": "application/jsonl"}, b'{"a": 1}\n'),
        HttpResponse(302, {"location": "https://bucket.example/object"}, b"moved"),
        HttpResponse(201, {"content-type": "application/json"}, b"{}"),
    ],
)
def test_an_answer_of_any_kind_leaves_as_it_is_with_the_trace_id(answer: HttpResponse) -> None:
    response = ask(Row("GET", "/things/{id}", "things.read", lambda asked: answer))

    assert response == HttpResponse(answer.status, {**answer.headers, "x-portkey-trace-id": "t-1"}, answer.body)


def test_a_row_gets_the_request_as_it_came_in() -> None:
    got: list[Asked] = []
    row = Row("POST", "/things/{id}/parts/{part}", "things.read", lambda asked: got.append(asked) or {})  # type: ignore[func-returns-value]

    ask(row, method="POST", path="/v1/things/a%2Fb/parts/%C3%BC", body=b"\xff\x00", deadline=7.0)

    (asked,) = got
    assert asked.names == {"id": "a/b", "part": "ü"}
    assert (asked.request.body, asked.trace_id, asked.deadline) == (b"\xff\x00", "t-1", 7.0)
    assert asked.caller is not None
    assert asked.caller.name == "tests"


def test_a_body_is_only_read_as_json_by_who_wants_it() -> None:
    row = Row("POST", "/things", "things.read", lambda asked: asked.json())

    assert json_of(ask(row, method="POST", path="/v1/things", body=b'{"a": 1}')) == {"a": 1}
    assert ask(row, method="POST", path="/v1/things", body=b"{").status == 400


def test_the_first_row_that_fits_is_taken() -> None:
    rows = [Row("GET", path, "things.read", lambda _, p=path: {"path": p}) for path in ("/things/own", "/things/{id}")]  # type: ignore[misc]

    assert json_of(ask(*rows, path="/v1/things/own")) == {"path": "/things/own"}
    assert json_of(ask(*rows, path="/v1/things/other")) == {"path": "/things/{id}"}


def test_another_method_is_told_which_ones_there_are() -> None:
    rows = [Row(method, "/things", "things.read", lambda _: {}) for method in ("GET", "POST")]

    response = ask(*rows, path="/v1/things", method="DELETE")

    assert (response.status, response.headers["allow"]) == (405, "GET, POST")


def test_a_trusted_caller_needs_no_key() -> None:
    row = Row("GET", "/things", "things.read", lambda asked: {"caller": asked.caller})

    response = ask(row, path="/v1/things", headers={"x-portkey-api-key": ""}, trusted=True)

    assert json_of(response) == {"caller": None}


def test_a_key_without_the_scope_is_refused_before_anything_is_done() -> None:
    def fail(_: Asked) -> HttpResponse:
        raise AssertionError("not to be reached")

    response = ask(Row("GET", "/things", "things.write", fail), path="/v1/things")

    assert (response.status, json_of(response)["error"]["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InvalidRequest("Wrong", param="x"), 400, "invalid_request"),
        (ValueError("quotes: Ann"), 500, "internal_error"),
    ],
)
def test_whatever_a_row_raises_is_answered_in_the_common_body(error: Exception, status: int, code: str) -> None:
    def fail(_: Asked) -> HttpResponse:
        raise error

    response = ask(Row("GET", "/things", "things.read", fail), path="/v1/things")

    assert isinstance(response.body, bytes)
    assert (response.status, json.loads(response.body)["error"]["code"]) == (status, code)
    assert b"Ann" not in response.body

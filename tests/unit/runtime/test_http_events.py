"""Events of every front door as one request, and one answer for all of them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from promptside.api.http import HttpRequest, HttpResponse
from promptside.runtime.http_events import http_request, http_result

BODY = '{"name": "Grüße"}'
V2: dict[str, Any] = {
    "version": "2.0",
    "rawPath": "/v1/prompts/hi@staging/completions",
    "headers": {"content-type": "application/json", "x-many": "a,b"},
    "queryStringParameters": {"limit": "2"},
    "requestContext": {"http": {"method": "POST", "path": "/v1/prompts/hi@staging/completions"}},
    "body": BODY,
    "isBase64Encoded": False,
}
V1: dict[str, Any] = {
    "path": "/v1/prompts/hi@staging/completions",
    "httpMethod": "POST",
    "headers": {"Content-Type": "application/json", "X-Many": "b"},
    "multiValueHeaders": {"Content-Type": ["application/json"], "X-Many": ["a", "b"]},
    "queryStringParameters": {"limit": "2"},
    "requestContext": {"httpMethod": "POST", "path": "/prod/v1/prompts/hi@staging/completions"},
    "body": BODY,
    "isBase64Encoded": False,
}


@pytest.mark.parametrize(
    ("event", "path"),
    [(V2, "/v1/prompts/hi@staging/completions"), (V1, "/prod/v1/prompts/hi@staging/completions")],
)
def test_the_events_of_both_kinds_of_api_are_the_same_request(event: dict[str, Any], path: str) -> None:
    assert http_request(event) == HttpRequest(
        "POST", path, {"content-type": "application/json", "x-many": "a,b"}, {"limit": "2"}, BODY.encode()
    )


@pytest.mark.parametrize(
    ("body", "encoded", "expected"),
    [
        (None, False, b""),
        (base64.b64encode(b"\xff\x00").decode(), True, b"\xff\x00"),
        ("not base64", True, b"not base64"),
        ("half a pair \ud83d", False, b"half a pair \xed\xa0\xbd"),
    ],
)
def test_bodies_are_bytes_whatever_a_front_door_makes_of_them(body: Any, encoded: bool, expected: bytes) -> None:
    assert http_request({**V2, "body": body, "isBase64Encoded": encoded}).body == expected


def test_what_a_front_door_leaves_out_is_empty() -> None:
    bare = {"requestContext": {"http": {"method": "GET"}}, "rawPath": "/v1/runs", "headers": None}

    assert http_request(bare) == HttpRequest("GET", "/v1/runs")


@pytest.mark.parametrize(("sent", "path"), [("/v1/files/a b", "/v1/files/a%20b"), ("/v1/files/ü", "/v1/files/%C3%BC")])
def test_a_path_that_was_decoded_is_encoded_again(sent: str, path: str) -> None:
    assert http_request({**V2, "rawPath": sent}).path == path


def test_text_is_returned_as_text() -> None:
    response = HttpResponse(200, {"content-type": "application/jsonl"}, '{"a": "ü"}\n'.encode())

    assert http_result(response) == {
        "statusCode": 200,
        "headers": {"content-type": "application/jsonl"},
        "body": '{"a": "ü"}\n',
        "isBase64Encoded": False,
    }


def test_anything_else_is_returned_in_base64() -> None:
    result = http_result(HttpResponse(200, {"content-type": "image/png"}, b"\x89PNG\xff"))

    assert (result["isBase64Encoded"], base64.b64decode(result["body"])) == (True, b"\x89PNG\xff")


class Pieces:
    """A body that is made piece by piece."""

    def __init__(self) -> None:
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        # The pieces of a character are no text by themselves.
        yield from ("ü".encode()[:1], b"", "ü".encode()[1:])

    def close(self) -> None:
        self.closed = True


def test_a_body_that_streams_is_collected_and_closed() -> None:
    body = Pieces()

    assert http_result(HttpResponse(200, {}, body))["body"] == "ü"
    assert body.closed

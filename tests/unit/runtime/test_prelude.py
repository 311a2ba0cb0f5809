from __future__ import annotations

import json
from typing import Any

import pytest

from promptside.api.http import HttpResponse
from promptside.runtime.prelude import HTTP_INTEGRATION, build_prelude, is_http_event


@pytest.mark.parametrize(
    ("event", "http"),
    [
        ({"requestContext": {"stage": "prod"}}, True),
        ({"requestContext": {}}, True),
        ({"requestContext": None}, False),
        ({"prompt_id": "welcome"}, False),
        ([], False),
        (None, False),
    ],
)
def test_an_event_with_a_request_context_came_over_http(event: Any, http: bool) -> None:
    assert is_http_event(event) is http


def test_the_prelude_is_json_and_eight_nul_bytes() -> None:
    response = HttpResponse(429, {"content-type": "application/json", "retry-after": "3"}, b"{}")

    content_type, prelude = build_prelude(response, http=True)

    assert content_type == HTTP_INTEGRATION
    assert prelude.endswith(b"}" + b"\x00" * 8)
    assert json.loads(prelude[:-8]) == {
        "statusCode": 429,
        "headers": {"content-type": "application/json", "retry-after": "3"},
    }


def test_a_newline_in_a_value_can_only_add_a_value_of_the_same_header() -> None:
    response = HttpResponse(200, {"x-note": "a\nset-cookie: b"}, b"{}")

    _, prelude = build_prelude(response, http=True)

    assert json.loads(prelude[:-8]) == {
        "statusCode": 200,
        "headers": {},
        "multiValueHeaders": {"x-note": ["a", "set-cookie: b"]},
    }


def test_a_direct_invoke_has_no_prelude() -> None:
    response = HttpResponse(200, {"content-type": "text/event-stream"}, b"data: 1\n\n")

    assert build_prelude(response, http=False) == ("text/event-stream", b"")

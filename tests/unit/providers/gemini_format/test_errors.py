from __future__ import annotations

import json
from typing import Any

import pytest

from promptside.providers.gemini_format.errors import parse_gemini_error, stream_error


def body(status: str, code: int = 400, *details: Any, message: str = "No.") -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("INVALID_ARGUMENT", (400, "invalid_request")),
        ("FAILED_PRECONDITION", (403, "provider_permission")),
        ("UNAUTHENTICATED", (401, "provider_auth")),
        ("PERMISSION_DENIED", (403, "provider_permission")),
        ("NOT_FOUND", (404, "model_not_found")),
        ("RESOURCE_EXHAUSTED", (429, "rate_limit_exceeded")),
        ("CANCELLED", (502, "provider_error")),
        ("INTERNAL", (500, "provider_error")),
        ("UNAVAILABLE", (503, "overloaded")),
        ("DEADLINE_EXCEEDED", (504, "provider_timeout")),
    ],
)
def test_an_error_inside_a_stream_has_the_status_of_its_name(name: str, expected: object) -> None:
    error = stream_error("google", body(name, 0))

    assert (error.status, error.code) == expected


@pytest.mark.parametrize("wrong", [{}, "boom", None, [], {"code": 429}, {"status": 5, "details": "x", "message": 7}])
def test_an_error_of_no_known_shape_is_still_an_error(wrong: object) -> None:
    assert stream_error("google", {"error": wrong}).status in (429, 502)


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [("31s", 31.0), ("0.25s", 0.25), ("", None), ("soon", None), (31, None), ("9" * 400 + "s", None), ("-1s", None)],
)
def test_the_time_to_wait_is_read_from_its_detail(delay: object, seconds: float | None) -> None:
    given = body("RESOURCE_EXHAUSTED", 429, {"@type": "x/google.rpc.RetryInfo", "retryDelay": delay})

    assert parse_gemini_error("google", 429, {}, json.dumps(given).encode()).retry_after == seconds


def test_a_header_outranks_the_detail() -> None:
    given = json.dumps(body("RESOURCE_EXHAUSTED", 429, {"retryDelay": "31s"})).encode()

    assert parse_gemini_error("google", 429, {"retry-after": "2"}, given).retry_after == 2.0


def test_a_list_of_one_error_is_that_error() -> None:
    error = parse_gemini_error("google", 404, {}, json.dumps([body("NOT_FOUND", 404)]).encode())

    assert (error.message, error.extra) == ("google error: No.", {"native_type": "NOT_FOUND"})


def test_what_failed_inside_google_is_not_shown() -> None:
    debug = {"@type": "type.googleapis.com/google.rpc.DebugInfo", "stackEntries": ["a.cc:1"]}
    error = parse_gemini_error("google", 500, {}, json.dumps(body("INTERNAL", 500, debug)).encode())

    assert "a.cc" not in json.dumps(error.to_body())


def test_a_key_in_a_message_is_masked() -> None:
    given = body("PERMISSION_DENIED", 403, message="Key AIzaSyA-1234567890abcdef is leaked")

    assert "1234567890" not in parse_gemini_error("google", 403, {}, json.dumps(given).encode()).message

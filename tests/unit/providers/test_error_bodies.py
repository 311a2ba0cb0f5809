from __future__ import annotations

import json
from typing import Any

import pytest

from promptside.providers.error_bodies import ErrorDetails, embedded_error, provider_error, read_details, to_error


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "a", "error": {"message": "b"}}, "message": "c"}, "a"),
        ({"error": "a", "message": "c"}, "a"),
        ({"error": {"error": {"message": "a"}}}, "a"),
        ({"message": "a", "detail": "b"}, "a"),
        ({"message": {"detail": [{"loc": ["body", "x"], "msg": "Extra inputs"}]}}, "body.x: Extra inputs"),
        ({"detail": "a"}, "a"),
        ({"detail": [{"loc": ["body", 0], "msg": "a"}, "b"]}, "body.0: a; b"),
        ({"fault": {"faultstring": "a", "detail": {"errorcode": "b"}}}, "a"),
        ([{"error": {"message": "a"}}], "a"),
        ("a", "a"),
        ({}, None),
        ([], None),
        (5, None),
        ({"error": {}}, None),
    ],
)
def test_the_message_is_found_wherever_it_stands(body: Any, message: str | None) -> None:
    assert read_details(json.dumps(body).encode()).message == message


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"error": {"code": "a"}, "code": "b"}, "a"),
        ({"error": {"message": "m", "code": None}, "code": 3280}, "3280"),
        ({"fault": {"detail": {"errorcode": "a"}}}, "a"),
        ({"statusCode": 401, "message": "m"}, "401"),
        ({"error": {"code": True}}, None),
        ({"error": {"code": ""}}, None),
    ],
)
def test_the_code_is_always_text(body: Any, code: str | None) -> None:
    assert read_details(json.dumps(body).encode()).code == code


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, (400, "invalid_request_error", "invalid_request")),
        (401, (401, "authentication_error", "provider_auth")),
        (402, (402, "invalid_request_error", "invalid_request")),
        (403, (403, "permission_error", "provider_permission")),
        (404, (404, "not_found_error", "model_not_found")),
        (408, (504, "timeout_error", "provider_timeout")),
        (413, (413, "invalid_request_error", "payload_too_large")),
        (422, (422, "invalid_request_error", "invalid_request")),
        (429, (429, "rate_limit_error", "rate_limit_exceeded")),
        (498, (498, "invalid_request_error", "invalid_request")),
        (500, (500, "api_error", "provider_error")),
        (502, (502, "api_error", "provider_error")),
        (503, (503, "overloaded_error", "overloaded")),
        (504, (504, "timeout_error", "provider_timeout")),
        (524, (524, "api_error", "provider_error")),
        (529, (503, "overloaded_error", "overloaded")),
    ],
)
def test_a_status_has_one_meaning(status: int, expected: tuple[int, str, str]) -> None:
    error = provider_error("acme", status, {}, b"")

    assert (error.status, error.type, error.code) == expected
    assert error.message.startswith("acme error: ")
    assert error.message.endswith(f"HTTP {status}")


def test_a_code_that_repeats_the_status_is_left_out() -> None:
    error = to_error("acme", 429, ErrorDetails(message="slow", code="429"))

    assert error.code == "rate_limit_exceeded"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"error": {"message": "a", "status_code": 400, "code": "tool_use_failed"}}, 400, "tool_use_failed"),
        ({"error": {"message": "a", "code": "tool_use_failed"}}, 400, "tool_use_failed"),
        ({"error": {"message": "a", "code": 429}}, 429, "rate_limit_exceeded"),
        ({"error": {"message": "a", "code": "503"}}, 503, "overloaded"),
        ({"error": {"message": "a", "type": "overloaded_error"}}, 503, "overloaded"),
        ({"error": "a"}, 502, "provider_error"),
        ({"message": "a", "code": 3230}, 502, "3230"),
    ],
)
def test_an_error_without_a_status_gets_the_one_it_would_have_had(body: Any, status: int, code: str) -> None:
    error = embedded_error("acme", body)

    assert (error.status, error.code) == (status, code)


def test_what_else_the_provider_told_is_kept_and_masked() -> None:
    body = {
        "error": {
            "message": "filtered",
            "code": "content_filter",
            "param": "prompt",
            "type": None,
            "innererror": {"note": "key sk-abcdefgh12345678", "results": [{"hate": {"filtered": True}}]},
        }
    }

    error = provider_error("acme", 400, {}, json.dumps(body).encode())

    assert error.to_body()["error"] == {
        "innererror": {"note": "key sk-***", "results": [{"hate": {"filtered": True}}]},
        "message": "acme error: filtered",
        "type": "invalid_request_error",
        "param": "prompt",
        "code": "content_filter",
    }


def test_the_wait_that_a_body_asks_for_counts_when_no_header_does() -> None:
    details = ErrorDetails(message="slow")

    assert to_error("acme", 429, details, retry_after=3.0).retry_after == 3.0
    assert to_error("acme", 429, details, headers={"retry-after": "1"}, retry_after=3.0).retry_after == 1.0


def test_a_body_nested_beyond_reason_is_no_failure_of_ours() -> None:
    error = provider_error("acme", 500, {}, b"[" * 200_000)

    assert error.status == 500


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"detail": [{"loc": ["body", "n"], "msg": "a"}]}, "n"),
        ({"detail": [{"loc": ["body", "messages", 0, "content"], "msg": "a"}]}, "messages.0.content"),
        ({"message": {"detail": [{"loc": ["body", "user"], "msg": "a"}]}}, "user"),
        ({"detail": [{"loc": ["body", "n"], "msg": "a"}, {"loc": ["body", "user"], "msg": "b"}]}, None),
        ({"detail": [{"loc": ["body"], "msg": "a"}]}, None),
        ({"detail": [{"loc": 7, "msg": "a"}]}, None),
        ({"detail": "n is wrong"}, None),
    ],
)
def test_the_only_complaint_of_a_validation_error_names_its_field(body: Any, param: str | None) -> None:
    assert read_details(json.dumps(body).encode()).param == param

from __future__ import annotations

import pytest

from promptside.providers.error_headers import forwarded_headers, retry_after_seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"x-ms-retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Mon, 23 Nov 2026 10:00:30 GMT", "date": "Mon, 23 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"retry-after": "Mon, 23 Nov 2026 09:00:00 GMT", "date": "Mon, 23 Nov 2026 10:00:00 GMT"}, 0.0),
        ({"retry-after": "Mon, 23 Nov 2026 10:00:30 GMT"}, None),
        ({"retry-after": "soon", "date": "Mon, 23 Nov 2026 10:00:00 GMT"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "-1"}, None),
        ({}, None),
    ],
)
def test_the_wait_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers) == seconds


def test_waits_limits_and_the_request_id_are_forwarded_and_nothing_else() -> None:
    headers = {
        "retry-after": "7",
        "x-ratelimit-reset-tokens": "6m0s",
        "anthropic-ratelimit-requests-remaining": "0",
        "request-id": "req_1",
        "set-cookie": "a=b",
        "content-type": "text/html",
    }

    assert forwarded_headers(headers) == {
        "retry-after": "7",
        "x-ratelimit-reset-tokens": "6m0s",
        "anthropic-ratelimit-requests-remaining": "0",
        "x-promptside-provider-request-id": "req_1",
    }

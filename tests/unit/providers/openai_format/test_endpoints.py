from __future__ import annotations

import pytest

from promptside.providers.openai_format.endpoints import bearer, join_url


@pytest.mark.parametrize(
    ("base_url", "path", "url"),
    [
        ("https://a.example/v1", "/chat/completions", "https://a.example/v1/chat/completions"),
        ("https://a.example/v1//", "/chat/completions", "https://a.example/v1/chat/completions"),
        ("https://a.example", "/chat/completions", "https://a.example/chat/completions"),
        ("https://a.example/v1/chat/completions", "/chat/completions", "https://a.example/v1/chat/completions"),
        ("https://a.example/v1/chat/completions/", "/completions", "https://a.example/v1/completions"),
        ("https://a.example/v1/completions", "/chat/completions", "https://a.example/v1/chat/completions"),
        ("https://a.example/v1/responses", "/chat/completions", "https://a.example/v1/chat/completions"),
        ("https://a.example/v1?key=a", "/responses", "https://a.example/v1/responses?key=a"),
    ],
)
def test_base_url_and_path_are_joined_as_people_write_them(base_url: str, path: str, url: str) -> None:
    assert join_url(base_url, path) == url


@pytest.mark.parametrize(
    ("key", "headers"),
    [("k", {"authorization": "Bearer k"}), ("Bearer k", {"authorization": "Bearer k"}), ("", {}), ("  ", {})],
)
def test_a_key_is_sent_as_bearer_and_no_key_as_nothing(key: str, headers: dict[str, str]) -> None:
    assert bearer({"api_key": key}) == headers

from __future__ import annotations

import pytest

from promptside.providers.masking import mask_secrets, plain_text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("key sk-proj-****abcd1234 is wrong", "key sk-*** is wrong"),
        ("sk-ant-api03-abcdefgh", "sk-***"),
        ("gsk_abcdefgh1234", "gsk_***"),
        ("AKIAIOSFODNN7EXAMPLE", "AKIA***"),
        ("AIzaSyA-abcdefgh", "AIza***"),
        ("Bearer abcdefgh.ijkl=", "Bearer ***"),
        ("a task-specific desk-top", "a task-specific desk-top"),
        ("sk-short", "sk-short"),
    ],
)
def test_what_looks_like_a_key_is_masked(text: str, masked: str) -> None:
    assert mask_secrets(text) == masked


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("<html><head><title>Oops</title></head><body></body></html>", "Oops"),
        ("<html><script>var a = 1;</script><p>Bad&nbsp;&amp;\n gone</p><!-- x --></html>", "Bad & gone"),
        ("  plain\ttext\n", "plain text"),
        ("a < b", "a < b"),
        ("x" * 900, "x" * 500),
        ("", ""),
    ],
)
def test_a_page_becomes_one_short_line(text: str, plain: str) -> None:
    assert plain_text(text) == plain


def test_a_huge_page_of_open_tags_is_read_in_no_time() -> None:
    assert plain_text("<script>" * 200_000) == ""

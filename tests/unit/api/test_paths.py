"""Paths as the SDKs send them for every base URL a user may configure."""

import pytest

from promptside.api.paths import normalise_path, path_segments


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("/v1/prompts/pp-x/completions", "/prompts/pp-x/completions"),
        ("/v1//prompts/pp-x/completions", "/prompts/pp-x/completions"),
        ("/prompts/pp-x/completions", "/prompts/pp-x/completions"),
        ("/Prod/v1/prompts/pp-x/completions", "/prompts/pp-x/completions"),
        ("/Prod/prompts/pp-x/completions", "/prompts/pp-x/completions"),
        ("//v1///prompts//pp-x/completions//", "/prompts/pp-x/completions"),
        ("/v1/prompts/pp-x%40staging/completions", "/prompts/pp-x%40staging/completions"),
        ("/prompts/v1/completions", "/prompts/v1/completions"),
        ("/v1/prompts/v1/completions", "/prompts/v1/completions"),
        ("/v1/v1/prompts/x/generate", "/v1/prompts/x/generate"),
        ("/", "/"),
        ("", "/"),
    ],
)
def test_stage_version_and_extra_slashes_are_removed(raw: str, normal: str) -> None:
    assert normalise_path(raw) == normal


def test_segments_are_decoded_after_the_split_so_an_encoded_slash_stays_inside_its_segment() -> None:
    assert path_segments("/v1/prompts/a%2Fb%40staging/completions") == ("prompts", "a/b@staging", "completions")

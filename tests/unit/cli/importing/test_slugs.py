from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.importing.slugs import slug_of, slugs_of
from promptside.store.names import RESERVED_SLUGS, is_slug


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("movie-critic", "movie-critic"),
        ("pmpt_68ab", "pmpt_68ab"),
        ("Support / First answer", "Support-First-answer"),
        ("Café été", "Cafe-ete"),
        ("-dash_", "dash"),
        ("partials", "prompt-partials"),
        ("undefined!", "prompt-undefined"),
        ("3f0c0d5e-0000-4000-8000-000000000001", "prompt-3f0c0d5e-0000-4000-8000-000000000001"),
        ("プロンプト", "prompt-1054ac"),
        ("x" * 300, "x" * 128),
    ],
)
def test_a_name_gives_a_slug(name: str, slug: str) -> None:
    assert slug_of(name) == slug


@given(st.lists(st.text(min_size=1), unique=True, max_size=8))
def test_slugs_are_valid_and_different(names: list[str]) -> None:
    slugs = slugs_of(names)

    assert all(is_slug(slug) and slug.lower() not in RESERVED_SLUGS for slug in slugs.values())
    assert len(set(slugs.values())) == len(names)


def test_the_order_of_names_makes_no_difference() -> None:
    results = [slugs_of(names) for names in itertools.permutations(["a b", "a/b", "a-b"])]

    assert all(result == results[0] for result in results)
    assert results[0]["a-b"] == "a-b"

"""How names of prompts are read."""

import pytest

from promptside.schema.prompt import Reference, parse_reference


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("pp-x", Reference("pp-x")),
        ("pp-x@12", Reference("pp-x", "12")),
        ("pp-x@staging", Reference("pp-x", "staging")),
        ("pp-x@", Reference("pp-x", "")),
        ("pp-x@a@b", Reference("pp-x", "a@b")),
    ],
)
def test_a_reference_is_split_at_its_first_at_sign(text: str, reference: Reference) -> None:
    assert parse_reference(text) == reference

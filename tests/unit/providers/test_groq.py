from __future__ import annotations

from typing import Any

import pytest

from promptside.providers.groq import read_groq_extras

COUNTS = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"x_groq": {"usage": COUNTS}}, {"usage": COUNTS}),
        ({"x_groq": {"usage": {"dram_cached_tokens": 3}}, "usage": COUNTS}, {"usage": COUNTS}),
        ({"x_groq": {"error": "over capacity"}}, {"error": "over capacity"}),
        ({"x_groq": {"error": "second"}, "error": {"message": "first"}}, {"error": {"message": "first"}}),
        ({"x_groq": {"id": "req_1"}}, {}),
        ({"x_groq": None}, {}),
        ({}, {}),
    ],
)
def test_extras_take_their_usual_places_unless_these_are_taken(given: dict[str, Any], expected: dict[str, Any]) -> None:
    extras = {"x_groq": given["x_groq"]} if "x_groq" in given else {}

    read_groq_extras(given)

    assert given == {**extras, **expected}

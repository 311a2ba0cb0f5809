from __future__ import annotations

from typing import Any

import pytest

from promptside.providers.openai_format.together_logprobs import as_count, chat_logprobs, text_logprobs


def token(text: str, logprob: float, *alternatives: tuple[str, float]) -> dict[str, Any]:
    top = [{"token": other, "logprob": value, "bytes": None} for other, value in alternatives]
    return {"token": text, "logprob": logprob, "bytes": None, "top_logprobs": top}


@pytest.mark.parametrize(
    ("given", "alternatives", "expected"),
    [
        (True, 5, 5),
        (True, None, 1),
        (True, 0, 1),
        (True, "many", 1),
        (False, 5, None),
        (None, 5, None),
        (3, None, 3),
        (0, 5, 0),
    ],
)
def test_a_switch_and_a_number_become_one_number(given: Any, alternatives: Any, expected: Any) -> None:
    assert as_count(given, alternatives) == expected


@pytest.mark.parametrize(
    ("logprobs", "content"),
    [
        ({"tokens": ["a", "b"], "token_logprobs": [-1, -0.5]}, [token("a", -1.0), token("b", -0.5)]),
        (
            {"tokens": ["a"], "token_logprobs": [-1.0], "top_logprobs": {"a": -1.0, "b": -2.0}},
            [token("a", -1.0, ("a", -1.0), ("b", -2.0))],
        ),
        (
            {"tokens": ["a", "b"], "token_logprobs": [-1.0, -2.0], "top_logprobs": [{"a": -1.0}, None]},
            [token("a", -1.0, ("a", -1.0)), token("b", -2.0)],
        ),
        (
            {"tokens": ["a", "b"], "token_logprobs": [-1.0, -2.0], "top_logprobs": {"a": -1.0}},
            [token("a", -1.0), token("b", -2.0)],
        ),
    ],
)
def test_parallel_lists_get_the_form_of_openai_beside_their_own(logprobs: dict[str, Any], content: Any) -> None:
    choice = {"logprobs": logprobs}

    chat_logprobs(choice)

    assert choice == {"logprobs": {**logprobs, "content": content}}


@pytest.mark.parametrize(
    "logprobs",
    [
        {"tokens": ["a", "b"], "token_logprobs": [-1.0]},
        {"tokens": ["a"], "token_logprobs": [None]},
        {"tokens": [1], "token_logprobs": [-1.0]},
        {"tokens": None},
        {"content": [token("a", -1.0)], "tokens": ["a"], "token_logprobs": [-1.0]},
        {},
    ],
)
def test_what_does_not_align_or_is_right_already_stays(logprobs: dict[str, Any]) -> None:
    choice = {"logprobs": logprobs}

    chat_logprobs(choice)

    assert choice == {"logprobs": logprobs}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (
            {"logprobs": -0.25, "delta": {"content": "Ki"}, "top_logprobs": {"Ki": -0.25, "Da": -3.0}},
            {"logprobs": {"content": [token("Ki", -0.25, ("Ki", -0.25), ("Da", -3.0))]}},
        ),
        ({"logprobs": 0, "delta": {"content": ""}}, {"logprobs": None, "native_logprobs": 0}),
        ({"logprobs": -0.25, "delta": None}, {"logprobs": None, "native_logprobs": -0.25}),
    ],
)
def test_the_number_of_a_chunk_belongs_to_its_delta(choice: dict[str, Any], expected: dict[str, Any]) -> None:
    before = dict(choice)

    chat_logprobs(choice)

    assert choice == {**before, **expected}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"text": "a", "logprobs": -1}, {"logprobs": {"tokens": ["a"], "token_logprobs": [-1.0]}}),
        (
            {"logprobs": {"tokens": ["a"], "top_logprobs": {"a": -1.0}}},
            {"logprobs": {"tokens": ["a"], "top_logprobs": [{"a": -1.0}]}},
        ),
        (
            {"logprobs": {"tokens": ["a", "b"], "top_logprobs": {"a": -1.0}}},
            {
                "logprobs": {"tokens": ["a", "b"]},
                "native_logprobs": {"tokens": ["a", "b"], "top_logprobs": {"a": -1.0}},
            },
        ),
        ({"logprobs": {"tokens": ["a"]}}, {"logprobs": {"tokens": ["a"]}}),
    ],
)
def test_log_probabilities_of_text_are_lists(given: dict[str, Any], expected: dict[str, Any]) -> None:
    before = dict(given)

    text_logprobs(given)

    assert given == {**before, **expected}

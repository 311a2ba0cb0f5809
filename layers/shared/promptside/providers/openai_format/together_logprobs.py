"""Log probabilities between OpenAI's form and Together's, which counts alternatives and answers in parallel lists.

The forms are those of together 3.1.1, read 2026-11-23.
"""

from __future__ import annotations

from typing import Any

from promptside.errors import JsonObject


def as_count(given: Any, alternatives: Any) -> Any:
    """Return Together's `logprobs`, the number of alternatives per token, for OpenAI's pair; None for none.

    A number is Together's own form (and that of text completions) and stays.
    """
    if given is True:
        return alternatives if type(alternatives) is int and alternatives > 0 else 1
    return None if given is False else given


def chat_logprobs(choice: JsonObject) -> None:
    """Give the `logprobs` of a chat choice OpenAI's form, in place.

    `{"tokens": ["a"], "token_logprobs": [-0.1]}` gets a `content` list beside its own keys. A chunk's bare number is
    that of its delta. What cannot be matched with tokens moves to `native_logprobs`.
    """
    given = choice.get("logprobs")
    if isinstance(given, dict):
        content = _content(given)
        if content is not None and "content" not in given:
            choice["logprobs"] = {**given, "content": content}
    elif isinstance(given, int | float):
        delta = choice.get("delta")
        token = delta.get("content") if isinstance(delta, dict) else None
        choice["logprobs"] = None
        if isinstance(token, str) and token:
            choice["logprobs"] = {"content": [_entry(token, float(given), choice.get("top_logprobs"))]}
        else:
            choice["native_logprobs"] = given


def text_logprobs(choice: JsonObject) -> None:
    """Give the `logprobs` of a text choice OpenAI's form, in place: lists, also of a single token."""
    given = choice.get("logprobs")
    if isinstance(given, int | float):
        choice["logprobs"] = {"tokens": [choice.get("text") or ""], "token_logprobs": [float(given)]}
    elif isinstance(given, dict) and isinstance(given.get("top_logprobs"), dict):
        alternatives = given["top_logprobs"]
        tokens = given.get("tokens")
        single = isinstance(tokens, list) and len(tokens) == 1
        kept = {name: value for name, value in given.items() if name != "top_logprobs"}
        choice["logprobs"] = {**kept, "top_logprobs": [alternatives]} if single else kept
        if not single:
            choice["native_logprobs"] = given


def _content(given: JsonObject) -> list[JsonObject] | None:
    tokens, values = given.get("tokens"), given.get("token_logprobs")
    if not isinstance(tokens, list) or not isinstance(values, list) or len(tokens) != len(values):
        return None
    if not all(isinstance(token, str) for token in tokens) or not all(isinstance(item, int | float) for item in values):
        return None
    return [
        _entry(token, float(value), alternatives)
        for token, value, alternatives in zip(tokens, values, _aligned(given, len(tokens)), strict=True)
    ]


def _aligned(given: JsonObject, count: int) -> list[Any]:
    """Return the alternatives of each token; one mapping belongs to an only token."""
    alternatives = given.get("top_logprobs")
    if isinstance(alternatives, list) and len(alternatives) == count:
        return alternatives
    return [alternatives] if count == 1 else [None] * count


def _entry(token: str, logprob: float, alternatives: Any) -> JsonObject:
    known = alternatives if isinstance(alternatives, dict) else {}
    top = [_token(other, float(value)) for other, value in known.items() if isinstance(value, int | float)]
    return {**_token(token, logprob), "top_logprobs": top}


def _token(token: str, logprob: float) -> JsonObject:
    return {"token": token, "logprob": logprob, "bytes": None}

"""The price list: what it knows, and that every entry of it can be used."""

import json
from pathlib import Path

import pytest

from promptside.providers import prices
from promptside.providers.prices import find_price, knows_model
from promptside.providers.registry import MODULES


def test_a_known_model_has_the_highest_of_its_prices() -> None:
    price = find_price("anthropic", "claude-haiku-5-5-20261001")

    assert price is not None
    assert (price.input, price.output, price.currency) == (0.5, 2.5, "USD")
    assert price.source.startswith("genai-prices ")


@pytest.mark.parametrize(
    ("provider", "model", "known"),
    [("openai", "gpt-9", False), ("openai", "whisper-1", True), ("ai21", "jamba-large", None), ("custom", "x", None)],
)
def test_what_has_no_price_by_token_has_none(provider: str, model: str, known: bool | None) -> None:
    assert find_price(provider, model) is None
    assert knows_model(provider, model) is known


def test_vertex_has_googles_prices() -> None:
    assert find_price("vertex-ai", "gemini-2.5-pro") == find_price("google", "gemini-2.5-pro") is not None


def test_every_entry_can_be_matched_and_no_price_is_negative() -> None:
    document = json.loads(Path(prices.__file__).with_name("prices.json").read_text())

    assert document["providers"].keys() <= MODULES.keys()
    for provider, models in document["providers"].items():
        assert knows_model(provider, "\x00") is False
        assert all(set(model) in ({"match"}, {"match", "input", "output"}) for model in models)
        assert all(model.get("input", 0) >= 0 and model.get("output", 0) >= 0 for model in models)

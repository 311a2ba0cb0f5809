"""What calls may use at most, and what they have used."""

from typing import Any

import pytest

from promptside.attempts.once import prepare
from promptside.errors import JsonObject
from promptside.exchange import Prepared
from promptside.metering.amounts import Need, need_of, used_of
from promptside.metering.limits import Type
from promptside.schema.prompt import Reference
from promptside.schema.request import RunRequest
from tests.product import MemorySecrets, Product, prompt


def prepared(model: str = "gpt-4o-mini", host: str | None = None, **overrides: Any) -> Prepared:
    """Prepare a call of `Hi Ann` at OpenAI, whose prompt is estimated at 9 tokens."""
    secrets = {"api_key": "sk-1", **({} if host is None else {"custom_host": host})}
    product = Product("", version=prompt(model=model), secrets=MemorySecrets([secrets]))
    request = RunRequest(Reference("hi"), variables={"name": "Ann"}, overrides=overrides)
    resolution = product.prompts.resolve(request.reference, key_digest=None)
    return prepare(product.services, request, resolution, reload=lambda: resolution)


@pytest.mark.parametrize(
    ("overrides", "tokens", "bounded"),
    [
        ({"max_tokens": 10}, 19, True),
        ({"max_completion_tokens": 10}, 19, True),
        ({"max_tokens": 10, "n": 3}, 39, True),
        ({}, 9 + 4096, False),
    ],
)
def test_the_prompt_is_estimated_and_the_answer_may_be_as_long_as_it_can(
    overrides: dict[str, Any], tokens: int, bounded: bool
) -> None:
    need = need_of(prepared(**overrides))

    assert (need.tokens, need.bounded) == (tokens, bounded)


def test_cost_is_counted_in_billionths_of_a_dollar() -> None:
    """0.15 USD a million tokens asked, 0.60 USD a million answered."""
    assert need_of(prepared(max_tokens=10)) == Need(19, 9 * 150 + 10 * 600, bounded=True)


@pytest.mark.parametrize(
    "overrides",
    [{"max_tokens": 10, "n": -5}, {"max_tokens": 10, "service_tier": "priority"}, {"max_tokens": 10, "n": "2"}],
)
def test_no_parameter_makes_a_call_cheaper_than_it_is(overrides: dict[str, Any]) -> None:
    assert need_of(prepared(**overrides)) == Need(19, 9 * 150 + 10 * 600, bounded=True)


@pytest.mark.parametrize("limit", [0, -1000])
def test_a_limit_that_is_none_is_not_believed(limit: int) -> None:
    assert need_of(prepared(max_tokens=limit)).tokens == 9 + 4096


@pytest.mark.parametrize("unpriced", [{"model": "own-model"}, {"host": "https://llm.example/v1"}])
def test_no_price_is_no_cost_rather_than_nothing(unpriced: dict[str, Any]) -> None:
    assert need_of(prepared(max_tokens=10, **unpriced)).cost is None


@pytest.mark.parametrize(
    ("usage", "of_type", "used"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 6}, "tokens", 6),
        ({"prompt_tokens": 3, "completion_tokens": 2}, "tokens", 5),
        ({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}, "cost", 3 * 150 + 2 * 600),
        ({"prompt_tokens": 3, "prompt_tokens_details": {"audio_tokens": 2}}, "cost", None),
        ({}, "tokens", None),
        (None, "cost", None),
    ],
)
def test_what_was_used_is_what_the_provider_counted(usage: JsonObject | None, of_type: Type, used: int | None) -> None:
    assert used_of(prepared(), usage, of_type) == used

"""What a run's record says it has cost."""

import pytest

from promptside.events.base import Order, Outcome
from promptside.events.summaries import ended_of

USAGE = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}


@pytest.mark.parametrize(("status", "cost"), [("DISABLED", 0.00045), ("MISS", 0.00045), ("HIT", 0.0)])
def test_an_answer_from_the_cache_costs_nothing(status: str, cost: float) -> None:
    order = Order("run-1", "/v1/prompts/hi/completions")
    body = {"model": "gpt-4o-mini", "provider": "openai", "usage": USAGE}

    ended = ended_of(Outcome(order, 200, body, {"x-portkey-cache-status": status}))

    assert ended["usage"] == USAGE
    assert ended["cost_usd"] == pytest.approx(cost)

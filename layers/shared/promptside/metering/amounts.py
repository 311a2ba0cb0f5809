"""What one call may use at most, by estimate, and what it has used, by the provider's own count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from promptside.cost import answer_limit, cost_in_usd, estimated_tokens
from promptside.exchange import Prepared
from promptside.metering.limits import Type, counted
from promptside.providers.fields import CUSTOM_HOST

DEFAULT_ANSWER_TOKENS = 4096
"""Held for the answer of a call that sets no limit to it."""


@dataclass(frozen=True, slots=True)
class Need:
    """What is held for a call. `cost` is in billionths of a dollar, None where no price is known.

    `bounded` says that the call itself limits its answer: then it cannot use much more.
    """

    tokens: int
    cost: int | None
    bounded: bool

    def of(self, of_type: Type) -> int | None:
        """Return the amount of one type."""
        if of_type == "requests":
            return 1
        return self.tokens if of_type == "tokens" else self.cost


def need_of(prepared: Prepared) -> Need:
    """Estimate the prompt's tokens and add the most that the answer may have.

    Whatever a caller writes into its parameters, nothing is ever reserved below zero.
    """
    call = prepared.call
    asked = estimated_tokens({**call.parameters, "messages": call.messages, "prompt": call.prompt})
    limit = answer_limit(prepared.request)
    bounded = limit is not None and limit > 0
    answered = (limit if limit is not None and bounded else DEFAULT_ANSWER_TOKENS) * _answers(call.parameters)
    return Need(asked + answered, _cost(prepared, asked, answered), bounded)


def used_of(prepared: Prepared, usage: Mapping[str, Any] | None, of_type: Type) -> int | None:
    """Return what the provider counted, None when that is not known."""
    if not usage:
        return None
    if of_type == "cost":
        amount = cost_in_usd(_priced_by(prepared), prepared.call.model, dict(usage))
        return None if amount is None else counted("cost", amount)
    total = usage.get("total_tokens")
    if isinstance(total, int):
        return total
    parts = [usage.get("prompt_tokens"), usage.get("completion_tokens")]
    return sum(part for part in parts if isinstance(part, int)) if any(isinstance(p, int) for p in parts) else None


def _answers(parameters: Mapping[str, Any]) -> int:
    counts = [parameters.get(name) for name in ("n", "best_of")]
    return max([1, *(count for count in counts if isinstance(count, int))])


def _cost(prepared: Prepared, asked: int, answered: int) -> int | None:
    """Return the cost by the list, also for service tiers: a budget must not end where a caller names one."""
    usage = {"prompt_tokens": asked, "completion_tokens": answered}
    amount = cost_in_usd(_priced_by(prepared), prepared.call.model, usage)
    return None if amount is None else counted("cost", amount)


def _priced_by(prepared: Prepared) -> str | None:
    """Return the provider whose prices count: nobody's behind a host of one's own."""
    return None if CUSTOM_HOST.name in prepared.target.settings else prepared.provider.name

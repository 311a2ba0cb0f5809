"""What a config would call first, found out without calling anybody."""

from __future__ import annotations

from dataclasses import dataclass

from promptside.attempts.applying import facts_of, request_for, resolution_for
from promptside.routing.choosing import by_condition, heaviest, sticky
from promptside.routing.conditions import Facts
from promptside.routing.config import Option
from promptside.schema.prompt import Resolution
from promptside.schema.request import RunRequest


@dataclass(frozen=True, slots=True)
class First:
    """The first target, and the run as it gets it. `drawn` are the load balancers that leave it to chance."""

    option: Option
    request: RunRequest
    resolution: Resolution
    drawn: tuple[str, ...]


def first_choice(option: Option, request: RunRequest, resolution: Resolution) -> First:
    """Return the target that is tried first: of what is left to chance, the likeliest.

    What circuit breakers say at the moment is left aside.
    """
    facts = facts_of(request, resolution.prompt)
    drawn: list[str] = []
    while option.targets:
        index = _index(option, facts)
        if index is None:
            drawn.append(option.path)
            index = heaviest(option.targets)
        option = option.targets[index]
    return First(option, request_for(option, request), resolution_for(option, resolution), tuple(drawn))


def _index(option: Option, facts: Facts) -> int | None:
    """Return the target that the facts lead to, None for one that is drawn."""
    match option.strategy.mode:
        case "conditional":
            return by_condition(option.strategy, option.targets, facts)
        case "loadbalance" if sum(target.weight > 0 for target in option.targets) > 1:
            return sticky(option.strategy, option.targets, facts)
        case "loadbalance":
            return heaviest(option.targets)
    return 0

"""Chooses one of several targets: by weight, by a stable hash of what stays the same, or by conditions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from promptside.drawing import by_chance, by_value
from promptside.routing.conditions import Facts
from promptside.routing.config import Option
from promptside.routing.strategy import Strategy


def by_weight(targets: Sequence[Option], random: Callable[[], float]) -> int:
    """Return the index of a target, drawn with a chance proportional to its weight. `random` gives [0, 1)."""
    return by_chance([target.weight for target in targets], random())


def by_hash(targets: Sequence[Option], value: str) -> int:
    """Return the same target for the same value, each with a share proportional to its weight.

    What tells targets apart is their own name or place.
    """
    return by_value([(target.name or target.path, target.weight) for target in targets], value)


def by_condition(strategy: Strategy, targets: Sequence[Option], facts: Facts) -> int:
    """Return the target of the first condition that holds, else the default one."""
    held = (condition.then for condition in strategy.conditions if condition.query.holds(facts))
    wanted = next(held, strategy.default)
    return next(index for index, target in enumerate(targets) if target.name == wanted)


def balanced(strategy: Strategy, targets: Sequence[Option], facts: Facts, random: Callable[[], float]) -> int:
    """Return the target of a load balancer: sticky if the request has all the fields for it."""
    index = sticky(strategy, targets, facts)
    return by_weight(targets, random) if index is None else index


def sticky(strategy: Strategy, targets: Sequence[Option], facts: Facts) -> int | None:
    """Return the target that the request always gets, None when it lacks a field for that, or nothing is sticky."""
    values = [facts.value(name) for name in strategy.sticky]
    if not values or any(value is None for value in values):
        return None
    return by_hash(targets, "\n".join(f"{name}={value}" for name, value in zip(strategy.sticky, values, strict=True)))


def heaviest(targets: Sequence[Option]) -> int:
    """Return the target that is drawn most often, the first of equals."""
    return max(range(len(targets)), key=lambda index: targets[index].weight)

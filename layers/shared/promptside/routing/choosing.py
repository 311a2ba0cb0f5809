"""Chooses one of several targets: by weight, by a stable hash of what stays the same, or by conditions."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence

from promptside.routing.conditions import Facts
from promptside.routing.config import Option
from promptside.routing.strategy import Strategy


def by_weight(targets: Sequence[Option], random: Callable[[], float]) -> int:
    """Return the index of a target, drawn with a chance proportional to its weight. `random` gives [0, 1)."""
    left = random() * sum(target.weight for target in targets)
    last = 0
    for index, target in enumerate(targets):
        if target.weight == 0:
            continue
        last = index
        left -= target.weight
        if left < 0:
            break
    # What rounding leaves over belongs to the last one that has a weight.
    return last


def by_hash(targets: Sequence[Option], value: str) -> int:
    """Return the same target for the same value, each with a share proportional to its weight.

    Every target draws a number from the value and its own name or place; the highest wins (weighted rendezvous
    hashing). So a change of weights or targets moves no more values than it must.
    """
    scores = [
        _score(f"{target.name or target.path}\n{value}", target.weight) if target.weight else -math.inf
        for target in targets
    ]
    return scores.index(max(scores))


def by_condition(strategy: Strategy, targets: Sequence[Option], facts: Facts) -> int:
    """Return the target of the first condition that holds, else the default one."""
    held = (condition.then for condition in strategy.conditions if condition.query.holds(facts))
    wanted = next(held, strategy.default)
    return next(index for index, target in enumerate(targets) if target.name == wanted)


def balanced(strategy: Strategy, targets: Sequence[Option], facts: Facts, random: Callable[[], float]) -> int:
    """Return the target of a load balancer: sticky if the request has all the fields for it."""
    values = [facts.value(name) for name in strategy.sticky]
    if not values or any(value is None for value in values):
        return by_weight(targets, random)
    return by_hash(targets, "\n".join(f"{name}={value}" for name, value in zip(strategy.sticky, values, strict=True)))


def _score(text: str, weight: float) -> float:
    drawn = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8])
    # Strictly between 0 and 1, so that its logarithm is finite and below zero.
    return -weight / math.log((drawn + 0.5) / 2**64)

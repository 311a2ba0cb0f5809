"""Shares: one of several things, drawn by weight, or always the same one for the same value."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

Share = tuple[str, float]
"""A name that stays the same, and a weight of at least 0; of several, one must be above zero."""


def by_chance(weights: Sequence[float], number: float) -> int:
    """Return an index with a chance proportional to its weight. `number` is drawn from [0, 1)."""
    left = number * sum(weights)
    last = 0
    for index, weight in enumerate(weights):
        if weight == 0:
            continue
        last = index
        left -= weight
        if left < 0:
            break
    # What rounding leaves over belongs to the last one that has a weight.
    return last


def by_value(shares: Sequence[Share], value: str) -> int:
    """Return the same index for the same value, each with a share proportional to its weight.

    Every one draws a number from the value and its own name; the highest wins (weighted rendezvous hashing). So a
    change of weights or names moves no more values than it must.
    """
    scores = [_score(f"{name}\n{value}", weight) if weight else -math.inf for name, weight in shares]
    return scores.index(max(scores))


def _score(text: str, weight: float) -> float:
    drawn = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8])
    # Strictly between 0 and 1, so that its logarithm is finite and below zero.
    return -weight / math.log((drawn + 0.5) / 2**64)

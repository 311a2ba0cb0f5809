"""Choosing a target: weights are kept, and a sticky choice stays."""

from collections import Counter

import pytest

from promptside.routing.choosing import balanced, by_hash, by_weight
from promptside.routing.conditions import Facts
from promptside.routing.config import Option, parse_config
from promptside.routing.strategy import Strategy


def targets(*weights: float) -> tuple[Option, ...]:
    config = {"strategy": {"mode": "loadbalance"}, "targets": [{"weight": weight} for weight in weights]}
    return parse_config(config).targets


@pytest.mark.parametrize(
    ("weights", "drawn", "index"),
    [
        ((1, 1), 0.0, 0),
        ((1, 1), 0.49, 0),
        ((1, 1), 0.5, 1),
        ((0, 1), 0.0, 1),
        ((1, 0), 0.9999999, 0),
        ((0.1, 0.2, 0.7), 0.31, 2),
        ((5, 95), 0.049, 0),
        ((5, 95), 0.051, 1),
    ],
)
def test_a_target_is_drawn_by_its_weight(weights: tuple[float, ...], drawn: float, index: int) -> None:
    assert by_weight(targets(*weights), lambda: drawn) == index


def test_a_hash_gives_each_target_its_share() -> None:
    chosen = Counter(by_hash(targets(95, 5, 0), f"user-{number}") for number in range(4000))

    assert 120 < chosen[1] < 280
    assert chosen[2] == 0


def test_more_weight_for_one_target_moves_values_to_it_only() -> None:
    users = [f"user-{number}" for number in range(1000)]
    before = [by_hash(targets(1, 1), user) for user in users]
    after = [by_hash(targets(1, 3), user) for user in users]

    assert all(new == 1 for old, new in zip(before, after, strict=True) if old != new)


def test_without_one_of_its_fields_a_sticky_choice_is_drawn() -> None:
    strategy = Strategy("loadbalance", sticky=("metadata.user", "params.model"))
    facts = Facts({"user": "u"}, {}, "/")

    assert [balanced(strategy, targets(1, 1), facts, lambda drawn=drawn: drawn) for drawn in (0.0, 0.9)] == [0, 1]  # type: ignore[misc]

"""Which label a run draws, with nothing stored."""

from collections import Counter

from promptside.schema.experiment import Experiment
from promptside.store.lots import Lots

SHARES = (("production", 95.0), ("candidate", 5.0), ("paused", 0.0))


def test_labels_get_their_shares_of_two_thousand_users() -> None:
    experiment = Experiment("user_id", SHARES)

    counted = Counter(Lots({"user_id": f"u{user}"}).label(experiment, "p1") for user in range(2_000))

    # The chance of being further off is below one in a million.
    assert 52 <= counted["candidate"] <= 150
    assert counted["production"] + counted["candidate"] == 2_000


def test_a_value_draws_the_same_label_whatever_the_order_of_labels_is() -> None:
    turned = tuple(reversed(SHARES))

    for user in range(200):
        lots = Lots({"user_id": f"u{user}"})
        assert lots.label(Experiment("user_id", SHARES), "p1") == lots.label(Experiment("user_id", turned), "p1")


def test_an_empty_value_is_a_value() -> None:
    def never() -> float:
        raise AssertionError("drawn by chance")

    assert Lots({"user_id": ""}, never).label(Experiment("user_id", SHARES), "p1") in ("production", "candidate")


def test_without_the_field_a_run_draws_one_number_for_all_its_prompts() -> None:
    numbers = iter([0.5])
    lots = Lots({}, lambda: next(numbers))
    even = Experiment("user_id", (("a", 1.0), ("b", 1.0)))

    assert [lots.label(even, prompt) for prompt in ("p1", "p2")] == ["b", "b"]

"""Counters on real engines: exact under a condition, whatever comes at once or gets lost."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from promptside.errors import ConfigurationError, StoreUnavailable
from promptside.store.patience import Patience
from promptside.store.usage import Counter, UsageStore, Use
from tests.engines import Engine
from tests.store_proxy import StoreProxy, broken, lost_answer, throttled

RATE = Counter("api_key#k1", "requests#rpm#1795300020", expires_at=1_795_303_680)
BUDGET = Counter("prompt#p1", "budget#cost#monthly#1793491200#0#0")
PATIENCE = Patience(attempts=3, sleep=lambda _seconds: None)


@dataclass(frozen=True)
class Counters:
    store: UsageStore
    rates: str
    budgets: str
    engine: Engine

    def item(self, table: str, counter: Counter) -> object:
        key = {"pk": {"S": f"team#usage#{counter.subject}"}, "sk": {"S": counter.window}}
        found = self.engine.client("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True).get("Item", {})
        return {name: next(iter(value.values())) for name, value in found.items() if name not in ("pk", "sk")}


@pytest.fixture
def counters(any_engine: Engine) -> Counters:
    rates, budgets = any_engine.new_table(), any_engine.new_table()
    store = UsageStore(any_engine.client("dynamodb"), rates=rates, budgets=budgets, workspace="team")
    return Counters(store, rates, budgets, any_engine)


def test_an_amount_is_taken_while_it_fits(counters: Counters) -> None:
    uses = [counters.store.take(RATE, amount, most=10) for amount in (4, 6, 1)]

    assert [(use.used, use.taken) for use in uses[:2]] == [(4, True), (10, True)]
    assert uses[2].taken is False


def test_what_there_is_comes_with_the_refusal(engine: Engine) -> None:
    store = UsageStore(engine.client("dynamodb"), rates=engine.new_table(), budgets="b", workspace="team")
    store.take(RATE, 7, most=10)

    assert store.take(RATE, 4, most=10) == Use(7, taken=False)


def test_of_many_at_once_exactly_as_many_fit_as_there_is_room(counters: Counters) -> None:
    with ThreadPoolExecutor(16) as pool:
        uses = list(pool.map(lambda _: counters.store.take(BUDGET, 3, most=100), range(60)))

    assert sum(use.taken for use in uses) == 33
    assert counters.store.read([BUDGET]) == [99]


def test_a_rates_count_expires_and_a_budgets_does_not(counters: Counters) -> None:
    counters.store.take(RATE, 1, most=10)
    counters.store.take(BUDGET, 1, most=10)

    assert counters.item(counters.rates, RATE) == {"used": "1", "expires_at": "1795303680"}
    assert counters.item(counters.budgets, BUDGET) == {"used": "1"}


def test_a_count_is_corrected_in_both_directions_beyond_any_limit(counters: Counters) -> None:
    counters.store.take(BUDGET, 5, most=5)

    assert counters.store.add(BUDGET, 4).used == 9
    assert counters.store.add(BUDGET, -7).used == 2


def test_one_of_many_is_told_to_raise_the_alarm(counters: Counters) -> None:
    counters.store.add(BUDGET, 5)

    assert [counters.store.alert(BUDGET), counters.store.alert(BUDGET)] == [True, False]
    assert counters.store.add(BUDGET, 1) == Use(6, alerted=True)


def test_what_was_never_used_is_nothing(counters: Counters) -> None:
    counters.store.add(BUDGET, 5)
    other = Counter("prompt#p2", BUDGET.window)

    assert counters.store.read([other, BUDGET]) == [0, 5]
    assert counters.store.read([]) == []


def test_rates_need_the_run_table() -> None:
    store = UsageStore(None, rates=None, budgets="b", workspace="team")

    with pytest.raises(ConfigurationError, match="PROMPTSIDE_RUN_TABLE"):
        store.take(RATE, 1, most=10)


@pytest.fixture
def proxied(engine: Engine) -> Iterator[tuple[UsageStore, StoreProxy]]:
    with StoreProxy(engine.url) as proxy:
        client = engine.new_client("dynamodb", url=proxy.url)
        yield (
            UsageStore(client, rates=engine.new_table(), budgets="b", workspace="team", patience=PATIENCE),
            proxy,
        )


def test_a_throttled_count_is_tried_again(proxied: tuple[UsageStore, StoreProxy]) -> None:
    store, proxy = proxied
    proxy.next_answers.append(throttled)

    assert store.take(RATE, 2, most=10) == Use(2)


@pytest.mark.parametrize("fault", [lost_answer, broken])
def test_a_count_that_may_have_happened_is_not_repeated(proxied: tuple[UsageStore, StoreProxy], fault: object) -> None:
    store, proxy = proxied
    proxy.next_answers.append(fault)  # type: ignore[arg-type]

    with pytest.raises(StoreUnavailable):
        store.take(RATE, 2, most=10)

    assert len(proxy.operations) == 1
    assert store.take(RATE, 1, most=10).used == (3 if fault is lost_answer else 1)

"""When a circuit opens and closes, over a clock that only the test moves; without a table a process is on its own."""

import io
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from promptside.routing.breakers import REFRESH_SECONDS, Breakers, Circuit, circuit_of
from promptside.routing.config import parse_config
from promptside.routing.settings import CircuitBreaker
from promptside.store.breakers import BreakerStore
from tests.engines import Engine
from tests.store_proxy import StoreProxy, broken

NOW = 1_795_300_000.0
COOLDOWN = 60.0


def circuit(**rules: int) -> Circuit:
    found = parse_config({"cb_config": {"cooldown_interval": 60_000, **rules}}).circuit_breaker
    assert found is not None
    return Circuit("d1", "config", found)


def open_after(breakers: Breakers, of: Circuit, outcomes: str) -> bool:
    """Report outcomes, `x` for a failure and `.` for a success, a second apart; return whether the circuit is open."""
    for second, outcome in enumerate(outcomes):
        (breakers.failed if outcome == "x" else breakers.answered)(of, NOW + second)
    return breakers.is_open(of, NOW + len(outcomes))


@pytest.mark.parametrize(
    ("rules", "outcomes", "opens"),
    [
        ({"failure_threshold": 3}, "xx", False),
        ({"failure_threshold": 3}, "xxx", True),
        ({"failure_threshold": 3}, "x.x..x", True),
        ({"failure_threshold_percentage": 50, "minimum_requests": 4}, "xxx", False),
        ({"failure_threshold_percentage": 50, "minimum_requests": 4}, "..xx", True),
        ({"failure_threshold_percentage": 50, "minimum_requests": 4}, "...xx", False),
        ({"failure_threshold_percentage": 50}, "xxxxxxxxx", False),
        ({"failure_threshold_percentage": 50}, "xxxxxxxxxx", True),
        ({"failure_threshold": 2, "failure_threshold_percentage": 90}, "........xx", True),
        ({"failure_threshold": 1}, "..........", False),
    ],
)
def test_a_circuit_opens_at_its_threshold(rules: dict[str, int], outcomes: str, opens: bool) -> None:
    assert open_after(Breakers(), circuit(**rules), outcomes) is opens


def test_failures_of_an_earlier_window_do_not_count() -> None:
    breakers, of = Breakers(), circuit(failure_threshold=2)

    breakers.failed(of, NOW)
    breakers.failed(of, NOW + COOLDOWN)

    assert not breakers.is_open(of, NOW + COOLDOWN)
    breakers.failed(of, NOW + COOLDOWN + 59)
    assert breakers.is_open(of, NOW + COOLDOWN + 59)


def opened() -> tuple[Breakers, Circuit]:
    breakers, of = Breakers(), circuit(failure_threshold=1)
    breakers.failed(of, NOW)
    return breakers, of


def test_an_open_circuit_waits_for_its_cooldown() -> None:
    breakers, of = opened()

    assert [breakers.is_open(of, NOW + seconds) for seconds in (0, 59.9, 60)] == [True, True, False]


def test_after_the_cooldown_one_run_at_a_time_tries_the_target() -> None:
    breakers, of = opened()
    later = NOW + COOLDOWN

    assert [breakers.may_try(of, later), breakers.may_try(of, later)] == [True, False]
    assert breakers.is_open(of, later + 1)
    # Whoever had the trial never said how it ended.
    assert not breakers.is_open(of, later + COOLDOWN)
    assert breakers.may_try(of, later + COOLDOWN)


def test_a_trial_that_succeeds_closes_the_circuit_and_its_counts_begin_anew() -> None:
    breakers, of = Breakers(), circuit(failure_threshold=2)
    open_after(breakers, of, "xx")

    breakers.answered(of, NOW + 100)
    breakers.failed(of, NOW + 101)

    assert not breakers.is_open(of, NOW + 101)
    assert [breakers.may_try(of, NOW + 101), breakers.may_try(of, NOW + 101)] == [True, True]


def test_a_trial_that_fails_opens_the_circuit_again_at_once() -> None:
    breakers, of = Breakers(), circuit(failure_threshold=5)
    open_after(breakers, of, "xxxxx")

    breakers.failed(of, NOW + 100)

    assert [breakers.is_open(of, NOW + seconds) for seconds in (100, 159, 160)] == [True, True, False]


def test_what_happens_while_it_is_open_changes_nothing() -> None:
    breakers, of = opened()

    breakers.answered(of, NOW + 30)
    breakers.failed(of, NOW + 50)

    assert [breakers.is_open(of, NOW + seconds) for seconds in (59, 60)] == [True, False]


def test_a_circuit_is_named_by_the_version_of_its_config_and_its_place() -> None:
    config = {"cb_config": {"failure_threshold": 1}, "targets": [{}, {"targets": [{}]}]}

    def names(origin: str) -> list[str]:
        return [found.name for leaf in parse_config(config, origin=origin).leaves() if (found := circuit_of(leaf))]

    assert names("a") == names("a")
    assert len({*names("a"), *names("b")}) == 4


def test_only_targets_with_rules_have_a_circuit() -> None:
    option = parse_config({"targets": [{"cb_config": {"failure_threshold": 1}}, {}]})

    assert circuit_of(option) is None
    assert [circuit_of(leaf) is not None for leaf in option.leaves()] == [True, False]


def test_rules_may_stand_in_the_strategy_and_go_down_to_every_target() -> None:
    option = parse_config(
        {
            "strategy": {"mode": "fallback", "cbConfig": {"failureThreshold": 4, "cooldownInterval": 45_000}},
            "targets": [{}, {"cb_config": {"failure_threshold": 1}}],
        }
    )

    assert [leaf.circuit_breaker for leaf in option.leaves()] == [CircuitBreaker(4, 45.0), CircuitBreaker(1, 30.0)]


# Two processes over one table.


class Processes:
    """Two sets of breakers over one table, each through a proxy of its own that counts."""

    def __init__(self, engine: Engine, proxies: list[StoreProxy]) -> None:
        self.proxies = proxies
        self.table = engine.new_table()
        self.breakers = [
            Breakers(BreakerStore(engine.new_client("dynamodb", url=proxy.url), table=self.table, workspace="default"))
            for proxy in proxies
        ]


@pytest.fixture
def processes(any_engine: Engine) -> Iterator[Processes]:
    with StoreProxy(any_engine.url) as first, StoreProxy(any_engine.url) as second:
        yield Processes(any_engine, [first, second])


def test_failures_of_several_processes_add_up_and_open_the_circuit_for_all(processes: Processes) -> None:
    first, second = processes.breakers
    of = circuit(failure_threshold=3)

    first.failed(of, NOW)
    second.failed(of, NOW + 1)
    first.failed(of, NOW + 2)
    second.refresh([of], NOW + 2)

    assert [first.is_open(of, NOW + 2), second.is_open(of, NOW + 2)] == [True, True]
    assert [first.is_open(of, NOW + 62), second.is_open(of, NOW + 62)] == [False, False]


def test_successes_are_told_with_the_next_failure_and_never_alone(processes: Processes) -> None:
    first, second = processes.breakers
    of = circuit(failure_threshold_percentage=50, minimum_requests=10)

    for second_of_time in range(8):
        first.answered(of, NOW + second_of_time)
    assert processes.proxies[0].operations == []
    first.failed(of, NOW + 8)
    for second_of_time in range(6):
        second.failed(of, NOW + 9 + second_of_time)
    assert not second.is_open(of, NOW + 15)
    second.failed(of, NOW + 15)

    # Eight successes, eight failures.
    assert second.is_open(of, NOW + 15)


def test_one_process_alone_has_the_trial_and_its_success_closes_the_circuit_for_both(processes: Processes) -> None:
    first, second = processes.breakers
    of = circuit(failure_threshold=1)
    first.failed(of, NOW)
    later = NOW + COOLDOWN
    for each in (first, second):
        each.refresh([of], later)

    assert [second.may_try(of, later), first.may_try(of, later)] == [True, False]
    first.refresh([of], later)
    assert first.is_open(of, later)
    second.answered(of, later + 1)
    first.refresh([of], later + REFRESH_SECONDS)

    assert not first.is_open(of, later + REFRESH_SECONDS)
    assert first.may_try(of, later + REFRESH_SECONDS)


def test_a_trial_that_is_given_up_is_free_for_both_and_only_its_holder_gives_it_up(processes: Processes) -> None:
    first, second = processes.breakers
    of = circuit(failure_threshold=1)
    first.failed(of, NOW)
    later = NOW + COOLDOWN
    second.refresh([of], later)
    assert second.may_try(of, later)

    second.give_up_trial(of, NOW)
    assert not second.may_try(of, later + 1)
    second.give_up_trial(of, later)

    first.refresh([of], later + 1)
    assert first.may_try(of, later + 1)
    second.refresh([of], later + REFRESH_SECONDS)
    assert not second.may_try(of, later + REFRESH_SECONDS)


def test_a_failed_trial_opens_the_circuit_for_both(processes: Processes) -> None:
    first, second = processes.breakers
    of = circuit(failure_threshold=1)
    first.failed(of, NOW)
    second.refresh([of], NOW + COOLDOWN)

    second.failed(of, NOW + COOLDOWN)
    first.refresh([of], NOW + COOLDOWN)

    assert first.is_open(of, NOW + COOLDOWN)


def test_the_table_is_read_once_for_all_targets_and_every_few_seconds(processes: Processes) -> None:
    breakers = processes.breakers[0]
    circuits = [Circuit(name, name, circuit(failure_threshold=1).rules) for name in ("a", "b", "c")]

    for seconds in (0, 1, REFRESH_SECONDS - 0.1, REFRESH_SECONDS):
        breakers.refresh(circuits, NOW + seconds)

    assert processes.proxies[0].operations == ["BatchGetItem", "BatchGetItem"]


def test_an_item_that_has_expired_says_nothing(processes: Processes) -> None:
    first, second = processes.breakers
    of = circuit(failure_threshold=1)
    first.failed(of, NOW)

    second.refresh([of], NOW + 2 * 24 * 3600)

    assert second.may_try(of, NOW + 2 * 24 * 3600)
    assert second.may_try(of, NOW + 2 * 24 * 3600)


def test_without_the_table_a_process_goes_by_what_it_sees_and_says_so_once(
    processes: Processes, log_output: io.StringIO
) -> None:
    breakers, proxy = processes.breakers[0], processes.proxies[0]
    of = circuit(failure_threshold=3)
    proxy.always = broken

    breakers.refresh([of], NOW)
    assert not open_after(breakers, of, "x.x")
    assert open_after(breakers, of, "x")

    events = [json.loads(line) for line in log_output.getvalue().splitlines()]
    assert [event["message"] for event in events] == ["store_failed", "breakers_alone", "circuit_opened"]
    assert len(proxy.operations) <= 2


def test_a_table_that_is_back_is_used_again(processes: Processes) -> None:
    (first, second), proxy = processes.breakers, processes.proxies[0]
    of = circuit(failure_threshold=1)
    proxy.always = broken
    first.refresh([of], NOW)
    proxy.always = None

    first.failed(of, NOW + 31)
    second.refresh([of], NOW + 31)

    assert second.is_open(of, NOW + 31)


@pytest.mark.parametrize(("threshold", "opens"), [(24, True), (25, False)])
def test_failures_at_the_same_moment_are_all_counted_once(
    processes: Processes, threshold: int, opens: bool, log_output: io.StringIO
) -> None:
    first, second = processes.breakers
    of = circuit(failure_threshold=threshold)
    together = threading.Barrier(6)

    def fail(breakers: Breakers) -> None:
        together.wait()
        for _ in range(4):
            breakers.failed(of, NOW)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(fail, [first, second] * 3))
    first.refresh([of], NOW + REFRESH_SECONDS)

    assert first.is_open(of, NOW + REFRESH_SECONDS) is opens
    assert log_output.getvalue().count("circuit_opened") == int(opens)


def test_of_many_that_ask_one_has_the_trial(processes: Processes) -> None:
    of = circuit(failure_threshold=1)
    processes.breakers[0].failed(of, NOW)
    later = NOW + COOLDOWN
    for each in processes.breakers:
        each.refresh([of], later)
    together = threading.Barrier(8)

    def ask(breakers: Breakers) -> bool:
        together.wait()
        return breakers.may_try(of, later)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, processes.breakers * 4))

    assert answers.count(True) == 1


def test_who_fails_meanwhile_learns_that_another_has_opened_the_circuit(processes: Processes) -> None:
    first, second = processes.breakers
    of = circuit(failure_threshold=2)
    first.failed(of, NOW)
    first.failed(of, NOW)

    second.failed(of, NOW + 1)

    assert [second.is_open(of, NOW + seconds) for seconds in (1, 59, 60)] == [True, True, False]

"""Lists of run records over both engines; what records say is tested with what writes them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from promptside.errors import StoreUnavailable
from promptside.store.patience import Patience
from promptside.store.runs import RunStore
from tests.engines import Engine

NOW = 1_795_300_000.0
DAY = 86400.0


def store(engine: Engine, table: str, *, now: float = NOW, **options: Any) -> RunStore:
    return RunStore(engine.client("dynamodb"), table=table, now=lambda: now, **options)


def pages(runs: RunStore, limit: int, batch_id: str | None = None) -> list[list[str]]:
    """Walk a list to its end."""
    found: list[list[str]] = []
    after = None
    while True:
        page = runs.of_batch(batch_id, after=after, limit=limit) if batch_id else runs.newest(after=after, limit=limit)
        if not page:
            return found
        found.append([record.run_id for record in page])
        after = page[-1]


def test_lists_go_on_over_the_months(any_engine: Engine) -> None:
    runs = store(any_engine, any_engine.new_table())
    for back in (0.0, 0.1, 3.0, 29.0):
        runs.start(f"run_{back}", {}, now=NOW - back * DAY)

    assert pages(runs, 3) == [["run_0.0", "run_0.1", "run_3.0"], ["run_29.0"]]


def test_a_year_is_turned(any_engine: Engine) -> None:
    january = 1_767_225_600.0 + 5 * DAY
    table = any_engine.new_table()
    runs = store(any_engine, table, now=january, days=60)
    for back in (0, 10, 40):
        runs.start(f"run_{back}", {}, now=january - back * DAY)

    assert pages(runs, 1) == [["run_0"], ["run_10"], ["run_40"]]
    month = {"S": "default#records#2025-12"}
    found = any_engine.client("dynamodb").query(
        TableName=table, KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": month}
    )
    assert [item["run_id"]["S"] for item in found["Items"]] == ["run_10"]


def test_runs_of_the_same_millisecond_are_all_listed_once(any_engine: Engine) -> None:
    runs = store(any_engine, any_engine.new_table())
    for number in range(5):
        runs.start(f"run_{number}", {}, now=NOW)

    assert pages(runs, 2) == [["run_4", "run_3"], ["run_2", "run_1"], ["run_0"]]


def test_a_run_that_a_faster_clock_has_put_into_tomorrow_is_listed(any_engine: Engine) -> None:
    midnight = NOW // DAY * DAY + DAY
    runs = store(any_engine, any_engine.new_table(), now=midnight - 0.5)
    runs.start("run_ahead", {}, now=midnight + 0.5)

    assert pages(runs, 5) == [["run_ahead"]]


def test_a_batch_of_more_lines_than_one_read_takes_is_listed_in_order(engine: Engine) -> None:
    runs = store(engine, engine.new_table())
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: runs.start(f"run_{n}", {"batch_id": "b", "line": n}, now=NOW), range(1, 231)))

    assert pages(runs, 150, "b") == [[f"run_{n}" for n in range(1, 151)], [f"run_{n}" for n in range(151, 231)]]
    assert pages(runs, 10) == []


def test_a_run_that_is_delivered_again_stays_in_its_place(any_engine: Engine) -> None:
    runs = store(any_engine, any_engine.new_table(), now=NOW + 3 * DAY)
    runs.start("run_first", {}, now=NOW)
    runs.start("run_second", {}, now=NOW + 1)
    runs.start("run_first", {"source": "other"}, now=NOW + 2 * DAY)

    assert pages(runs, 10) == [["run_second", "run_first"]]
    found = runs.find("run_first")
    assert found is not None
    assert (found.deliveries, found.begun, found.created_at) == (2, {}, int(NOW * 1000))


def test_deliveries_at_the_same_time_are_all_counted(engine: Engine) -> None:
    runs = store(engine, engine.new_table())
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: runs.start("run_1", {}, now=NOW), range(16)))

    found = runs.find("run_1")
    assert found is not None
    assert found.deliveries == 16


def test_workspaces_do_not_see_each_other(any_engine: Engine) -> None:
    table = any_engine.new_table()
    store(any_engine, table, workspace="a").start("run_1", {}, now=NOW)
    other = store(any_engine, table, workspace="b")

    assert (other.find("run_1"), pages(other, 5)) == (None, [])


def test_a_table_that_does_not_answer_is_a_store_that_is_not_available(engine: Engine) -> None:
    client = engine.new_client("dynamodb", url="http://127.0.0.1:9")
    runs = RunStore(client, table="t", patience=Patience(attempts=1))

    with pytest.raises(StoreUnavailable):
        runs.find("run_1")

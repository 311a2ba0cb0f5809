from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from promptside.errors import NotFound
from promptside.schema.batch import BatchRecord, InputFile, ResultFile, Tally
from promptside.store.batches import BatchStore
from tests.engines import Engine

NOW = 1_795_300_000


@pytest.fixture
def store(any_engine: Engine) -> BatchStore:
    client = any_engine.client("dynamodb")
    return BatchStore(client, table=any_engine.new_table(), days=30, now=lambda: NOW + 5)


def batch(**fields: Any) -> BatchRecord:
    given = {"batch_id": "batch_1", "status": "validating", "shape": "openai", "input": InputFile("files/a")}
    return BatchRecord(**{**given, "created_at": NOW, "window_ends_at": NOW + 86400, **fields})


def test_a_batch_is_read_as_it_was_stored(store: BatchStore) -> None:
    record = batch(
        input=InputFile("in.csv", "other", "csv", '"e"', "v", 12, ("a", "b;"), ";"),
        endpoint="/v1/responses",
        key_digest="f" * 64,
        defaults={"headers": {"x": "1.50"}},
        metadata={"team": "ä"},
        details={"n": 1.5},
        moments={"validating": NOW},
        tally=Tally(1, 2, 3, 4, 7, 9, 1, 1, 1),
        problems=({"code": "c", "message": "m", "line": 3, "param": None},),
        output=ResultFile("o", 1),
        announced=True,
    )

    assert store.create(record)

    assert store.get("batch_1") == record
    assert not store.create(batch())
    assert store.find("batch_2") is None


def test_a_batch_moves_from_one_status_to_the_next_once(store: BatchStore) -> None:
    store.create(batch())

    moved = store.move("batch_1", "in_progress", before={"validating"}, total=7, output=ResultFile("o", 3))

    assert moved == batch(
        status="in_progress", moments={"in_progress": NOW + 5}, total=7, output=ResultFile("o", 3)
    )  # fmt: skip
    assert store.get("batch_1") == moved
    assert store.move("batch_1", "in_progress", before={"validating"}) is None
    again = store.move("batch_1", "finalizing", before={"in_progress"}, output=None)
    assert again is not None
    assert store.get("batch_1").output is None


def test_of_many_who_end_a_batch_one_does(store: BatchStore) -> None:
    store.create(batch())

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: store.move("batch_1", "failed", before={"validating"}), range(8)))

    assert sum(result is not None for result in results) == 1


def test_a_batch_that_is_not_there_cannot_move(store: BatchStore) -> None:
    with pytest.raises(NotFound):
        store.move("batch_1", "failed", before={"validating"})


def test_chunks_are_counted_once_however_many_count_them_at_the_same_time(any_engine: Engine) -> None:
    store = BatchStore(any_engine.client("dynamodb"), table=any_engine.new_table(), days=30, now=lambda: NOW + 5)
    store.create(batch(status="in_progress"))
    tally = Tally(completed=2, failed=1, total_tokens=10, cost_nano_usd=7)

    with ThreadPoolExecutor(8) as pool:
        counted = list(pool.map(lambda number: store.count("batch_1", number % 10, tally), range(30)))

    assert sum(counted) == 10
    assert store.get("batch_1").tally == Tally(completed=20, failed=10, total_tokens=100, cost_nano_usd=70)
    assert store.counted("batch_1") == dict.fromkeys(range(10), tally)


def test_nothing_is_counted_once_a_batch_is_being_finished(store: BatchStore) -> None:
    store.create(batch(status="finalizing"))

    assert not store.count("batch_1", 0, Tally(completed=1))
    assert not store.count("batch_2", 0, Tally(completed=1))

    assert store.get("batch_1").tally == Tally()
    assert store.counted("batch_1") == {}

"""Kept answers in a real table: what is found, for how long, and what half a write leaves."""

import random
from itertools import count
from typing import Any

import pytest

from promptside.errors import StoreUnavailable
from promptside.store.answers import AnswerStore, StoredAnswer
from tests.engines import Engine
from tests.store_proxy import StoreProxy, broken

NOW = 1_795_300_000.25
# Three pieces, as noise does not compress.
LONG = random.Random(1).randbytes(800_000)
LONGER = random.Random(2).randbytes(800_000)
TOO_LONG = random.Random(3).randbytes(4_300_000)


def store_of(engine: Engine, *, table: str | None = None, url: str | None = None) -> AnswerStore:
    ids = count(1)
    client = engine.client("dynamodb") if url is None else engine.new_client("dynamodb", url=url)
    return AnswerStore(client, table=table or engine.new_table(), workspace="default", new_id=lambda: f"id{next(ids)}")


def items_of(engine: Engine, table: str) -> dict[str, Any]:
    return {item["sk"]["S"]: item for item in engine.client("dynamodb").scan(TableName=table)["Items"]}


@pytest.mark.parametrize("data", [b"", b"answer", LONG])
def test_an_answer_comes_back_with_the_moment_it_was_kept(any_engine: Engine, data: bytes) -> None:
    store = store_of(any_engine)

    assert store.put("d", data, now=NOW, seconds=60)
    assert store.find("d", now=NOW + 1) == StoredAnswer(data, NOW)


def test_an_answer_is_gone_when_its_time_is_over(any_engine: Engine) -> None:
    store = store_of(any_engine)
    store.put("d", b"answer", now=NOW, seconds=60)

    assert store.find("d", now=NOW + 60) is not None
    assert store.find("d", now=NOW + 61) is None


def test_another_digest_and_another_workspace_have_answers_of_their_own(any_engine: Engine) -> None:
    table = any_engine.new_table()
    store_of(any_engine, table=table).put("d", b"answer", now=NOW, seconds=60)
    other = AnswerStore(any_engine.client("dynamodb"), table=table, workspace="team", new_id=lambda: "a")

    assert store_of(any_engine, table=table).find("e", now=NOW) is None
    assert other.find("d", now=NOW) is None


@pytest.mark.parametrize("second", [b"newer", LONGER])
def test_a_newer_answer_takes_the_place_of_an_older_one(any_engine: Engine, second: bytes) -> None:
    store = store_of(any_engine)
    store.put("d", LONG, now=NOW, seconds=60)
    store.put("d", second, now=NOW + 1, seconds=60)

    assert store.find("d", now=NOW + 2) == StoredAnswer(second, NOW + 1)


def test_what_is_too_large_leaves_what_there_was(any_engine: Engine) -> None:
    store = store_of(any_engine)
    store.put("d", b"answer", now=NOW, seconds=60)

    assert not store.put("d", TOO_LONG, now=NOW + 1, seconds=60)
    assert store.find("d", now=NOW + 2) == StoredAnswer(b"answer", NOW)


def test_a_missing_piece_makes_the_answer_unknown(engine: Engine) -> None:
    table = engine.new_table()
    store = store_of(engine, table=table)
    store.put("d", LONG, now=NOW, seconds=60)
    client = engine.client("dynamodb")
    client.delete_item(TableName=table, Key={"pk": {"S": "default#answer#d"}, "sk": {"S": "piece#id1#002"}})

    assert store.find("d", now=NOW) is None


def test_a_write_that_breaks_off_leaves_the_older_answer_whole(engine: Engine) -> None:
    table = engine.new_table()
    store_of(engine, table=table).put("d", LONG, now=NOW, seconds=60)
    with StoreProxy(engine.url) as proxy:
        failing = AnswerStore(
            engine.new_client("dynamodb", url=proxy.url), table=table, workspace="default", new_id=lambda: "other"
        )
        proxy.next_answers.extend([None, broken])
        with pytest.raises(StoreUnavailable):
            failing.put("d", LONGER, now=NOW + 1, seconds=60)

        assert proxy.operations == ["PutItem", "PutItem"]
    assert store_of(engine, table=table).find("d", now=NOW + 2) == StoredAnswer(LONG, NOW)


def test_every_item_says_when_it_expires(engine: Engine) -> None:
    table = engine.new_table()
    store_of(engine, table=table).put("d", LONG, now=NOW, seconds=60)
    items = items_of(engine, table)

    assert sorted(items) == ["answer", "piece#id1#001", "piece#id1#002"]
    assert {item["pk"]["S"] for item in items.values()} == {"default#answer#d"}
    assert {item["expires_at"]["N"] for item in items.values()} == {"1795300061"}


def test_a_table_that_fails_is_asked_once(engine: Engine) -> None:
    with StoreProxy(engine.url) as proxy:
        store = store_of(engine, url=proxy.url)
        proxy.always = broken

        with pytest.raises(StoreUnavailable):
            store.find("d", now=NOW)
        with pytest.raises(StoreUnavailable):
            store.put("d", b"answer", now=NOW, seconds=60)
        assert proxy.operations == ["GetItem", "PutItem"]

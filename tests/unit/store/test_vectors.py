"""Vectors in a real table: what is found, what is read again, and what is not."""

import math
from array import array
from typing import Any

import pytest

from promptside.errors import StoreUnavailable
from promptside.store.vectors import LARGEST_SEARCH, Match, VectorStore, most_vectors, unit
from tests.engines import Engine
from tests.store_proxy import StoreProxy, broken

NOW = 1_795_300_000.0


def store_of(engine: Engine, *, table: str | None = None, url: str | None = None, **options: Any) -> VectorStore:
    client = engine.client("dynamodb") if url is None else engine.new_client("dynamodb", url=url)
    return VectorStore(client, table=table or engine.new_table(), workspace="default", **options)


def rounded(matches: list[Match]) -> list[tuple[str, float]]:
    return [(match.answer, round(match.similarity, 4)) for match in matches]


def test_the_most_similar_come_first_and_are_three_at_most(any_engine: Engine) -> None:
    store = store_of(any_engine)
    for index, angle in enumerate([0.5, 0.1, 1.5, 3.0]):
        vector = unit([math.cos(angle), math.sin(angle)])
        store.put("p", f"answer-{index}", vector, now=NOW + index, seconds=60)

    found = store.nearest("p", unit([1.0, 0.0]), now=NOW + 10)

    assert rounded(found) == [("answer-1", 0.995), ("answer-0", 0.8776), ("answer-2", 0.0707)]


def test_a_partition_sees_nothing_of_another_nor_of_another_workspace(any_engine: Engine) -> None:
    table = any_engine.new_table()
    store = store_of(any_engine, table=table)
    store.put("p", "answer", unit([1.0]), now=NOW, seconds=60)
    other = VectorStore(any_engine.client("dynamodb"), table=table, workspace="team")

    assert store.nearest("q", unit([1.0]), now=NOW) == []
    assert other.nearest("p", unit([1.0]), now=NOW) == []


def test_what_has_expired_or_has_other_dimensions_is_not_compared(any_engine: Engine) -> None:
    store = store_of(any_engine)
    store.put("p", "short", unit([1.0, 0.0]), now=NOW, seconds=5)
    store.put("p", "long", unit([1.0, 0.0, 0.0]), now=NOW, seconds=60)

    assert [match.answer for match in store.nearest("p", unit([1.0, 0.0]), now=NOW + 4.9)] == ["short"]
    assert store.nearest("p", unit([1.0, 0.0]), now=NOW + 5.0) == []


def test_what_another_process_has_written_is_found_by_a_search_for_what_is_newer(engine: Engine) -> None:
    table = engine.new_table()
    with StoreProxy(engine.url) as proxy:
        ours, theirs = store_of(engine, table=table, url=proxy.url), store_of(engine, table=table)
        for index in range(30):
            theirs.put("p", f"answer-{index}", unit([1.0, float(index)]), now=NOW + index, seconds=3600)
        ours.nearest("p", unit([1.0, 0.0]), now=NOW + 100)
        # A clock that is a little behind.
        theirs.put("p", "newer", unit([1.0, 0.0]), now=NOW + 95, seconds=3600)

        found = ours.nearest("p", unit([1.0, 0.0]), now=NOW + 101)

        assert {match.answer for match in found[:2]} == {"answer-0", "newer"}
        assert proxy.operations == ["Query", "Query"]


def test_a_second_search_reads_only_what_is_newer(engine: Engine) -> None:
    asked: list[dict[str, Any]] = []
    client = engine.new_client("dynamodb")
    client.meta.events.register("provide-client-params.dynamodb.Query", lambda params, **_: asked.append(params))
    store = VectorStore(client, table=engine.new_table(), workspace="default")

    store.nearest("p", unit([1.0]), now=NOW)
    store.nearest("p", unit([1.0]), now=NOW + 60)

    since = [each["ExpressionAttributeValues"][":since"]["S"] for each in asked]
    assert since == ["0000000000000", f"{round(NOW * 1000) - 10_000}"]


def test_an_answer_that_was_renewed_counts_once_with_its_last_vector(any_engine: Engine) -> None:
    store = store_of(any_engine)
    store.put("p", "answer", unit([1.0, 0.0]), now=NOW, seconds=60)
    store.nearest("p", unit([1.0, 0.0]), now=NOW)
    store.put("p", "answer", unit([0.0, 1.0]), now=NOW + 1, seconds=60)

    assert rounded(store.nearest("p", unit([1.0, 0.0]), now=NOW + 2)) == [("answer", 0.0)]


def test_only_the_newest_are_searched(engine: Engine) -> None:
    # As long as vectors can be, so that few of them make a search.
    dimensions = 4096
    most = most_vectors(dimensions)
    store = store_of(engine)
    flat = unit([1.0] * dimensions)
    special = unit([1.0] + [0.0] * (dimensions - 1))
    store.put("p", "oldest", special, now=NOW, seconds=3600)
    for index in range(most):
        store.put("p", f"answer-{index}", flat, now=NOW + 1 + index, seconds=3600)

    found = store.nearest("p", special, now=NOW + 1000)

    assert most == 256
    assert "oldest" not in {match.answer for match in found}
    assert len(found) == 3


def test_a_search_that_takes_too_long_goes_by_what_it_has_and_remembers_nothing(engine: Engine) -> None:
    table = engine.new_table()
    seconds = iter(range(0, 100, 3))
    with StoreProxy(engine.url) as proxy:
        store = store_of(engine, table=table, url=proxy.url, monotonic=lambda: float(next(seconds)))
        store.put("p", "answer", unit([1.0]), now=NOW, seconds=60)

        assert rounded(store.nearest("p", unit([1.0]), now=NOW + 20)) == [("answer", 1.0)]
        assert rounded(store.nearest("p", unit([1.0]), now=NOW + 40)) == [("answer", 1.0)]


def test_a_table_that_fails_is_asked_once(engine: Engine) -> None:
    with StoreProxy(engine.url) as proxy:
        store = store_of(engine, url=proxy.url)
        proxy.always = broken

        with pytest.raises(StoreUnavailable):
            store.nearest("p", unit([1.0]), now=NOW)
        with pytest.raises(StoreUnavailable):
            store.put("p", "answer", unit([1.0]), now=NOW, seconds=1)
        assert proxy.operations == ["Query", "PutItem"]


def test_an_item_holds_four_bytes_a_dimension_and_its_end(engine: Engine) -> None:
    table = engine.new_table()
    store_of(engine, table=table).put("p", "digest", unit([3.0, 4.0]), now=NOW, seconds=60)

    (item,) = engine.client("dynamodb").scan(TableName=table)["Items"]

    assert item == {
        "pk": {"S": "default#vectors#p"},
        "sk": {"S": "1795300000000#digest"},
        "vector": {"B": array("f", [0.6, 0.8]).tobytes()},
        "expires_at": {"N": "1795300060"},
    }


@pytest.mark.parametrize(("dimensions", "most"), [(2, 1000), (256, 1000), (1024, 1000), (1536, 682), (3072, 341)])
def test_long_vectors_are_fewer(dimensions: int, most: int) -> None:
    assert most_vectors(dimensions) == most
    assert most * dimensions * 4 <= LARGEST_SEARCH


@pytest.mark.parametrize("values", [[0.0, 0.0], [], [math.inf], [1e308, 1e308, 1e308, 1e308]])
def test_what_has_no_direction_is_no_vector(values: list[float]) -> None:
    with pytest.raises(ValueError, match="no direction"):
        unit(values)

"""Queries of conditional strategies: every operator, and fields that are not there."""

import time
from typing import Any

import pytest

from promptside.errors import InvalidRequest
from promptside.routing.conditions import Facts, QueryParser

FACTS = Facts(
    {"plan": "paid", "age": "30", "vip": "true"},
    {
        "model": "m1",
        "temperature": 0.5,
        "n": 2,
        "stop": ["x"],
        "variables": {"user": {"city": "Bern"}},
        "stream": False,
    },
    "/v1/prompts/hi/completions",
)


def holds(query: Any) -> bool:
    return QueryParser().parse(query, "q").holds(FACTS)


def refused(query: Any) -> str | None:
    with pytest.raises(InvalidRequest) as raised:
        QueryParser().parse(query, "q")
    return raised.value.param


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"metadata.plan": {"$eq": "paid"}}, True),
        ({"metadata.plan": "paid"}, True),
        ({"metadata.plan": {"$eq": "free"}}, False),
        ({"metadata.plan": {"$ne": "free"}}, True),
        ({"metadata.plan": {"$in": ["free", "paid"]}}, True),
        ({"metadata.plan": {"$nin": ["free", "paid"]}}, False),
        ({"metadata.plan": {"$nin": []}}, True),
        ({"metadata.age": {"$eq": 30}}, True),
        ({"metadata.vip": {"$eq": True}}, True),
        ({"metadata.age": {"$gt": 29, "$lt": 31}}, True),
        ({"metadata.age": {"$gt": 30}}, False),
        ({"metadata.age": {"$gte": "30"}}, True),
        ({"metadata.age": {"$lte": 29.9}}, False),
        ({"metadata.plan": {"$gt": 1}}, False),
        ({"metadata.plan": {"$regex": "^pa(id|y)$"}}, True),
        ({"metadata.plan": {"$regex": "PAID"}}, False),
        ({"params.model": "m1", "params.n": 2}, True),
        ({"params.model": "m1", "params.n": 3}, False),
        ({"params.n": True}, False),
        ({"params.stream": False}, True),
        ({"params.temperature": {"$lt": 1}}, True),
        ({"params.variables.user.city": "Bern"}, True),
        ({"params.stop": {"$eq": "x"}}, False),
        ({"params.stop": {"$eq": ""}}, False),
        ({"params.variables": {"$in": ["", "x"]}}, False),
        ({"params.stop": {"$regex": ".*"}}, False),
        ({"params.stop": {"$ne": "x"}}, True),
        ({"url.pathname": {"$regex": "/completions$"}}, True),
        ({"$and": [{"metadata.plan": "paid"}, {"params.n": 2}]}, True),
        ({"$and": [{"metadata.plan": "paid"}, {"params.n": 3}]}, False),
        ({"$or": [{"metadata.plan": "free"}, {"$and": [{"params.n": 2}]}]}, True),
        ({"$or": [{"metadata.plan": "free"}], "params.n": 2}, False),
    ],
)
def test_a_query_is_true_or_not(query: Any, expected: bool) -> None:
    assert holds(query) is expected


@pytest.mark.parametrize(
    "test",
    [{"$eq": "x"}, {"$ne": "x"}, {"$in": ["x"]}, {"$nin": ["x"]}, {"$regex": ".*"}, {"$gt": -1}, {"$lte": 1e9}, "x"],
)
@pytest.mark.parametrize("field", ["metadata.nothing", "params.nothing", "params.model.deeper", "params.stop.0"])
def test_a_field_that_is_missing_never_matches(field: str, test: Any) -> None:
    assert not holds({field: test})


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ([], "q"),
        ({}, "q"),
        ({"model": "x"}, "q.model"),
        ({"metadata.": "x"}, "q.metadata."),
        ({"url.host": "x"}, "q.url.host"),
        ({"metadata.a": {"$like": "x"}}, "q.metadata.a.$like"),
        ({"metadata.a": {}}, "q.metadata.a"),
        ({"metadata.a": None}, "q.metadata.a"),
        ({"metadata.a": {"$eq": ["x"]}}, "q.metadata.a.$eq"),
        ({"metadata.a": {"$in": "x"}}, "q.metadata.a.$in"),
        ({"metadata.a": {"$gt": "x"}}, "q.metadata.a.$gt"),
        ({"metadata.a": {"$regex": "(a+)+$"}}, "q.metadata.a.$regex"),
        ({"$or": []}, "q.$or"),
        ({"$and": [{"$or": [{"x": 1}]}]}, "q.$and[0].$or[0].x"),
        ({"$and": [{"metadata.a": {"$regex": "a"}}] * 11}, "q.$and[10].metadata.a.$regex"),
    ],
)
def test_a_query_that_cannot_be_used_is_refused_with_its_path(query: Any, param: str) -> None:
    assert refused(query) == param


def test_queries_are_bounded_in_depth_and_number() -> None:
    deep: Any = {"metadata.a": 1}
    for _ in range(6):
        deep = {"$and": [deep]}

    assert str(refused(deep)).startswith("q.$and")
    assert refused({"$or": [{"metadata.a": 1}] * 101}) is not None


def test_ten_patterns_over_the_worst_texts_end_soon() -> None:
    facts = Facts({"a": "a" * 256}, {}, "/")
    query = QueryParser().parse({"$or": [{"metadata.a": {"$regex": "a*a*b"}}] * 10}, "q")
    started = time.monotonic()

    assert not query.holds(facts)
    assert time.monotonic() - started < 2.0

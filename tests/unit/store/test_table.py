"""Reading a partition from a place on, in both directions, however few items a round trip brings."""

from typing import Any

import pytest

from promptside.store.table import Table, put
from tests.engines import Engine

NAMES = ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize("at_once", [None, 1, 2, 100])
@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, ["a", "b", "c", "d", "e"]),
        ({"newest_first": True}, ["e", "d", "c", "b", "a"]),
        ({"after": "b"}, ["c", "d", "e"]),
        ({"after": "bb"}, ["c", "d", "e"]),
        ({"after": "e"}, []),
        ({"after": "d", "newest_first": True}, ["c", "b", "a"]),
        ({"after": "b", "attributes": ("sk",)}, ["c", "d", "e"]),
    ],
)
def test_a_query_begins_behind_a_place(
    any_engine: Engine, options: dict[str, Any], found: list[str], at_once: int | None
) -> None:
    table = Table(any_engine.client("dynamodb"), any_engine.new_table())
    table.write(*(put(("p", name), {"value": name}) for name in NAMES), put(("q", "c"), {"value": "other"}))

    assert [item["sk"] for item in table.query("p", at_once=at_once, **options)] == found

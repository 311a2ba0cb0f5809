"""A whole stack with a run table, and a provider."""

from collections.abc import Iterator

import pytest

from tests.engines import Engine
from tests.limited import Limited, respond
from tests.upstream import Upstream
from tests.whole_stack import WholeStack, whole_stack


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as made:
        made.default = respond
        yield made


@pytest.fixture(scope="module")
def stack(engine: Engine) -> Iterator[WholeStack]:
    with whole_stack(engine, environment={"PROMPTSIDE_RUN_TABLE": engine.new_table()}) as running:
        yield running


@pytest.fixture
def limited(stack: WholeStack, upstream: Upstream) -> Limited:
    return Limited(stack, upstream)

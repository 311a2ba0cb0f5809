"""Fixtures that several test folders share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engines import Engine, ministack, moto
from tests.product import close_products


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The DynamoDB and SSM engine of the local run."""
    with ministack() as running:
        yield running


@pytest.fixture(scope="session")
def moto_engine() -> Iterator[Engine]:
    """A second opinion with other gaps than the first."""
    with moto() as running:
        yield running


@pytest.fixture(params=["ministack", "moto"])
def any_engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn, for the store's contract tests."""
    found: Engine = request.getfixturevalue("engine" if request.param == "ministack" else "moto_engine")
    return found


@pytest.fixture(autouse=True)
def _closed_products() -> Iterator[None]:
    """Leave no connection to a test's provider behind."""
    yield
    close_products()

"""Fixtures that several test folders share."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from promptside.log import logger
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


@pytest.fixture
def log_output() -> Iterator[io.StringIO]:
    """Everything the product logs during the test, as it would leave the process, debug lines included."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logger.registered_formatter)
    level = logger.log_level
    logging.getLogger("promptside").addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield written
    logger.setLevel(level)
    logging.getLogger("promptside").removeHandler(handler)

"""One running product, one provider and the SDKs, for all tests of this folder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.clients.node_sdks import NodeDriver, NodeSdk, missing, node_driver
from tests.clients.outcome import Sdk
from tests.clients.prompts import Conformance, make_conformance_prompt, make_prompt, user_message
from tests.clients.provider import EchoProvider
from tests.clients.python_sdks import AsyncPythonSdk, PythonSdk
from tests.clients.running import KEY, Running, recording, running_product
from tests.upstream import Upstream

needs_node = pytest.mark.skipif(missing() is not None, reason=str(missing()))
NODE = pytest.param("node", marks=needs_node)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The product, started once."""
    with running_product(tmp_path_factory.mktemp("clients")) as product:
        yield product


@pytest.fixture(autouse=True)
def provider(running: Running) -> EchoProvider:
    """The provider, as if nothing had happened."""
    running.provider.reset()
    return running.provider


@pytest.fixture(scope="session")
def node() -> Iterator[NodeDriver]:
    """The Node process, started once."""
    with node_driver() as driver:
        yield driver


@pytest.fixture(scope="session", params=["python", "python-async", NODE])
def sdk(request: pytest.FixtureRequest, running: Running) -> Iterator[Sdk]:
    """Each of Portkey's SDKs in turn, with the drop-in base URL."""
    options = {"base_url": running.base_url, "api_key": KEY}
    with ExitStack() as closing:
        yield _SDKS[request.param](request, options, closing)


@pytest.fixture(scope="session")
def prompt(sdk: Sdk) -> Conformance:
    """The prompt of the conformance cases, made by the SDK itself."""
    return make_conformance_prompt(sdk)


@pytest.fixture(scope="session")
def python(running: Running) -> Iterator[PythonSdk]:
    """The synchronous Python SDK, for tests that need its own types."""
    with ExitStack() as closing:
        yield PythonSdk({"base_url": running.base_url, "api_key": KEY}, closing)


@pytest.fixture(scope="session")
def prompt_slug(python: PythonSdk) -> str:
    """A prompt for the tests that are not about an SDK: `Hi {{name}}`."""
    return make_prompt(python, user_message("Hi {{name}}"))


@pytest.fixture
def recorder(running: Running) -> Iterator[Upstream]:
    """A server in front of the product that keeps what the SDKs send."""
    with recording(running) as server:
        yield server


def _python(request: pytest.FixtureRequest, options: dict[str, Any], closing: ExitStack) -> Sdk:
    return PythonSdk(options, closing)


def _python_async(request: pytest.FixtureRequest, options: dict[str, Any], closing: ExitStack) -> Sdk:
    return AsyncPythonSdk(options, closing, closing.enter_context(asyncio.Runner()))


def _node(request: pytest.FixtureRequest, options: dict[str, Any], closing: ExitStack) -> Sdk:
    driver: NodeDriver = request.getfixturevalue("node")
    return NodeSdk(options, driver)


_SDKS: dict[str, Callable[[pytest.FixtureRequest, dict[str, Any], ExitStack], Sdk]] = {
    "python": _python,
    "python-async": _python_async,
    "node": _node,
}

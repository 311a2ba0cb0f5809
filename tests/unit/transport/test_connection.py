from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from promptside.transport.addresses import resolve
from promptside.transport.connection import Connections, default_ssl_context
from promptside.transport.http1 import Origin


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as made:
        yield made


@pytest.fixture
def origin(listener: socket.socket) -> Origin:
    return Origin("http", "127.0.0.1", listener.getsockname()[1])


@pytest.fixture
def connections() -> Iterator[Connections]:
    made = Connections(resolver=resolve, allow_private_hosts=True)
    yield made
    made.close()


def _keep(connections: Connections, origin: Origin) -> None:
    until = time.monotonic() + 5
    connections.give(connections.connect(origin, guarded=False, until=until, deadline=until))


def test_an_idle_connection_is_used_again_for_its_own_origin_only(connections: Connections, origin: Origin) -> None:
    _keep(connections, origin)

    other = connections.take(Origin("http", "localhost", origin.port), guarded=False)
    guarded = connections.take(origin, guarded=True)
    same = connections.take(origin, guarded=False)

    assert (other, guarded) == (None, None)
    assert same is not None
    assert same.reused
    same.close()


@pytest.mark.parametrize("seconds", [60.0, -60.0])
def test_a_connection_that_was_idle_for_long_is_not_used_again(
    connections: Connections, origin: Origin, seconds: float
) -> None:
    until = time.monotonic() + 5
    connection = connections.connect(origin, guarded=False, until=until, deadline=until)
    connections.give(connection)
    # What a frozen function finds when it goes on; or, below zero, one whose clock was set back.
    connection.idle_since = time.time() - seconds

    assert connections.take(origin, guarded=False) is None


def test_the_number_of_idle_connections_is_bounded(connections: Connections, origin: Origin) -> None:
    for _ in range(70):
        _keep(connections, origin)

    kept = []
    while (connection := connections.take(origin, guarded=False)) is not None:
        kept.append(connection)
    for connection in kept:
        connection.close()

    assert len(kept) == 64


def test_small_packets_are_sent_at_once(connections: Connections, listener: socket.socket, origin: Origin) -> None:
    until = time.monotonic() + 5
    connection = connections.connect(origin, guarded=False, until=until, deadline=until)

    no_delay = connection._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    connection.close()

    assert no_delay != 0


def test_certificates_are_loaded_once() -> None:
    assert default_ssl_context() is default_ssl_context()

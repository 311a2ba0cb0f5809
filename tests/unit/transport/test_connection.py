from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from promptside.errors import ProviderNotConnected
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


def test_a_name_server_that_is_silent_costs_no_more_than_the_time_to_connect() -> None:
    answered = threading.Event()

    def silent(_host: str, _port: int) -> list[str]:
        answered.wait(5)
        return []

    connections = Connections(resolver=silent, allow_private_hosts=True)
    started = time.monotonic()
    with pytest.raises(ProviderNotConnected) as caught:
        connections.connect(
            Origin("https", "slow.example", 443), guarded=True, until=started + 0.05, deadline=started + 5
        )
    answered.set()

    assert time.monotonic() - started < 1
    assert caught.value.message == "slow.example cannot be reached: no connection within the time to connect"


def test_a_name_that_does_not_exist_is_said_to_be_one() -> None:
    def unknown(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    connections = Connections(resolver=unknown, allow_private_hosts=True)
    until = time.monotonic() + 5
    with pytest.raises(ProviderNotConnected) as caught:
        connections.connect(Origin("https", "no.example", 443), guarded=True, until=until, deadline=until)

    assert caught.value.message == "no.example cannot be reached: its name cannot be resolved"

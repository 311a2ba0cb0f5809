from __future__ import annotations

import socket
import ssl
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from promptside.errors import ProviderTimeout, ProviderUnreachable
from promptside.providers.base import DONE, ProviderRequest, StreamEvent
from promptside.transport.base import Limits
from promptside.transport.http import HttpTransport
from tests.certificates import make_contexts
from tests.upstream import Fault, Upstream, drip, json_reply, raw_reply, sse_reply

_A = b'data: {"a":1}\n\n'
A = StreamEvent("", {"a": 1})


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    folder: Path = tmp_path_factory.mktemp("certificates")
    return make_contexts(folder)


@pytest.fixture
def server(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> ssl.SSLContext:
    return contexts[0]


@pytest.fixture
def transport(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> HttpTransport:
    return HttpTransport(ssl_context=contexts[1], resolver=lambda host, port: ["127.0.0.1"])


def _limits(seconds: float = 5.0) -> Limits:
    return Limits(deadline=time.monotonic() + seconds)


def test_calls_share_one_tls_connection(transport: HttpTransport, server: ssl.SSLContext) -> None:
    with Upstream(json_reply({"n": 1}), json_reply({"n": 2}), ssl_context=server) as upstream:
        request = ProviderRequest(url=upstream.url, body=b"x" * 300_000)
        bodies = [transport.send(request, _limits()).body for _ in range(2)]
        transport.close()

    assert bodies == [b'{"n": 1}', b'{"n": 2}']
    assert [(seen.connection, len(seen.body)) for seen in upstream.requests] == [(1, 300_000), (1, 300_000)]


def test_events_and_ticks_come_through_tls_as_they_are_sent(transport: HttpTransport, server: ssl.SSLContext) -> None:
    gate = threading.Event()

    with Upstream(sse_reply([_A, gate, *drip(_A, 0.0), b"data: [DONE]\n\n"]), ssl_context=server) as upstream:
        stream = transport.open(ProviderRequest(url=upstream.url, body=b"{}"), replace(_limits(), tick_seconds=0.02))
        batches = stream.batches()
        seen = [next(batches) for _ in range(3)]
        gate.set()
        rest = [event for batch in batches for event in batch]
        stream.close()
        transport.close()

    assert (seen, rest) == ([[A], [], []], [A, DONE])


def test_a_large_event_comes_through_tls(transport: HttpTransport, server: ssl.SSLContext) -> None:
    large = b'data: {"t":"' + b"x" * 500_000 + b'"}\n\n'

    with Upstream(sse_reply([large, _A]), ssl_context=server) as upstream:
        stream = transport.open(ProviderRequest(url=upstream.url, body=b"{}"), _limits())
        events = [event for batch in stream.batches() for event in batch]
        stream.close()
        transport.close()

    assert events == [StreamEvent("", {"t": "x" * 500_000}), A]


def test_a_kept_tls_connection_that_the_provider_closed_is_replaced(
    transport: HttpTransport, server: ssl.SSLContext
) -> None:
    replies = [replace(json_reply({}), drop_after=True), json_reply({}), raw_reply(Fault.RESET), json_reply({"n": 4})]

    with Upstream(*replies, ssl_context=server) as upstream:
        request = ProviderRequest(url=upstream.url, body=b"{}")
        transport.send(request, _limits())
        assert upstream.requests[0].finished.wait(5)
        transport.send(request, _limits())
        last = transport.send(request, _limits())
        transport.close()

    assert last.body == b'{"n": 4}'


def test_slow_headers_over_tls_cannot_outlive_the_limit(transport: HttpTransport, server: ssl.SSLContext) -> None:
    started = time.monotonic()

    with (
        Upstream(raw_reply(*drip(b"HTTP/1.1 200 OK\r\n" * 9, 0.02)), ssl_context=server) as upstream,
        pytest.raises(ProviderTimeout),
    ):
        transport.send(ProviderRequest(url=upstream.url, body=b"{}"), replace(_limits(), first_byte_seconds=0.15))

    assert time.monotonic() - started < 1.0


def test_a_handshake_that_hangs_cannot_outlive_the_time_to_connect(transport: HttpTransport) -> None:
    # The kernel accepts the connection, and nobody answers.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        request = ProviderRequest(url=f"https://127.0.0.1:{listener.getsockname()[1]}/", body=b"{}")
        with pytest.raises(ProviderUnreachable) as caught:
            transport.send(request, replace(_limits(), connect_seconds=0.15))

    assert caught.value.message == "127.0.0.1 cannot be reached: no connection within the time to connect"


def test_the_certificate_is_checked_against_the_host(transport: HttpTransport, server: ssl.SSLContext) -> None:
    with Upstream(json_reply({}), ssl_context=server) as upstream:
        good = transport.send(ProviderRequest(url=f"https://models.example:{upstream.port}/", body=b""), _limits())
        with pytest.raises(ProviderUnreachable) as caught:
            transport.send(ProviderRequest(url=f"https://other.example:{upstream.port}/", body=b""), _limits())
        transport.close()

    assert good.status == 200
    assert caught.value.message.startswith(
        "other.example cannot be reached: its certificate is not valid (Hostname mis"
    )
    assert len(upstream.requests) == 1


def test_an_unknown_issuer_is_not_trusted(server: ssl.SSLContext) -> None:
    with Upstream(json_reply({}), ssl_context=server) as upstream, pytest.raises(ProviderUnreachable) as caught:
        HttpTransport().send(ProviderRequest(url=upstream.url, body=b""), _limits())

    assert caught.value.message.startswith("127.0.0.1 cannot be reached: its certificate is not valid (self")

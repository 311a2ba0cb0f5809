from __future__ import annotations

import http.client
import threading

import pytest

from tests.upstream import Fault, Reply, Request, Upstream, json_reply, raw_reply, sse_reply


def _connect(upstream: Upstream) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", upstream.port, timeout=5)


def test_replies_are_served_in_order_on_one_connection_and_requests_are_recorded() -> None:
    with Upstream(json_reply({"n": 1}), json_reply({"n": 2}, status=429)) as upstream:
        client = _connect(upstream)
        client.request("POST", "/v1/x?y=1", body=b'{"a": 1}', headers={"X-Key": "k"})
        first = client.getresponse().read()
        client.request("GET", "/v1/z")
        second = client.getresponse()
        body = second.read()
        client.close()

    assert (first, second.status, body) == (b'{"n": 1}', 429, b'{"n": 2}')
    assert [(seen.method, seen.path, seen.connection) for seen in upstream.requests] == [
        ("POST", "/v1/x?y=1", 1),
        ("GET", "/v1/z", 1),
    ]
    assert upstream.requests[0].json() == {"a": 1}
    assert upstream.requests[0].headers["x-key"] == "k"


def test_a_route_can_compute_its_reply_from_the_request() -> None:
    def echo(request: Request) -> Reply:
        return Reply(201, {}, [request.body])

    with Upstream() as upstream:
        upstream.routes["/echo"] = echo
        client = _connect(upstream)
        client.request("POST", "/echo?q", body=b"hello")
        answer = client.getresponse()
        body = answer.read()
        client.close()

    assert (answer.status, body) == (201, b"hello")


def test_the_next_part_waits_for_the_event() -> None:
    gate = threading.Event()

    with Upstream(sse_reply([b"one", gate, b"two"])) as upstream:
        client = _connect(upstream)
        client.request("GET", "/")
        answer = client.getresponse()
        first = answer.read1(100)
        finished_early = upstream.requests[0].finished.is_set()
        gate.set()
        rest = answer.read()
        client.close()

    assert (first, finished_early, rest) == (b"one", False, b"two")


def test_a_client_that_leaves_early_is_noticed() -> None:
    with Upstream(sse_reply([b"one", Fault.HANG])) as upstream:
        client = _connect(upstream)
        client.request("GET", "/")
        answer = client.getresponse()
        answer.read1(100)
        answer.close()
        client.close()

        assert upstream.requests[0].client_closed.wait(5)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (raw_reply(Fault.CUT), http.client.RemoteDisconnected),
        (raw_reply(Fault.RESET), ConnectionResetError),
        (Reply(steps=[b"half", Fault.CUT], headers={"content-length": "9"}), http.client.IncompleteRead),
    ],
)
def test_faults_break_the_connection(reply: Reply, error: type[Exception]) -> None:
    def call(client: http.client.HTTPConnection) -> bytes:
        client.request("GET", "/")
        with client.getresponse() as answer:
            return answer.read()

    with Upstream(reply) as upstream:
        client = _connect(upstream)
        with pytest.raises(error):
            call(client)
        client.close()

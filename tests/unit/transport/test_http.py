from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from promptside import __version__
from promptside.errors import InvalidRequest, ProviderError, ProviderTimeout, ProviderUnreachable, ProviderUnusable
from promptside.providers.base import ProviderRequest
from promptside.transport.base import Limits
from promptside.transport.client import HttpClient, HttpRequest
from promptside.transport.http import HttpTransport
from tests.upstream import Fault, Reply, Request, Upstream, drip, json_reply, raw_reply

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    made = HttpTransport(allow_private_hosts=True)
    yield made
    made.close()


def _limits(seconds: float = 5.0) -> Limits:
    return Limits(deadline=time.monotonic() + seconds)


def _request(upstream: Upstream, body: bytes = b"{}", **headers: str) -> ProviderRequest:
    return ProviderRequest(url=upstream.url + "/v1/chat?x=%3A", body=body, headers=headers)


def test_a_request_goes_out_as_built_and_the_answer_comes_back_whole(transport: HttpTransport) -> None:
    answer = Reply(201, {"X-Request-Id": "r1", "set-cookie": "a"}, [b'{"ok": 1}'])

    with Upstream(answer) as upstream:
        response = transport.send(_request(upstream, b'{"a": 1}', Authorization="Bearer k"), _limits())

    assert (response.status, response.body, response.headers["x-request-id"]) == (201, b'{"ok": 1}', "r1")
    seen = upstream.requests[0]
    assert (seen.method, seen.path, seen.body) == ("POST", "/v1/chat?x=%3A", b'{"a": 1}')
    assert seen.headers == {
        "host": f"127.0.0.1:{upstream.port}",
        "accept-encoding": "identity",
        "user-agent": f"promptside/{__version__}",
        "authorization": "Bearer k",
        "content-length": "8",
    }


def test_a_provider_cannot_have_its_framing_headers_replaced(transport: HttpTransport) -> None:
    headers = {"content-length": "9", "Transfer-Encoding": "chunked", "host": "evil", "connection": "close", "te": "x"}

    with Upstream(json_reply({})) as upstream:
        transport.send(replace(_request(upstream, b"{}"), headers=headers), _limits())

    assert set(upstream.requests[0].headers) == {"host", "accept-encoding", "user-agent", "content-length"}
    assert upstream.requests[0].headers["content-length"] == "2"


def test_connections_are_kept_for_the_next_call(transport: HttpTransport) -> None:
    with Upstream(*(json_reply({"n": n}) for n in range(3))) as upstream:
        bodies = [transport.send(_request(upstream), _limits()).body for _ in range(3)]

    assert bodies == [b'{"n": 0}', b'{"n": 1}', b'{"n": 2}']
    assert [seen.connection for seen in upstream.requests] == [1, 1, 1]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, {"connection": "close"}, [b"{}"]),
        Reply(200, {}, [b"{}"], "close"),
        raw_reply(b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}"),
        raw_reply(_HEAD + b"content-length: 2\r\n\r\n{}surplus"),
    ],
)
def test_a_connection_that_cannot_be_kept_is_not(transport: HttpTransport, reply: Reply) -> None:
    with Upstream(reply, json_reply({"second": True})) as upstream:
        first = transport.send(_request(upstream), _limits())
        second = transport.send(_request(upstream), _limits())

    assert (first.body, second.body) == (b"{}", b'{"second": true}')
    assert [seen.connection for seen in upstream.requests] == [1, 2]


def test_a_kept_connection_that_the_provider_closed_is_replaced(transport: HttpTransport) -> None:
    with Upstream(replace(json_reply({}), drop_after=True), json_reply({"second": True})) as upstream:
        transport.send(_request(upstream), _limits())
        assert upstream.requests[0].finished.wait(5)
        second = transport.send(_request(upstream), _limits())

    assert second.body == b'{"second": true}'


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.RESET])
def test_a_kept_connection_that_ends_before_the_first_byte_is_replaced_once(
    transport: HttpTransport, fault: Fault
) -> None:
    with Upstream(json_reply({}), raw_reply(fault), json_reply({"third": True})) as upstream:
        transport.send(_request(upstream), _limits())
        second = transport.send(_request(upstream), _limits())

    assert second.body == b'{"third": true}'
    assert [seen.connection for seen in upstream.requests] == [1, 1, 2]


def test_a_kept_connection_that_ends_after_a_while_may_have_been_at_work_and_is_not_tried_again() -> None:
    client = HttpClient(allow_private_hosts=True, stale_seconds=0.0)
    with Upstream(json_reply({}), raw_reply(Fault.CUT), json_reply({})) as upstream, contextlib.closing(client):
        request = HttpRequest("POST", upstream.url)
        first = client.open(request, _limits())
        first.read(_limits())
        first.close()
        with pytest.raises(ProviderUnreachable):
            client.open(request, _limits())

    assert [seen.connection for seen in upstream.requests] == [1, 1]


@pytest.mark.parametrize("reply", [raw_reply(Fault.CUT), raw_reply(Fault.RESET), raw_reply(_HEAD, Fault.CUT)])
def test_a_cut_before_the_headers_of_a_fresh_connection_is_not_tried_again(
    transport: HttpTransport, reply: Reply
) -> None:
    with Upstream(reply, json_reply({})) as upstream:
        with pytest.raises(ProviderUnreachable) as caught:
            transport.send(_request(upstream), _limits())
        assert len(upstream.requests) == 1

    assert (caught.value.status, caught.value.code) == (502, "provider_unreachable")
    assert caught.value.message == "127.0.0.1 closed the connection without an answer"


def test_a_kept_connection_that_answers_one_byte_and_ends_is_not_tried_again(transport: HttpTransport) -> None:
    with Upstream(json_reply({}), raw_reply(b"H", Fault.CUT), json_reply({})) as upstream:
        transport.send(_request(upstream), _limits())
        with pytest.raises(ProviderUnreachable):
            transport.send(_request(upstream), _limits())

    assert len(upstream.requests) == 2


def test_a_large_body_is_sent_whole(transport: HttpTransport) -> None:
    with Upstream(json_reply({}, status=413)) as upstream:
        response = transport.send(_request(upstream, b"x" * 3_000_000), _limits())

    assert (response.status, upstream.requests[0].body) == (413, b"x" * 3_000_000)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304])
def test_a_redirect_is_never_followed(transport: HttpTransport, status: int) -> None:
    with Upstream() as upstream:
        upstream.default = Reply(status, {"location": upstream.url + "/elsewhere"})
        with pytest.raises(ProviderUnusable) as caught:
            transport.send(_request(upstream), _limits())

    assert caught.value.status == 502
    assert len(upstream.requests) == 1


def test_a_refused_connection_names_the_host_and_no_header(transport: HttpTransport) -> None:
    with Upstream() as upstream:
        request = _request(upstream, authorization="Bearer secret-key")

    with pytest.raises(ProviderUnreachable) as caught:
        transport.send(request, _limits())

    assert caught.value.message == "127.0.0.1 cannot be reached: it refused the connection"


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (socket.gaierror(-2, "Name or service not known"), "its name cannot be resolved"),
        (OSError(113, "No route to host"), "the network has no way to it"),
    ],
)
def test_a_host_that_is_not_found_is_unreachable(failure: OSError, why: str) -> None:
    def fail(host: str, port: int) -> list[str]:
        raise failure

    with pytest.raises(ProviderUnreachable) as caught:
        HttpTransport(resolver=fail).send(ProviderRequest(url="https://nowhere.example/", body=b""), _limits())

    assert caught.value.message == f"nowhere.example cannot be reached: {why}"


@pytest.mark.parametrize("name", ["first_byte_seconds", "deadline"])
@pytest.mark.parametrize(
    "steps",
    [
        [Fault.HANG],
        drip(_HEAD, 0.02),
        [b"HTTP/1.1 100 Continue\r\n\r\n", Fault.HANG],
    ],
)
def test_a_provider_that_sends_no_head_is_given_up_in_time(
    transport: HttpTransport, name: str, steps: list[bytes | float | threading.Event | Fault]
) -> None:
    limits = Limits(time.monotonic() + 0.15) if name == "deadline" else replace(_limits(), first_byte_seconds=0.15)
    started = time.monotonic()

    with Upstream(raw_reply(*steps)) as upstream:
        with pytest.raises(ProviderTimeout) as caught:
            transport.send(_request(upstream), limits)
        assert upstream.requests[0].client_closed.wait(5)

    assert (caught.value.status, caught.value.code) == (504, "provider_timeout")
    assert time.monotonic() - started < 1.0


@pytest.mark.parametrize(
    ("reply", "limit"),
    [
        (Reply(steps=[b'{"a":', Fault.HANG], headers={"content-length": "99"}), "idle_seconds"),
        (Reply(steps=[b'{"a":', Fault.HANG], headers={"content-length": "99"}), "deadline"),
        (Reply(steps=drip(b"x" * 99, 0.02), headers={"content-length": "99"}), "deadline"),
        (raw_reply(_HEAD + b"transfer-encoding: chunked\r\n\r\n", *drip(b"5\r\nhello\r\n" * 9, 0.02)), "deadline"),
    ],
)
def test_a_body_that_does_not_end_is_given_up_in_time(transport: HttpTransport, reply: Reply, limit: str) -> None:
    limits = Limits(time.monotonic() + 0.15) if limit == "deadline" else replace(_limits(), idle_seconds=0.15)
    started = time.monotonic()

    with Upstream(reply) as upstream, pytest.raises(ProviderTimeout):
        transport.send(_request(upstream), limits)

    assert time.monotonic() - started < 1.0


def test_a_deadline_that_is_over_sends_nothing(transport: HttpTransport) -> None:
    with Upstream(json_reply({})) as upstream, pytest.raises(ProviderTimeout):
        transport.send(_request(upstream), Limits(time.monotonic() - 1))

    assert upstream.requests == []


@pytest.mark.parametrize("kept", [False, True])
def test_a_stream_whose_caller_waits_no_longer_is_not_asked_for(transport: HttpTransport, kept: bool) -> None:
    with Upstream(json_reply({})) as upstream:
        if kept:
            transport.send(_request(upstream), _limits())
        sent = len(upstream.requests)

        with pytest.raises(ProviderTimeout):
            transport.open(_request(upstream), replace(_limits(), first_event_by=time.monotonic()))

    assert len(upstream.requests) == sent


@pytest.mark.parametrize(
    "reply",
    [
        Reply(steps=[b"half", Fault.CUT], headers={"content-length": "9"}),
        Reply(steps=[b"half", Fault.RESET], headers={"content-length": "9"}),
        Reply(steps=[b"half", Fault.CUT], framing="chunked"),
        raw_reply(_HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nhel", Fault.CUT),
    ],
)
def test_an_answer_cut_short_is_unusable(transport: HttpTransport, reply: Reply) -> None:
    with Upstream(reply) as upstream, pytest.raises(ProviderUnusable) as caught:
        transport.send(_request(upstream), _limits())

    assert caught.value.message == "127.0.0.1 closed the connection before its answer was complete"


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 099 No\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello, world\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000,
    ],
)
def test_what_is_not_http_is_unusable(transport: HttpTransport, answer: bytes) -> None:
    with Upstream(raw_reply(answer, Fault.HANG)) as upstream, pytest.raises(ProviderUnusable) as caught:
        transport.send(_request(upstream), _limits())

    assert caught.value.message.startswith("127.0.0.1 sent ")


def test_an_interim_answer_is_skipped_and_an_empty_answer_is_empty(transport: HttpTransport) -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"

    with Upstream(raw_reply(interim)) as upstream:
        response = transport.send(_request(upstream), _limits())

    assert (response.status, response.body) == (204, b"")


def test_a_body_over_the_limit_is_refused(transport: HttpTransport) -> None:
    with Upstream(Reply(steps=[b"x" * 100_000, Fault.HANG], framing="chunked")) as upstream:
        with pytest.raises(ProviderUnusable) as caught:
            transport.send(_request(upstream), replace(_limits(), body_bytes=50_000))
        assert upstream.requests[0].client_closed.wait(5)

    assert caught.value.message == "The answer of 127.0.0.1 is larger than 50000 bytes"


def _raw_deflate(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(data) + deflater.flush()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b'{"ok": 1}')),
        ("GZIP", gzip.compress(b'{"ok": 1}')),
        ("deflate", zlib.compress(b'{"ok": 1}')),
        ("deflate", _raw_deflate(b'{"ok": 1}')),
        ("identity", b'{"ok": 1}'),
    ],
)
def test_a_compressed_answer_is_inflated_although_none_was_asked_for(
    transport: HttpTransport, encoding: str, body: bytes
) -> None:
    with Upstream(Reply(200, {"content-encoding": encoding}, [body])) as upstream:
        assert transport.send(_request(upstream), _limits()).body == b'{"ok": 1}'


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b"\0" * 50_000_000, 1)),
        ("gzip", b"not gzip"),
        ("gzip", gzip.compress(b"x" * 1000)[:-9]),
        ("br", b"anything"),
        ("gzip, gzip", b"anything"),
    ],
)
def test_a_bomb_or_broken_compression_is_refused(transport: HttpTransport, encoding: str, body: bytes) -> None:
    limits = replace(_limits(), body_bytes=1_000_000)

    with Upstream(Reply(200, {"content-encoding": encoding}, [body])) as upstream, pytest.raises(ProviderUnusable):
        transport.send(_request(upstream), limits)


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\nb", "a\0b", "a\x7f", "snow ☃", "\x1b[0m"])
def test_a_header_that_could_smuggle_never_goes_out(transport: HttpTransport, value: str) -> None:
    with Upstream(json_reply({})) as upstream, pytest.raises(InvalidRequest) as caught:
        transport.send(replace(_request(upstream), headers={"x-trace": value}), _limits())

    assert (caught.value.param, value in caught.value.message) == ("x-trace", False)
    assert upstream.connections == 0


@pytest.mark.parametrize("name", ["", "a b", "a\r\n", "a:b", "ä"])
def test_a_header_name_that_could_smuggle_never_goes_out(transport: HttpTransport, name: str) -> None:
    with Upstream(json_reply({})) as upstream, pytest.raises(InvalidRequest):
        transport.send(replace(_request(upstream), headers={name: "x"}), _limits())

    assert upstream.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h/",
        "//h/",
        "http://",
        "http://h:0/",
        "http://h:99999/",
        "http://h:x/",
        "http://user:pass@h/",
        "http://h/a b",
        "http://h/\r\nx: y",
        "http://h/\0",
        "http://h/#f",
        "http://h\\@evil/",
        "http://ü.example/",
        "http://h%2f/",
        "http://-h/",
        "http://[::1/",
    ],
)
def test_a_url_that_could_lead_elsewhere_is_refused(transport: HttpTransport, url: str) -> None:
    with pytest.raises(InvalidRequest):
        transport.send(ProviderRequest(url=url, body=b""), _limits())


def test_many_threads_share_the_transport(transport: HttpTransport) -> None:
    def echo(request: Request) -> Reply:
        return json_reply({"echo": request.json()})

    def call(number: int) -> None:
        for turn in range(10):
            body = json.dumps([number, turn]).encode()
            seen.append(json.loads(transport.send(_request(upstream, body), _limits()).body)["echo"])

    seen: list[list[int]] = []
    with Upstream() as upstream:
        upstream.default = echo
        threads = [threading.Thread(target=call, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

    assert sorted(seen) == [[number, turn] for number in range(8) for turn in range(10)]
    assert upstream.connections <= 8


def test_an_error_status_is_an_answer_like_any_other(transport: HttpTransport) -> None:
    with Upstream(
        json_reply({"error": {"message": "slow down"}}, status=429, headers={"Retry-After": "2"})
    ) as upstream:
        response = transport.send(_request(upstream), _limits())

    assert (response.status, response.headers["retry-after"]) == (429, "2")


def test_no_secret_is_in_the_repr_of_what_was_built_and_received(transport: HttpTransport) -> None:
    with Upstream(Reply(200, {"x": "secret"}, [b"secret"])) as upstream:
        response = transport.send(_request(upstream, b"secret", authorization="secret"), _limits())

    assert "secret" not in repr(response)
    assert issubclass(ProviderUnusable, ProviderError)

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from local.bodies import LARGEST_BODY_BYTES
from local.server import LocalServer
from promptside.api.http import HttpRequest, HttpResponse

TIMEOUT = 10


class Stream:
    """A body whose parts the test hands out, and that remembers its end."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        return self._parts

    def close(self) -> None:
        self.closed.set()


def echo(request: HttpRequest) -> HttpResponse:
    seen = {
        "method": request.method,
        "path": request.path,
        "query": dict(request.query),
        "headers": {name: value for name, value in request.headers.items() if name.startswith("x-")},
        "body": len(request.body),
    }
    return HttpResponse(200, {"content-type": "application/json"}, json.dumps(seen).encode())


@contextmanager
def serving(answer: Callable[[HttpRequest], HttpResponse], *, threads: int = 4) -> Iterator[int]:
    server = LocalServer("127.0.0.1", 0, answer, threads=threads)
    # How long stopping takes at most.
    server.expiration_interval = 0.05
    server.prepare()
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server.bind_addr[1]
    finally:
        server.stop()
        thread.join()


@pytest.fixture(scope="module")
def echo_port() -> Iterator[int]:
    with serving(echo) as port:
        yield port


def exchange(port: int, data: bytes) -> bytes:
    """Send raw bytes, stop sending, and read to the end."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


def parts_of(raw: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return int(status.split()[1]), dict(line.split(": ", 1) for line in lines), body


def call(port: int, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, json.loads(content)


def test_the_request_arrives_as_it_was_sent(echo_port: int) -> None:
    answer = call(echo_port, "PUT", "/v1//prompts/a%40b?x=1&y=&z=a+b", b"12345", **{"X-One": "1"})

    assert answer == (
        200,
        {
            "method": "PUT",
            "path": "/v1//prompts/a%40b",
            "query": {"x": "1", "y": "", "z": "a b"},
            "headers": {"x-one": "1"},
            "body": 5,
        },
    )


def test_repeated_headers_are_joined(echo_port: int) -> None:
    raw = exchange(echo_port, b"GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nx-a: 2\r\nConnection: close\r\n\r\n")

    assert json.loads(parts_of(raw)[2])["headers"] == {"x-a": "1, 2"}


def test_a_connection_is_used_again_and_pipelined_requests_are_answered_in_order(echo_port: int) -> None:
    one = b"POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"
    two = b"POST /2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\n"
    three = b"GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    raw = exchange(echo_port, one + two + three)

    bodies = [part.partition(b"\r\n\r\n")[2] for part in raw.split(b"HTTP/1.1 200 OK")[1:]]
    assert [(json.loads(body)["path"], json.loads(body)["body"]) for body in bodies] == [
        ("/1", 2),
        ("/2", 3),
        ("/3", 0),
    ]


def test_an_old_client_is_answered_and_the_connection_closed(echo_port: int) -> None:
    status, headers, _ = parts_of(exchange(echo_port, b"GET / HTTP/1.0\r\n\r\n"))

    assert (status, headers["connection"]) == (200, "close")


def test_head_gets_the_headers_only(echo_port: int) -> None:
    status, headers, body = parts_of(exchange(echo_port, b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))

    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 0


def test_no_header_tells_which_server_this_is(echo_port: int) -> None:
    _, headers, _ = parts_of(exchange(echo_port, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))

    assert sorted(headers) == ["connection", "content-length", "content-type", "date"]


def test_a_client_that_expects_it_is_told_to_continue(echo_port: int) -> None:
    with socket.create_connection(("127.0.0.1", echo_port), timeout=TIMEOUT) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        first = client.recv(1000)
        client.sendall(b"ab")
        second = client.recv(1000)

    assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert parts_of(second)[0] == 200


@pytest.mark.parametrize(
    "data",
    [
        b"GARBAGE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/9\r\n\r\n",
        b"get / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://elsewhere/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nshort",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nab\r\n0\r\n\r\n",
    ],
)
def test_bad_http_gets_the_common_error_body_and_the_server_goes_on(echo_port: int, data: bytes) -> None:
    status, headers, body = parts_of(exchange(echo_port, data))

    error = json.loads(body)
    assert (status, headers["connection"]) == (400, "close")
    assert (error["status"], error["error"]["type"]) == ("failure", "invalid_request_error")
    assert call(echo_port, "GET", "/")[0] == 200


def test_a_path_may_begin_with_two_slashes(echo_port: int) -> None:
    raw = exchange(echo_port, b"GET //prompts/x?a=b HTTP/1.1\r\nHost: x\r\n\r\n")

    status, _, body = parts_of(raw)
    seen = json.loads(body)
    assert (status, seen["path"], seen["query"]) == (200, "//prompts/x", {"a": "b"})


def test_headers_without_end_are_refused(echo_port: int) -> None:
    raw = exchange(echo_port, b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 100_000 + b"\r\n\r\n")

    assert parts_of(raw)[0] == 413


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_beyond_all_measure_is_refused_while_it_is_still_coming(echo_port: int, *, chunked: bool) -> None:
    size = LARGEST_BODY_BYTES + 1
    body = (b"x" * 65536 for _ in range(size // 65536 + 1)) if chunked else b"x" * size

    status, answer = call(echo_port, "POST", "/", body)

    assert (status, answer["error"]["code"]) == (413, "payload_too_large")


def test_ten_megabytes_arrive(echo_port: int) -> None:
    assert call(echo_port, "POST", "/", b"x" * 10_000_000)[1]["body"] == 10_000_000


def test_a_crash_is_an_answer(echo_port: int) -> None:
    def crash(request: HttpRequest) -> HttpResponse:
        raise LookupError(request.path)

    with serving(crash) as port:
        status, answer = call(port, "GET", "/")

    assert (status, answer["error"]["code"]) == (500, "internal_error")


def test_each_part_of_a_stream_leaves_before_the_next_is_made() -> None:
    proceed = threading.Event()

    def parts() -> Iterator[bytes]:
        yield b"first"
        assert proceed.wait(TIMEOUT)
        yield b""
        yield b"second"

    stream = Stream(parts())
    with serving(lambda _: HttpResponse(200, {"content-type": "text/plain"}, stream)) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        connection.request("GET", "/")
        answer = connection.getresponse()
        first = answer.read(5)
        proceed.set()
        rest = answer.read()
        connection.close()

    assert (first, rest) == (b"first", b"second")
    assert answer.getheader("transfer-encoding") == "chunked"
    assert stream.closed.is_set()


def test_an_old_client_gets_a_stream_without_chunks() -> None:
    stream = Stream(iter([b"one ", b"", b"two"]))
    with (
        serving(lambda _: HttpResponse(200, {}, stream)) as port,
        socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as client,
    ):
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        raw = b"".join(iter(lambda: client.recv(65536), b""))

    assert parts_of(raw)[2] == b"one two"


@pytest.mark.parametrize("part", [b"", b"x" * 1000])
def test_a_stream_is_closed_when_its_client_has_left(part: bytes) -> None:
    left = threading.Event()

    def parts() -> Iterator[bytes]:
        yield b"hello"
        assert left.wait(TIMEOUT)
        while True:
            yield part

    stream = Stream(parts())
    with serving(lambda _: HttpResponse(200, {}, stream)) as port:
        client = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(1000)
        client.close()
        left.set()

        assert stream.closed.wait(TIMEOUT)


def test_a_stream_that_breaks_has_no_last_chunk() -> None:
    def parts() -> Iterator[bytes]:
        yield b"half"
        raise LookupError("broken")

    stream = Stream(parts())
    with serving(lambda _: HttpResponse(200, {}, stream)) as port:
        raw = exchange(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    assert raw.endswith(b"\r\n\r\n4\r\nhalf\r\n")
    assert stream.closed.is_set()


def test_a_silent_client_does_not_hold_up_others() -> None:
    with serving(echo, threads=2) as port, socket.create_connection(("127.0.0.1", port)) as silent:
        silent.sendall(b"POST / HTTP/1.1\r\n")

        assert call(port, "GET", "/")[0] == 200


def test_a_client_that_never_pauses_does_not_hold_up_others() -> None:
    done, answered = threading.Event(), threading.Event()

    def keep_asking(port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        while not done.is_set():
            connection.request("GET", "/busy")
            connection.getresponse().read()
            answered.set()
        connection.close()

    with serving(echo, threads=1) as port:
        busy = threading.Thread(target=keep_asking, args=(port,))
        busy.start()
        try:
            assert answered.wait(TIMEOUT)
            assert call(port, "GET", "/other")[0] == 200
        finally:
            done.set()
            busy.join()


def test_connections_that_send_nothing_take_no_thread() -> None:
    with serving(echo, threads=2) as port, contextlib.ExitStack() as open_connections:
        for _ in range(20):
            open_connections.enter_context(socket.create_connection(("127.0.0.1", port)))

        assert call(port, "GET", "/")[0] == 200


def test_stopping_ends_open_streams() -> None:
    def parts() -> Iterator[bytes]:
        while True:
            yield b"x"

    stream = Stream(parts())
    with serving(lambda _: HttpResponse(200, {}, stream)) as port:
        client = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(1000)
        drain = threading.Thread(target=lambda: b"".join(iter(lambda: client.recv(65536), b"")))
        drain.start()
    drain.join()
    client.close()

    assert stream.closed.is_set()

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from promptside.runtime.response import ClientGone, NothingWritten, StreamedResponse


class Listener:
    """Accepts one connection and hands out what arrives."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.connection: socket.socket | None = None
        self.accepted = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        try:
            self.connection, _ = self._socket.accept()
        except OSError:
            return
        self.accepted.set()

    def received(self, ending: bytes) -> bytes:
        assert self.accepted.wait(5)
        assert self.connection is not None
        self.connection.settimeout(5)
        data = b""
        while not data.endswith(ending):
            data += self.connection.recv(65536)
        return data

    def close(self) -> None:
        self._socket.close()
        if self.connection is not None:
            self.connection.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    server = Listener()
    yield server
    server.close()


@pytest.fixture
def response(listener: Listener) -> Iterator[StreamedResponse]:
    answer = StreamedResponse(listener.address, "/2018-06-01/runtime/invocation/r-1/response", {"X-Echo": "1"})
    answer.describe("text/event-stream", b"PRELUDE")
    yield answer
    answer.close()


def test_head_prelude_and_first_part_leave_together_and_each_part_is_one_chunk(
    listener: Listener, response: StreamedResponse
) -> None:
    response.write(b"one")
    response.write(b"twenty characters or")

    received = listener.received(b"14\r\ntwenty characters or\r\n").decode()

    assert received == (
        "POST /2018-06-01/runtime/invocation/r-1/response HTTP/1.1\r\n"
        f"Host: {listener.address}\r\n"
        "Lambda-Runtime-Function-Response-Mode: streaming\r\n"
        "Transfer-Encoding: chunked\r\n"
        "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n"
        "Connection: close\r\n"
        "X-Echo: 1\r\n"
        "Content-Type: text/event-stream\r\n"
        "\r\n"
        "a\r\nPRELUDEone\r\n"
        "14\r\ntwenty characters or\r\n"
    )


def test_an_empty_part_sends_nothing(listener: Listener, response: StreamedResponse) -> None:
    response.write(b"")
    assert not response.begun

    response.write(b"one")
    response.write(b"")

    assert listener.received(b"one\r\n").endswith(b"\r\n\r\na\r\nPRELUDEone\r\n")


def test_an_answer_without_a_byte_cannot_be_finished(response: StreamedResponse) -> None:
    with pytest.raises(NothingWritten):
        response.finish()


@pytest.mark.parametrize("part", [b"", b"two"])
def test_a_closed_connection_is_noticed_at_the_next_part(
    listener: Listener, response: StreamedResponse, part: bytes
) -> None:
    response.write(b"one")
    listener.received(b"one\r\n")
    assert listener.connection is not None
    listener.connection.close()

    with pytest.raises(ClientGone):
        response.write(part)


def test_a_runtime_api_that_is_gone_counts_as_a_caller_who_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    response = StreamedResponse(address, "/response", {})

    with pytest.raises(ClientGone):
        response.write(b"one")


def test_a_content_type_cannot_carry_a_header(response: StreamedResponse) -> None:
    with pytest.raises(ValueError, match="control characters"):
        response.describe("text/plain\r\nX-Evil: 1", b"")

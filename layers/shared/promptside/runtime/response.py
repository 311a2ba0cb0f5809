"""One streamed answer to the Runtime API: a chunked request on a connection of its own."""

from __future__ import annotations

import base64
import socket
from collections.abc import Mapping

_ANSWER_SECONDS = 10.0


class ClientGone(Exception):
    """Nobody takes the answer any more: Lambda has closed the connection it was written to."""


class NothingWritten(Exception):
    """The answer ended without a byte. Front ends hang on an empty body, so it is never sent."""


class StreamedResponse:
    """Parts go out as they come, one chunk each; `begun` says whether the caller has seen anything yet.

    The request's own head, the prelude and the first part leave in one write, so that no front end ever sees a part of
    them alone.
    """

    def __init__(self, address: str, path: str, headers: Mapping[str, str]) -> None:
        self.begun = False
        self._address = address
        self._path = path
        self._headers = dict(headers)
        self._prelude = b""
        self._socket: socket.socket | None = None

    def describe(self, content_type: str, prelude: bytes) -> None:
        """Set the content type that Lambda passes on and what stands before the first part; nothing is sent."""
        if not content_type.isprintable():
            raise ValueError("The content type holds control characters")
        self._headers["Content-Type"] = content_type
        self._prelude = prelude

    def write(self, part: bytes) -> None:
        """Send one part now. Raises ClientGone. An empty part only looks whether anybody still listens."""
        if not part:
            self._raise_if_gone()
            return
        if not self.begun:
            self._begin(part)
            return
        self._raise_if_gone()
        self._send(_chunk(part))

    def finish(self) -> int:
        """End the answer and return the status that the Runtime API gave it. Raises NothingWritten, ClientGone."""
        if not self.begun:
            raise NothingWritten("The answer has no body")
        self._send(b"0\r\n\r\n")
        return self._status()

    def fail(self, error_type: str, document: bytes) -> int:
        """End a begun answer with an error, which travels in the trailers. Raises ClientGone."""
        trailers = (
            f"0\r\nLambda-Runtime-Function-Error-Type: {error_type}\r\n"
            f"Lambda-Runtime-Function-Error-Body: {base64.b64encode(document).decode()}\r\n\r\n"
        )
        self._send(trailers.encode("latin-1"))
        return self._status()

    def close(self) -> None:
        """Drop the connection; harmless when called twice."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _begin(self, part: bytes) -> None:
        host, _, port = self._address.rpartition(":")
        try:
            self._socket = socket.create_connection((host, int(port)))
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as exc:
            raise ClientGone("The Runtime API takes no connection") from exc
        self.begun = True
        self._send(self._head() + _chunk(self._prelude + part))

    def _head(self) -> bytes:
        headers = {
            "Host": self._address,
            "Lambda-Runtime-Function-Response-Mode": "streaming",
            "Transfer-Encoding": "chunked",
            "Trailer": "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
            "Connection": "close",
            **self._headers,
        }
        lines = [f"POST {self._path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _send(self, data: bytes) -> None:
        if self._socket is None:
            raise ClientGone("The answer is closed")
        try:
            self._socket.sendall(data)
        except OSError as exc:
            raise ClientGone("The answer could not be written") from exc

    def _raise_if_gone(self) -> None:
        # The first write after the other side has closed still succeeds; only looking at the socket tells at once.
        if self._socket is None:
            return
        try:
            ended = self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return
        except OSError as exc:
            raise ClientGone("The answer's connection was reset") from exc
        if ended:
            raise ClientGone("The answer's connection was closed")

    def _status(self) -> int:
        # The bytes are out: a missing or late acknowledgement must not hold up the next invocation.
        if self._socket is None:
            return 0
        try:
            self._socket.settimeout(_ANSWER_SECONDS)
            line = self._socket.recv(256).split(b" ", 2)
        except OSError:
            return 0
        return int(line[1]) if len(line) > 1 and line[1].isdigit() else 0


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)

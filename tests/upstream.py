"""A scriptable HTTP/1.1 upstream on loopback, so that every test talks to a real socket.

    with Upstream(json_reply({"ok": True})) as upstream:
        call(upstream.url + "/v1/chat/completions")
        assert upstream.requests[0].json() == {...}

Replies are taken from `routes` by path, else from the queue in order, else `default` answers. A reply is a list of
steps (see `Step`), so that a test decides with a `threading.Event`, and never by sleeping, when the next bytes go out.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import select
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, BinaryIO, Literal


class Fault(Enum):
    """What a broken server does; each ends the connection."""

    HANG = "stay silent until the client closes"
    CUT = "close in the middle, without a word"
    RESET = "send RST"


Step = bytes | float | threading.Event | Fault
"""Bytes are sent at once (one chunk when chunked), a float pauses for seconds, an Event is waited for."""

Framing = Literal["length", "chunked", "close", "raw"]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. With framing `raw` the steps are everything that is sent, status line included.

    `length` announces the size of all bytes in `steps` unless `headers` gives a content-length. `close` sends neither
    length nor chunks. `drop_after` closes the connection after a complete answer without announcing it.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    steps: Sequence[Step] = ()
    framing: Framing = "length"
    drop_after: bool = False


def json_reply(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Answer with a JSON body."""
    body = json.dumps(value).encode()
    return Reply(status, {"content-type": "application/json", **(headers or {})}, [body])


def sse_reply(steps: Sequence[Step], *, headers: Mapping[str, str] | None = None) -> Reply:
    """Answer with a chunked event stream; every bytes step is one chunk."""
    return Reply(200, {"content-type": "text/event-stream", **(headers or {})}, steps, "chunked")


def raw_reply(*steps: Step) -> Reply:
    """Answer with exactly these steps: nothing is sent that is not in them, then the connection closes."""
    return Reply(steps=steps, framing="raw")


def drip(data: bytes, pause_seconds: float) -> list[Step]:
    """Cut bytes into single ones with a pause after each: a slow-loris."""
    steps: list[Step] = []
    for byte in data:
        steps += [bytes([byte]), pause_seconds]
    return steps


@dataclass(frozen=True, slots=True)
class Request:
    """What arrived. Header names are lower case; `path` includes the query; `connection` counts from 1.

    `client_closed` is set when the client closed before the answer was complete; `finished` when the server is done
    with this request, whatever happened.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: int
    client_closed: threading.Event = field(default_factory=threading.Event)
    finished: threading.Event = field(default_factory=threading.Event)

    def json(self) -> Any:
        """Decode the body."""
        return json.loads(self.body)


Responder = Reply | Callable[[Request], Reply]

_UNEXPECTED = json_reply({"error": {"message": "the test scripted no reply for this request"}}, status=599)


class Upstream:
    """The server; a context manager. `requests` grows as requests arrive."""

    def __init__(self, *replies: Responder, ssl_context: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.routes: dict[str, Responder] = {}
        self.default: Responder = _UNEXPECTED
        self.connections = 0
        self._queue: deque[Responder] = deque(replies)
        self._ssl_context = ssl_context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._arrived = threading.Condition()
        self._stopped = threading.Event()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        """The origin, without a trailing slash."""
        return f"{'https' if self._ssl_context else 'http'}://127.0.0.1:{self.port}"

    def enqueue(self, *replies: Responder) -> None:
        """Add replies for the next requests that no route answers."""
        self._queue.extend(replies)

    def wait_for_requests(self, count: int, timeout_seconds: float = 5.0) -> list[Request]:
        """Return the requests as soon as there are `count` of them. Raises AssertionError when they do not come."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self.requests) >= count, timeout_seconds):
                raise AssertionError(f"{len(self.requests)} of {count} requests arrived")
            return list(self.requests)

    def __enter__(self) -> Upstream:
        thread = threading.Thread(target=self._accept, daemon=True)
        self._threads.append(thread)
        thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop: pending waits end, open connections close, threads are joined."""
        self._stopped.set()
        # Closing a listener does not wake accept() on every system; a connection does.
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        for connection in list(self._sockets):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(5)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._stopped.is_set():
                connection.close()
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection, self.connections), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        # A client that leaves is an ordinary event here.
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._ssl_context is not None:
                connection = self._ssl_context.wrap_socket(connection, server_side=True)
            self._sockets.add(connection)
            with connection.makefile("rb") as source:
                while self._answer_one(connection, source, number):
                    pass
        self._sockets.discard(connection)
        connection.close()

    def _answer_one(self, connection: socket.socket, source: BinaryIO, number: int) -> bool:
        request = _read_request(source, number)
        if request is None:
            return False
        with self._arrived:
            self.requests.append(request)
            responder = self.routes.get(request.path.partition("?")[0])
            if responder is None:
                responder = self._queue.popleft() if self._queue else self.default
            self._arrived.notify_all()
        reply = responder if isinstance(responder, Reply) else responder(request)
        stays_open = _Answer(connection, request, self._stopped).send(reply)
        if not stays_open:
            # Before `finished` is set, so that a test that waits for it finds the connection closed.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        request.finished.set()
        return stays_open


class _ClientGone(Exception):
    """The client closed, or the test is over."""


class _Answer:
    """Sends one reply and watches the client meanwhile."""

    def __init__(self, connection: socket.socket, request: Request, stopped: threading.Event) -> None:
        self._connection = connection
        self._request = request
        self._stopped = stopped
        self._chunked = False

    def send(self, reply: Reply) -> bool:
        """Return whether the connection stays open for another request."""
        try:
            if reply.framing != "raw":
                self._connection.sendall(_head(reply))
            self._chunked = reply.framing == "chunked"
            for step in reply.steps:
                if not self._do(step):
                    return False
            if self._chunked:
                self._connection.sendall(b"0\r\n\r\n")
        except (OSError, _ClientGone):
            if not self._stopped.is_set():
                self._request.client_closed.set()
            return False
        return reply.framing in ("length", "chunked") and not reply.drop_after

    def _do(self, step: Step) -> bool:
        if isinstance(step, bytes):
            framed = b"%x\r\n%b\r\n" % (len(step), step) if self._chunked else step
            self._connection.sendall(framed)
        elif isinstance(step, threading.Event):
            self._wait(step, 30.0)
        elif isinstance(step, Fault):
            self._break(step)
            return False
        else:
            self._wait(threading.Event(), step)
        return True

    def _break(self, fault: Fault) -> None:
        if fault is Fault.HANG:
            self._wait(threading.Event(), 60.0)
        elif fault is Fault.RESET:
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # makefile() holds the descriptor open after close(); detaching is what makes the kernel send RST now.
            socket.close(self._connection.detach())
        else:
            self._connection.shutdown(socket.SHUT_RDWR)

    def _wait(self, event: threading.Event, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if event.wait(min(left, 0.005)):
                return
            if self._stopped.is_set() or _closed_by_peer(self._connection):
                raise _ClientGone


def _closed_by_peer(connection: socket.socket) -> bool:
    if not select.select([connection], [], [], 0)[0]:
        return False
    try:
        # Called on the base class, because an SSLSocket does not peek.
        return socket.socket.recv(connection, 1, socket.MSG_PEEK) == b""
    except OSError:
        return True


def _head(reply: Reply) -> bytes:
    headers = {name.lower(): value for name, value in reply.headers.items()}
    if reply.framing == "chunked":
        headers["transfer-encoding"] = "chunked"
    elif reply.framing == "close":
        headers["connection"] = "close"
    elif "content-length" not in headers:
        headers["content-length"] = str(sum(len(step) for step in reply.steps if isinstance(step, bytes)))
    reason = http.client.responses.get(reply.status, "Unknown")
    lines = [f"HTTP/1.1 {reply.status} {reason}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _read_request(source: BinaryIO, number: int) -> Request | None:
    """Read one request; None at the end of the connection."""
    words = source.readline().decode("latin-1").split()
    if len(words) != 3:
        return None
    headers = {name.lower(): value for name, value in http.client.parse_headers(source).items()}
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = _read_chunks(source)
    else:
        body = source.read(int(headers.get("content-length", "0")))
    return Request(words[0], words[1], headers, body, number)


def _read_chunks(source: BinaryIO) -> bytes:
    body = b""
    while size := int(source.readline().partition(b";")[0], 16):
        body += source.read(size)
        source.readline()
    source.readline()
    return body

"""A threaded HTTP/1.1 server for `HttpRequest -> HttpResponse`, on cheroot's sockets, parser and threads.

What it adds: one write for a whole answer, chunks that leave at once, streams that end when the client has gone, and
the common error body for HTTP that cannot be understood.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from cheroot.server import Gateway, HeaderReader, HTTPConnection, HTTPRequest, HTTPServer

from local.bodies import read_body
from promptside.api.http import BodyStream, HttpRequest, HttpResponse
from promptside.api.responses import error_response, trace_id_of
from promptside.errors import InternalError, InvalidRequest, PayloadTooLarge, PromptsideError
from promptside.log import log_failure

Answer = Callable[[HttpRequest], HttpResponse]

LARGEST_HEADER_BYTES = 64 * 1024
THREADS = 64
_READ_SECONDS = 20
# A client that is being debugged may not read for a while.
_WRITE_SECONDS = 60
_DRAIN_SECONDS = 1.0
_STAY_MILLISECONDS = 2
_READ_BYTES = 256 * 1024


class LocalServer(HTTPServer):
    """Answers every request with `answer`, in one of many threads. A port of 0 picks a free one."""

    max_request_header_size = LARGEST_HEADER_BYTES
    timeout = _READ_SECONDS
    request_queue_size = 128
    keep_alive_conn_limit = None  # type: ignore[assignment]  # documented, but its type forgets it
    shutdown_timeout = 1
    nodelay = True

    def __init__(self, host: str, port: int, answer: Answer, *, threads: int = THREADS) -> None:
        self.answer = answer
        self.stopping = False
        self._bind_error: OSError | None = None
        self.ConnectionClass = _Connection
        super().__init__((host, port), _Gateway, minthreads=threads, maxthreads=threads)

    @property
    def url(self) -> str:
        """The base URL, once `prepare` has bound the port."""
        host, port = self.bind_addr
        return f"http://{host}:{port}"

    def prepare(self) -> None:
        """Bind the port and start the threads. Raises OSError that says why the port cannot be had."""
        try:
            super().prepare()
        except OSError as exc:
            # cheroot's own error has a text only.
            raise (self._bind_error or exc) from exc

    def bind(self, family: int, type: int, proto: int = 0) -> Any:
        """Bind, keeping the error."""
        try:
            return super().bind(family, type, proto)
        except OSError as exc:
            self._bind_error = exc
            raise

    def process_conn(self, conn: Any) -> None:
        """Hand a connection to a thread, a new one only when its first bytes are there: many never send any."""
        if conn.last_used is None:
            self.put_conn(conn)
        else:
            super().process_conn(conn)

    def stop(self) -> None:
        """Stop accepting, end open streams and wait for the threads."""
        self.stopping = True
        super().stop()

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        """Keep quiet: clients that leave are no news, and everything else has been answered and logged."""


class _HeaderReader(HeaderReader):
    """Joins repeated headers, so that two lengths are no number, and refuses folded lines."""

    def __call__(self, rfile: Any, hdict: dict[bytes, bytes] | None = None) -> dict[bytes, bytes]:
        hdict = {} if hdict is None else hdict
        while (line := rfile.readline()) != b"\r\n":
            name, colon, value = line.partition(b":")
            if not line.endswith(b"\r\n") or not colon or not name or name.strip() != name:
                raise ValueError("Illegal header line.")
            known = hdict.get(name.title())
            hdict[name.title()] = value.strip() if known is None else known + b", " + value.strip()
        return hdict


class _Request(HTTPRequest):
    """Says in the common error body what is wrong with the HTTP itself."""

    header_reader = _HeaderReader()

    @property
    def strict_mode(self) -> bool:
        """Refuse absolute addresses, but not a path that begins with two slashes, though strictly it names a host.

        SDKs send such a path when their base URL is an origin with a slash, and repeated slashes are one here.
        """
        return not self.uri.startswith(b"//")

    @strict_mode.setter
    def strict_mode(self, value: bool) -> None:
        """Take no notice of what cheroot sets."""

    def simple_response(self, status: str, msg: str = "") -> None:
        self.close_connection = True
        error = _protocol_error(int(str(status)[:3]), msg or str(status)[4:])
        _send(self.conn, _whole(error_response(error, trace_id_of({})), {"connection": "close"}))
        self.sent_headers = True
        _drain(self.conn.socket)

    def respond(self) -> None:
        # cheroot checks the length again here with a limit of its own; the gateway does it with ours.
        self.rfile = self.conn.rfile
        self.server.gateway(self).respond()


class _Connection(HTTPConnection):
    RequestHandlerClass = _Request

    def communicate(self) -> bool:
        """Answer, and stay with a client that asks again at once: handing it to another thread takes 0.1 ms."""
        while super().communicate():  # type: ignore[no-untyped-call]
            others_wait = self.server.requests.qsize > 0
            if others_wait or not (self.rfile.has_data() or _is_readable(self.socket, _STAY_MILLISECONDS)):
                return True
        return False


class _Gateway(Gateway):
    """Translates one exchange."""

    def respond(self) -> None:
        request = self.req
        try:
            body = read_body(request)
        except PromptsideError as error:
            request.close_connection = True
            self._write(error_response(error, trace_id_of({})))
            _drain(request.conn.socket)
            return
        try:
            answer = request.server.answer(_incoming(request, body))
        except Exception as error:  # the edge: nothing that fails inside may cost the client its answer
            log_failure("request_crashed", error)
            answer = error_response(InternalError(), trace_id_of({}))
        self._write(answer)

    def _write(self, answer: HttpResponse) -> None:
        request = self.req
        request.sent_headers = True
        request.conn.socket.settimeout(_WRITE_SECONDS)
        request.close_connection = request.close_connection or not request.server.ready
        try:
            if isinstance(answer.body, bytes):
                _send(request.conn, _whole(answer, self._connection(), bodiless=request.method == b"HEAD"))
            else:
                self._stream(answer, answer.body)
        finally:
            request.conn.socket.settimeout(_READ_SECONDS)

    def _stream(self, answer: HttpResponse, body: BodyStream) -> None:
        """Write each part as one chunk, at once; leave, and so close the upstream, when the client has."""
        request = self.req
        chunked = request.response_protocol == "HTTP/1.1"
        request.close_connection = request.close_connection or not chunked
        finished = False
        try:
            framing = {"transfer-encoding": "chunked"} if chunked else {}
            _send(request.conn, _head(answer, {**framing, **self._connection()}))
            if request.method != b"HEAD":
                finished = self._write_parts(body, chunked=chunked)
        except OSError:
            # The client has left or does not read; there is nobody to tell.
            finished = False
        finally:
            body.close()
            # Without its last chunk an answer is visibly cut short.
            request.close_connection = request.close_connection or not finished

    def _write_parts(self, body: BodyStream, *, chunked: bool) -> bool:
        """Return whether the body was written to its end."""
        connection = self.req.conn
        for part in body:
            if part:
                _send(connection, b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
            elif _has_left(connection.socket):
                return False
            if self.req.server.stopping:
                return False
        if chunked:
            _send(connection, b"0\r\n\r\n")
        return True

    def _connection(self) -> dict[str, str]:
        request = self.req
        if request.close_connection:
            return {"connection": "close"}
        return {} if request.response_protocol == "HTTP/1.1" else {"connection": "keep-alive"}


def _incoming(request: Any, body: bytes) -> HttpRequest:
    target = request.uri.decode("latin-1")
    path, _, query = target.partition("?")
    return HttpRequest(
        method=request.method.decode("latin-1"),
        path=path,
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.inheaders.items()},
        query=dict(parse_qsl(query, keep_blank_values=True)) if query else {},
        body=body,
    )


def _protocol_error(status: int, message: str) -> PromptsideError:
    text = f"The HTTP request cannot be read: {message}"
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return PayloadTooLarge(text)
    return InvalidRequest(text, status=status)


def _whole(answer: HttpResponse, framing: dict[str, str], *, bodiless: bool = False) -> bytes:
    body = answer.body if isinstance(answer.body, bytes) else b""
    return _head(answer, {"content-length": str(len(body)), **framing}) + (b"" if bodiless else body)


def _head(answer: HttpResponse, framing: dict[str, str]) -> bytes:
    """Return status line and headers; values that could not stand in a header lose what is wrong with them."""
    headers = {"date": formatdate(usegmt=True), **answer.headers, **framing}
    lines = [f"HTTP/1.1 {answer.status} {_reason(answer.status)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    clean = [line.replace("\r", " ").replace("\n", " ") for line in lines]
    return ("\r\n".join(clean) + "\r\n\r\n").encode("latin-1", "replace")


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Status"


def _send(connection: Any, data: bytes) -> None:
    # cheroot's own writer is unbuffered too, but written in Python, with a lock and a copy for every part.
    connection.socket.sendall(data)


def _has_left(client: socket.socket) -> bool:
    """Tell whether the client closed its side, without waiting and without taking what it may have sent."""
    if not _is_readable(client, 0):
        return False
    try:
        return not client.recv(1, socket.MSG_PEEK)
    except OSError:
        return True


def _is_readable(client: socket.socket, milliseconds: float) -> bool:
    poll = select.poll()
    poll.register(client, select.POLLIN)
    return bool(poll.poll(milliseconds))


def _drain(client: socket.socket) -> None:
    """Take what a refused client is still sending: closing at once would take our answer from it."""
    deadline = time.monotonic() + _DRAIN_SECONDS
    try:
        client.shutdown(socket.SHUT_WR)
        client.settimeout(_DRAIN_SECONDS)
        while time.monotonic() < deadline and client.recv(_READ_BYTES):
            pass
    except OSError:
        return

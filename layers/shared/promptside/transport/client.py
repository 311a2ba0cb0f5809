"""One HTTP exchange, as every part of the transport uses it: bounded in time, never redirected, never retried."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from promptside import __version__
from promptside.errors import ProviderTimeout, ProviderUnreachable, ProviderUnusable
from promptside.transport.addresses import Resolver, resolve
from promptside.transport.base import Limits
from promptside.transport.connection import Connection, Connections
from promptside.transport.encodings import decode_body
from promptside.transport.http1 import (
    Body,
    CutShort,
    Head,
    HeadReader,
    MalformedAnswer,
    Origin,
    body_of,
    encode_request,
    parse_url,
)

_USER_AGENT = f"promptside/{__version__}"

# How long `close` waits for the bytes that only say "this was all", to keep the connection for the next call.
_LAST_CHUNK_SECONDS = 0.02
# A connection that ends later than this after a request was sent may have been at work on it.
_STALE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What to send."""

    method: Literal["GET", "POST", "PUT"]
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


class HttpAnswer:
    """An answer whose head is there. Close it: read to its end it gives its connection back, else it cuts it."""

    def __init__(
        self, connection: Connection, connections: Connections, *, head: Head, rest: bytes, body: Body
    ) -> None:
        self.status = head.status
        self.headers = head.headers
        self.host = connection.key[0].host
        self._connection: Connection | None = connection
        self._connections = connections
        self._keep_alive = head.keep_alive
        self._rest = rest
        self._body = body

    @property
    def complete(self) -> bool:
        """Whether all of the body was received."""
        return self._body.complete

    def receive(self, until: float) -> bytes:
        """Return the payload of one network read, empty if it held none or if the body is complete.

        Raises TimeoutError at `until`, after which it can be called again; CutShort; ProviderUnusable.
        """
        if self._body.complete or self._connection is None:
            return b""
        try:
            if self._rest:
                data, self._rest = self._rest, b""
            else:
                data = self._connection.receive(until)
            if data:
                return self._body.feed(data)
        except TimeoutError:
            raise
        except OSError as exc:
            raise CutShort from exc
        except MalformedAnswer as exc:
            raise ProviderUnusable(f"{self.host} sent {exc}") from exc
        self._body.end()
        return b""

    def read(self, limits: Limits) -> bytes:
        """Read the rest and undo its content encoding. Raises ProviderTimeout, ProviderUnusable."""
        pieces: list[bytes] = []
        size = 0
        while not self.complete:
            until = min(limits.deadline, time.monotonic() + limits.idle_seconds)
            try:
                piece = self.receive(until)
            except TimeoutError as exc:
                raise ProviderTimeout(f"{self.host} did not complete its answer in time") from exc
            except CutShort as exc:
                raise ProviderUnusable(f"{self.host} closed the connection before its answer was complete") from exc
            pieces.append(piece)
            size += len(piece)
            if size > limits.body_bytes:
                raise ProviderUnusable(f"The answer of {self.host} is larger than {limits.body_bytes} bytes")
        return decode_body(b"".join(pieces), self.headers.get("content-encoding", ""), limits.body_bytes)

    def close(self) -> None:
        """Give the connection back if the answer was read to its end, else close it; harmless when called twice."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._keep_alive and self._body.complete and not self._body.excess:
            self._connections.give(connection)
        else:
            connection.close()

    def finish(self) -> None:
        """Close after the last event of a stream, having waited a moment for the bytes that end the body."""
        try:
            until = time.monotonic() + _LAST_CHUNK_SECONDS
            while not self.complete:
                self.receive(until)
        except (OSError, CutShort, ProviderUnusable):
            # Nothing was lost but a connection that could have been used again.
            pass
        self.close()


class HttpClient:
    """Sends requests over kept connections. Safe for threads.

    `resolver` and `ssl_context` replace the system's. Call `close` to drop idle connections.
    """

    def __init__(
        self,
        *,
        allow_private_hosts: bool = False,
        resolver: Resolver = resolve,
        ssl_context: ssl.SSLContext | None = None,
        stale_seconds: float = _STALE_SECONDS,
    ) -> None:
        self._stale_seconds = stale_seconds
        self._connections = Connections(
            resolver=resolver, allow_private_hosts=allow_private_hosts, ssl_context=ssl_context
        )

    def open(self, request: HttpRequest, limits: Limits, *, guarded: bool = False) -> HttpAnswer:
        """Send, and return when the head is there, whatever the status.

        Raises InvalidRequest (a header or URL that cannot be sent, a refused host), ProviderUnreachable,
        ProviderTimeout, ProviderUnusable.
        """
        origin, target = parse_url(request.url)
        data = encode_request(
            request.method, (origin, target), headers=request.headers, body=request.body, user_agent=_USER_AGENT
        )
        until = min(limits.deadline, time.monotonic() + limits.first_byte_seconds)
        kept = self._connections.take(origin, guarded=guarded)
        if kept is not None:
            _watch(kept, limits)
            try:
                return self._exchange(kept, data, until)
            except _Stale:
                # The provider closed the idle connection while our request was under way: it has hardly seen it.
                # RFC 9110 section 9.2.2 has a client send such a request again. One that was open for longer may be
                # at work, and paid for.
                pass
        connection = self._connect(origin, limits, guarded=guarded)
        _watch(connection, limits)
        return self._exchange(connection, data, until)

    def close(self) -> None:
        """Drop idle connections."""
        self._connections.close()

    def _connect(self, origin: Origin, limits: Limits, *, guarded: bool) -> Connection:
        until = min(limits.deadline, time.monotonic() + limits.connect_seconds)
        return self._connections.connect(origin, guarded=guarded, until=until, deadline=limits.deadline)

    def _exchange(self, connection: Connection, data: bytes, until: float) -> HttpAnswer:
        host = connection.key[0].host
        try:
            return self._receive_head(connection, _send(connection, data, until), until)
        except BaseException as exc:
            connection.close()
            if isinstance(exc, TimeoutError):
                raise ProviderTimeout(f"{host} did not answer in time") from exc
            if isinstance(exc, OSError | CutShort):
                raise ProviderUnreachable(f"{host} closed the connection without an answer") from exc
            if isinstance(exc, MalformedAnswer):
                raise ProviderUnusable(f"{host} sent {exc}") from exc
            raise

    def _receive_head(self, connection: Connection, sent: bool, until: float) -> HttpAnswer:
        """Read up to the end of the head. Raises _Stale when a kept connection ends before its first byte."""
        reader = HeadReader()
        started = False
        stale_until = time.monotonic() + self._stale_seconds if connection.reused else 0.0
        while True:
            try:
                received = connection.receive(until)
            except TimeoutError:
                raise
            except OSError as exc:
                raise _ending(started, stale_until) from exc
            if not received:
                raise _ending(started, stale_until)
            started = True
            head = reader.feed(received)
            if head is not None:
                break
        body = body_of(head)
        # An answer that came before the request was sent is valid, but the connection is of no more use.
        kept = Head(head.status, head.headers, keep_alive=head.keep_alive and sent)
        if body.complete and reader.rest:
            body.excess = True
        return HttpAnswer(connection, self._connections, head=kept, rest=reader.rest, body=body)


class _Stale(Exception):
    """A kept connection was closed by the other side before it answered anything."""


def _ending(started: bool, stale_until: float) -> Exception:
    """Say what the end of a connection means before the head was complete."""
    return CutShort() if started or time.monotonic() >= stale_until else _Stale()


def _watch(connection: Connection, limits: Limits) -> None:
    if limits.cancellation is not None:
        connection.watched_by(limits.cancellation)


def _send(connection: Connection, data: bytes, until: float) -> bool:
    """Return whether everything was sent; a provider may answer a large body early and close (401, 413)."""
    try:
        connection.send(data, until)
    except TimeoutError:
        raise
    except OSError:
        return False
    return True

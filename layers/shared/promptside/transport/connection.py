"""Connections to providers: how they are made, kept for the next call, and read against a deadline."""

from __future__ import annotations

import contextlib
import functools
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from urllib3.util import wait_for_read

from promptside.errors import ProviderNotConnected, ProviderTimeout
from promptside.transport.addresses import Resolver, require_public, resolve_until
from promptside.transport.cancellation import Cancellation
from promptside.transport.http1 import Origin

_READ_BYTES = 64 * 1024
_WRITE_BYTES = 64 * 1024

# Shorter than the idle limit of any load balancer in front of a provider that we know of (60 s).
_MOST_IDLE_SECONDS = 50.0
_MOST_IDLE_CONNECTIONS = 64


class Connection:
    """A socket whose every wait is bounded by a moment on `time.monotonic()`.

    A timed-out wait loses nothing: the next one goes on. `socket.makefile` cannot do that, it refuses to read again.
    """

    def __init__(self, sock: socket.socket, key: tuple[Origin, bool]) -> None:
        self.key = key
        self.reused = False
        # Wall clock, because a frozen function's monotonic clock may stand still while the provider's does not.
        self.idle_since = 0.0
        self._sock = sock
        self._cancellation: Cancellation | None = None

    def watched_by(self, cancellation: Cancellation) -> None:
        """Let another thread shut this connection as long as it is in use."""
        self._cancellation = cancellation
        cancellation.watch(self)

    def release(self) -> None:
        """End what `watched_by` began."""
        if self._cancellation is not None:
            self._cancellation.release(self)
            self._cancellation = None

    def interrupt(self) -> None:
        """Shut the connection from another thread; whoever reads sees its end."""
        with contextlib.suppress(OSError):
            # Called on the base class: an SSLSocket would take away the TLS state that the reader is using.
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def send(self, data: bytes, until: float) -> None:
        """Send everything. Raises TimeoutError at `until`, OSError when the connection is lost."""
        view = memoryview(data)
        while view:
            self._sock.settimeout(_left(until))
            view = view[self._sock.send(view[:_WRITE_BYTES]) :]

    def receive(self, until: float) -> bytes:
        """Return what is there as soon as something is, empty at the end. Raises TimeoutError, OSError."""
        self._sock.settimeout(_left(until))
        return self._sock.recv(_READ_BYTES)

    def is_usable(self) -> bool:
        """Tell whether an idle connection can be used again: anything readable is its end, or noise."""
        age = time.time() - self.idle_since
        return 0 <= age < _MOST_IDLE_SECONDS and not wait_for_read(self._sock, timeout=0)

    def close(self) -> None:
        """Close the socket."""
        with contextlib.suppress(OSError):
            self._sock.close()


class Connections:
    """Makes connections and keeps idle ones. Safe for threads: a connection belongs to one of them at a time."""

    def __init__(
        self, *, resolver: Resolver, allow_private_hosts: bool, ssl_context: ssl.SSLContext | None = None
    ) -> None:
        self._resolver = resolver
        self._allow_private_hosts = allow_private_hosts
        self._ssl_context = ssl_context
        self._lock = threading.Lock()
        self._idle: list[Connection] = []

    def take(self, origin: Origin, *, guarded: bool) -> Connection | None:
        """Return the most recently used idle connection that still works, or None."""
        key = (origin, guarded)
        while (connection := self._pop(key)) is not None:
            if connection.is_usable():
                connection.reused = True
                return connection
            connection.close()
        return None

    def connect(self, origin: Origin, *, guarded: bool, until: float, deadline: float) -> Connection:
        """Open a new connection, with TLS if the scheme says so, to an address that was checked if `guarded`.

        Raises InvalidRequest for a refused address, ProviderNotConnected, and ProviderTimeout when it is the `deadline`
        that is over and not only the time to connect, `until`.
        """
        try:
            addresses = resolve_until(self._resolver, origin.host, origin.port, until)
            if guarded and not self._allow_private_hosts:
                require_public(origin.host, addresses)
            sock = _connect_any(addresses, origin.port, until)
            return Connection(self._secure(sock, origin, until), (origin, guarded))
        except (OSError, UnicodeError) as exc:
            if time.monotonic() >= deadline:
                raise ProviderTimeout(f"{origin.host} could not be reached before the time was over") from exc
            raise ProviderNotConnected(f"{origin.host} cannot be reached: {_reason(exc)}") from exc

    def give(self, connection: Connection) -> None:
        """Keep a connection whose answer was read to its end; the oldest makes room."""
        connection.release()
        connection.idle_since = time.time()
        with self._lock:
            self._idle.append(connection)
            surplus = self._idle.pop(0) if len(self._idle) > _MOST_IDLE_CONNECTIONS else None
        if surplus is not None:
            surplus.close()

    def close(self) -> None:
        """Close every idle connection."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _pop(self, key: tuple[Origin, bool]) -> Connection | None:
        with self._lock:
            for index in range(len(self._idle) - 1, -1, -1):
                if self._idle[index].key == key:
                    return self._idle.pop(index)
        return None

    def _secure(self, sock: socket.socket, origin: Origin, until: float) -> socket.socket:
        if origin.scheme != "https":
            return sock
        try:
            sock.settimeout(_left(until))
            context = self._ssl_context or default_ssl_context()
            return context.wrap_socket(sock, server_hostname=origin.host.rstrip("."))
        except BaseException:
            sock.close()
            raise


@functools.cache
def default_ssl_context() -> ssl.SSLContext:
    """Return the process's context; loading the system's certificates takes milliseconds, so it is made once.

    A Python that was installed without certificates (python.org's for macOS) uses those that botocore brings.
    """
    paths = ssl.get_default_verify_paths()
    bundle = None
    if paths.cafile is None and paths.capath is None:
        import botocore

        bundle = str(Path(botocore.__file__).parent / "cacert.pem")
    context = ssl.create_default_context(cafile=bundle)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _connect_any(addresses: Sequence[str], port: int, until: float) -> socket.socket:
    """Try the addresses in order; each may use its share of the time, so that a dead first one is not the end."""
    failure: OSError = OSError("it has no address")
    for position, address in enumerate(addresses):
        try:
            sock = socket.create_connection((address, port), _left(until) / (len(addresses) - position))
        except OSError as exc:
            failure = exc
            continue
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock
    raise failure


def _left(until: float) -> float:
    """Return the seconds left. Raises TimeoutError when there are none: a socket takes zero for "do not wait"."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time is over")
    return left


def _reason(exc: OSError | UnicodeError) -> str:
    """Say why in words that are the same on every system and hold nothing of the request."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({exc.verify_message})"
    if isinstance(exc, ssl.SSLError):
        return "the TLS handshake failed"
    if isinstance(exc, socket.gaierror | UnicodeError):
        return "its name cannot be resolved"
    if isinstance(exc, TimeoutError):
        return "no connection within the time to connect"
    if isinstance(exc, ConnectionRefusedError):
        return "it refused the connection"
    return "the connection was lost" if isinstance(exc, ConnectionError) else "the network has no way to it"

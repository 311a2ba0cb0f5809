"""Which addresses a guarded call may connect to: only those of the public internet.

The ranges are those of the IANA special-purpose registries, as Python's `ipaddress` holds them, and the forms that
carry an IPv4 address inside an IPv6 one: mapped (RFC 4291), 6to4 (RFC 3056), Teredo (RFC 4380), NAT64 (RFC 6052).
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from promptside.errors import InvalidRequest

Resolver = Callable[[str, int], Sequence[str]]
"""Maps a host name and port to addresses, best first. Raises OSError when there are none."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NEVER = (
    # NAT64 for local use (RFC 8215), and the ranges that some versions of `ipaddress` call global.
    ipaddress.IPv6Network("64:ff9b:1::/48"),
    ipaddress.IPv6Network("fec0::/10"),
    ipaddress.IPv6Network("::/96"),
)


def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of a host."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def resolve_until(resolver: Resolver, host: str, port: int, until: float) -> Sequence[str]:
    """Return what the resolver finds by `until` on `time.monotonic()`. Raises OSError, TimeoutError among them.

    The system's own call takes no limit, and waits for tens of seconds for a name server that is silent: it is left
    alone in a thread of its own when the time is over.
    """
    if _is_address(host):
        return [host]
    found: queue.SimpleQueue[Sequence[str] | BaseException] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found.put(resolver(host, port))
        except BaseException as error:  # whatever it is, the thread that waits has to hear of it
            found.put(error)

    threading.Thread(target=ask, daemon=True, name="resolve").start()
    try:
        answer = found.get(timeout=max(until - time.monotonic(), 0.001))
    except queue.Empty as exc:
        raise TimeoutError("the name was not resolved in time") from exc
    if isinstance(answer, BaseException):
        raise answer
    return answer


def require_public(host: str, addresses: Sequence[str]) -> None:
    """Raise InvalidRequest unless every address is public: one private address among them is how rebinding starts."""
    if not all(is_public(address) for address in addresses):
        raise InvalidRequest(
            f"The host '{host}' is not on the public internet, and this stack calls no private hosts",
            param="custom_host",
            code="custom_host_refused",
        )


def is_public(text: str) -> bool:
    """Tell whether an address belongs to the public internet, looking through every IPv6 form of IPv4."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return _is_global(address)
    if any(address in network for network in _NEVER):
        return False
    embedded = _embedded(address)
    if embedded:
        return all(_is_global(inner) for inner in embedded)
    return _is_global(address)


def is_listed(host: str, port: int | None, listed: Iterable[str]) -> bool:
    """Tell whether an operator's list has a host: as `name`, as `name:port`, below `*.name`, or with `*` any at all."""
    names = {"*", host, f"{host}:{port}"}
    return any(entry in names or (entry.startswith("*.") and host.endswith(entry[1:])) for entry in listed)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_global(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _embedded(address: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        return [address.sixtofour]
    if address.teredo is not None:
        return list(address.teredo)
    if address in _NAT64:
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    return []

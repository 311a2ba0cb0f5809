"""Which headers of a request may be passed on to a provider, when its caller or a config asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_NEVER_FORWARDED = frozenset(
    {
        "authorization", "connection", "content-encoding", "content-length", "content-type", "cookie", "expect", "host",
        "keep-alive", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade", "x-amz-date",
        "x-amz-security-token", "x-api-key", "x-goog-api-key", "api-key",
    }
)  # fmt: skip


def forwardable(headers: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return the named headers, in lower case, that are there; never credentials or headers of the connection."""
    return {
        name: headers[name]
        for name in sorted(set(names))
        if name in headers
        and name not in _NEVER_FORWARDED
        and not name.startswith(("x-portkey-", "x-amz", "x-forwarded"))
    }

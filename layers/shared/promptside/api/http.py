"""The two values every front door translates to and from: Lambda events, FastAPI requests, the local server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request as it came in.

    `path` is still percent-encoded and without the query. Header names are lower case; of a repeated header the values
    are joined with a comma.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)


class BodyStream(Protocol):
    """A body that is still being made.

    Iterating yields what to write at once, never glued or padded. An empty `bytes` says "nothing new": write nothing,
    but see whether the client is still there. Always close it: that closes the connection to the provider.
    """

    def __iter__(self) -> Iterator[bytes]:
        """Yield the parts in order."""
        ...

    def close(self) -> None:
        """Stop and release what is behind it; harmless when called twice."""
        ...


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One answer. Its body is never empty, and header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes | BodyStream = field(repr=False)

    def whole(self) -> bytes:
        """Return the body in one piece; one that streams is read to its end and closed."""
        if isinstance(self.body, bytes):
            return self.body
        try:
            return b"".join(self.body)
        finally:
            self.body.close()

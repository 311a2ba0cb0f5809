"""What the service needs of a transport; `transport.http` is the real one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from promptside.providers.base import ProviderRequest, StreamEvent
from promptside.transport.cancellation import Cancellation


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how much, for one upstream exchange. Times are seconds, `deadline` is on `time.monotonic()`.

    `first_event_by`, on the same clock, is when the caller stops waiting for a stream's first event, None for never.
    `cancellation` may end it from another thread, which looks as if the provider had closed the connection.
    """

    deadline: float
    connect_seconds: float = 5.0
    first_byte_seconds: float = 300.0
    idle_seconds: float = 120.0
    tick_seconds: float = 1.0
    body_bytes: int = 32 * 1024 * 1024
    first_event_by: float | None = None
    cancellation: Cancellation | None = None

    def before_first_event(self) -> Limits:
        """Return the limits of what comes before a stream's first event: tokens, connection, head."""
        if self.first_event_by is None:
            return self
        return replace(self, deadline=min(self.deadline, self.first_event_by))


@dataclass(frozen=True, slots=True)
class ProviderResponse:
    """A whole answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class ProviderStream(Protocol):
    """An open answer. Always close it; closing early closes the connection, so that the provider stops."""

    status: int
    headers: Mapping[str, str]

    def read(self) -> bytes:
        """Read the rest as one body, within the limits: for an error status or a JSON answer to a streamed call.

        It is the first event, so it has to be there by `first_event_by`. Raises ProviderTimeout, ProviderUnusable.
        """
        ...

    def batches(self) -> Iterator[list[StreamEvent]]:
        """Yield the events that each network read completed; an empty list is a tick without news.

        A tick comes every `tick_seconds` of silence, and at `first_event_by`, so that the caller can keep its own
        client alive and watch deadlines. Raises ProviderTimeout after `first_byte_seconds` or `idle_seconds` of
        silence and ProviderUnusable for a connection cut short, a broken frame or data that is not JSON. Ends at
        `[DONE]` (yielded as DONE) or at a clean end.
        """
        ...

    def close(self) -> None:
        """Give the connection back if the answer was read to its end, else close it."""
        ...


class Transport(Protocol):
    """Sends provider requests. Never follows a redirect and never retries."""

    def send(self, request: ProviderRequest, limits: Limits, *, guarded: bool = False) -> ProviderResponse:
        """Send and read the whole answer, whatever its status.

        `guarded` refuses hosts that resolve to private addresses, unless the stack allows them.
        Raises ProviderUnreachable, ProviderTimeout, ProviderUnusable.
        """
        ...

    def open(self, request: ProviderRequest, limits: Limits, *, guarded: bool = False) -> ProviderStream:
        """Send and return as soon as the status and headers are there. Raises as `send`."""
        ...

"""A provider's answer as a stream of events."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Protocol

from promptside.errors import ProviderTimeout, ProviderUnusable
from promptside.providers.base import DONE, Framing, StreamEvent
from promptside.transport.base import Limits
from promptside.transport.client import HttpAnswer
from promptside.transport.encodings import is_identity
from promptside.transport.eventstream import EventStreamDecoder
from promptside.transport.http1 import CutShort
from promptside.transport.sse import SseDecoder


class Decoder(Protocol):
    """Cuts bytes into events.

    `failure` is to be raised once the events returned with it have been used; `advanced` tells whether the last bytes
    brought the stream forward by a line or frame.
    """

    failure: ProviderUnusable | None
    advanced: bool

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Return the events that these bytes complete."""
        ...

    def finish(self) -> list[StreamEvent]:
        """Return what the end of the stream completes."""
        ...


class HttpStream:
    """Implements `ProviderStream` over an open answer. `started` is the moment the request was sent."""

    def __init__(self, answer: HttpAnswer, limits: Limits, *, framing: Framing, started: float) -> None:
        self.status: int = answer.status
        self.headers: Mapping[str, str] = answer.headers
        self._answer = answer
        self._limits = limits
        self._framing = framing
        self._first_by = started + limits.first_byte_seconds
        self._ended = False

    def read(self) -> bytes:
        """Read the rest as one body."""
        return self._answer.read(self._limits.before_first_event())

    def batches(self) -> Iterator[list[StreamEvent]]:
        """Yield the events of each network read; see `ProviderStream`."""
        if not is_identity(self.headers.get("content-encoding", "")):
            raise ProviderUnusable(f"{self._answer.host} sent a compressed stream that was not asked for")
        decoder = _decoder(self._framing, self._limits.body_bytes)
        limits, silent_until = self._limits, self._first_by
        tick_at = self._next_tick()
        while not self._answer.complete:
            data = self._receive(min(tick_at, silent_until, limits.deadline), min(silent_until, limits.deadline))
            events = decoder.feed(data) if data else []
            if events or time.monotonic() >= tick_at:
                yield events
                tick_at = self._next_tick()
            if decoder.failure is not None:
                raise decoder.failure
            if events and events[-1] is DONE:
                self._ended = True
                return
            if data and decoder.advanced:
                # Counted from here: the time the caller took for these events was not the provider's silence.
                silent_until = time.monotonic() + limits.idle_seconds
        yield from self._last(decoder)

    def close(self) -> None:
        """Close the connection at once, or keep it for the next call if the stream was read to its end."""
        if self._ended:
            self._answer.finish()
        else:
            self._answer.close()

    def _last(self, decoder: Decoder) -> Iterator[list[StreamEvent]]:
        """Yield what the clean end of the body completes."""
        events = decoder.finish()
        if decoder.failure is not None:
            raise decoder.failure
        self._ended = True
        if events:
            yield events

    def _next_tick(self) -> float:
        now = time.monotonic()
        tick_at, first_event_by = now + self._limits.tick_seconds, self._limits.first_event_by
        return tick_at if first_event_by is None or first_event_by <= now else min(tick_at, first_event_by)

    def _receive(self, until: float, silent_until: float) -> bytes:
        """Return the payload of one network read, or nothing when there is none at `until`."""
        host = self._answer.host
        try:
            return self._answer.receive(until)
        except TimeoutError as exc:
            if time.monotonic() >= silent_until:
                raise ProviderTimeout(f"{host} fell silent before its answer was complete") from exc
            return b""
        except CutShort as exc:
            raise ProviderUnusable(
                f"{host} closed the connection before its answer was complete", code="provider_stream_truncated"
            ) from exc


def _decoder(framing: Framing, most_event_bytes: int) -> Decoder:
    return EventStreamDecoder() if framing == "aws-eventstream" else SseDecoder(most_event_bytes)

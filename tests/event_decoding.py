"""Cuts fixture bytes into stream events as the transport does, in the pieces that a network would deliver."""

from __future__ import annotations

from promptside.providers.base import DONE, StreamEvent
from promptside.transport.eventstream import EventStreamDecoder
from promptside.transport.sse import SseDecoder


def decode_sse(pieces: list[bytes]) -> list[StreamEvent]:
    """Decode server-sent events; ends at `[DONE]`."""
    return _decode(SseDecoder(), pieces)


def decode_aws(pieces: list[bytes]) -> list[StreamEvent]:
    """Decode AWS event-stream frames."""
    return _decode(EventStreamDecoder(), pieces)


def _decode(decoder: SseDecoder | EventStreamDecoder, pieces: list[bytes]) -> list[StreamEvent]:
    events: list[StreamEvent] = []
    for piece in pieces:
        events += decoder.feed(piece)
        if events and events[-1] is DONE:
            return events
    events += decoder.finish()
    assert decoder.failure is None
    return events

"""The binary event stream of AWS, as Bedrock's ConverseStream sends it.

https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html describes the frames (read 2026-11-22).
"""

from __future__ import annotations

import struct
from typing import Any

from promptside.errors import JsonObject, ProviderUnusable
from promptside.providers.base import StreamEvent
from promptside.transport.sse import parse_object


class EventStreamDecoder:
    """Cuts bytes into events, wherever the network split them; `failure` and `advanced` are as in `SseDecoder`."""

    def __init__(self) -> None:
        # Imported here: only Bedrock needs it.
        from botocore.eventstream import EventStreamBuffer, ParserError

        self.failure: ProviderUnusable | None = None
        self.advanced = False
        self._buffer = EventStreamBuffer()
        # What a frame with a valid checksum but senseless headers makes the parser raise besides its own errors.
        self._errors = (ParserError, struct.error, KeyError, ValueError)
        self._unread = 0

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Return the events that these bytes complete."""
        events: list[StreamEvent] = []
        self._unread += len(data)
        self._buffer.add_data(data)
        try:
            for message in self._buffer:
                self._unread -= message.prelude.total_length
                events.append(_event(message.headers, message.payload))
        except self._errors:
            self.failure = ProviderUnusable("The provider sent a broken event-stream frame")
        self.advanced = bool(events)
        return events

    def finish(self) -> list[StreamEvent]:
        """Set `failure` if the stream ended inside a frame; return nothing."""
        if self._unread and self.failure is None:
            self.failure = ProviderUnusable(
                "The provider's stream was cut in the middle of a frame", code="provider_stream_truncated"
            )
        return []


def _event(headers: dict[str, Any], payload: bytes) -> StreamEvent:
    """Name the event by its message type. Raises ValueError for a payload that is not a JSON object."""
    kind = headers.get(":message-type", "event")
    if kind == "error":
        return StreamEvent(f"exception:{headers[':error-code']}", {"message": headers.get(":error-message", "")})
    data: JsonObject = parse_object(payload.decode("utf-8", "replace")) if payload else {}
    if kind == "exception":
        return StreamEvent(f"exception:{headers[':exception-type']}", data)
    return StreamEvent(str(headers[":event-type"]), data)

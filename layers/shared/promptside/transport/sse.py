"""Server-sent events, read from providers and written to callers.

https://html.spec.whatwg.org/multipage/server-sent-events.html (read 2026-11-22), with these deviations: an unfinished
last event counts if its data is whole; several `data:` lines that are JSON each but not together are several events;
`data: [DONE]` ends the stream; pings and events without data are skipped.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from promptside.errors import JsonObject, ProviderUnusable
from promptside.providers.base import DONE, StreamEvent

DONE_FRAME = b"data: [DONE]\n\n"
KEEP_ALIVE = b": keep-alive\n\n"
MOST_EVENT_BYTES = 32 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"
_DONE_DATA = b"[DONE]"
# ASCII, so that no client can mistake U+2028 for a line break, and lone surrogates stay what they were.
_ENCODER = json.JSONEncoder(separators=(",", ":"))


def encode_chunk(chunk: Mapping[str, Any]) -> bytes:
    """Encode one event: `data: {...}` and an empty line."""
    return b"data: " + _ENCODER.encode(chunk).encode("ascii") + b"\n\n"


def encode_error(body: Mapping[str, Any]) -> bytes:
    """Encode the event that ends a broken stream: `event: error` and the error body."""
    return b"event: error\n" + encode_chunk(body)


class SseDecoder:
    """Cuts bytes into events, wherever the network split them.

    `failure` is set when the stream turns out to be broken: the events before the break are returned first, so that
    no text is lost, and the caller raises it then. `advanced` tells whether the last bytes completed a line.
    """

    def __init__(self, most_event_bytes: int = MOST_EVENT_BYTES) -> None:
        self.failure: ProviderUnusable | None = None
        self.advanced = False
        self._most_event_bytes = most_event_bytes
        self._started = False
        self._skip_line_feed = False
        # What no blank line has completed yet; in pieces, because joining them each time would be quadratic.
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Return the events that these bytes complete; nothing after DONE or a failure is of interest."""
        data = self._normalised(data)
        self.advanced = b"\n" in data
        joint = bool(self._pieces) and data[:1] == b"\n" and self._pieces[-1][-1:] == b"\n"
        if not joint and b"\n\n" not in data:
            self._keep(data)
            return []
        buffer = self._take_pieces() + data
        end = buffer.rfind(b"\n\n")
        self._keep(buffer[end + 2 :])
        return self._decode(buffer[:end].split(b"\n\n"))

    def finish(self) -> list[StreamEvent]:
        """Return the last event when the stream ended without its blank line. Sets `failure` if it was cut."""
        rest = self._take_pieces() if self._started else b""
        lines = [line for line in rest.split(b"\n") if line and not line.startswith((b":", b"id:", b"retry:"))]
        if not lines:
            return []
        events = self._decode([b"\n".join(lines)])
        if self.failure is not None or not any(line.startswith(b"data:") and line[5:].strip() for line in lines):
            self.failure = ProviderUnusable(
                "The provider's stream was cut in the middle of an event", code="provider_stream_truncated"
            )
            return []
        return events

    def _normalised(self, data: bytes) -> bytes:
        """Drop the byte order mark and make every line end a line feed, also when they were split."""
        if not self._started:
            data = self._take_pieces() + data
            if data != _BOM and _BOM.startswith(data):
                self._keep(data)
                return b""
            self._started = True
            data = data.removeprefix(_BOM)
        if self._skip_line_feed and data:
            data = data.removeprefix(b"\n")
            self._skip_line_feed = False
        if b"\r" in data:
            # A carriage return at the end is a line end for certain; what is open is whether a line feed belongs to it.
            self._skip_line_feed = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data

    def _take_pieces(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces, self._size = [], 0
        return taken

    def _keep(self, data: bytes) -> None:
        if not data:
            return
        self._pieces.append(data)
        self._size += len(data)
        if self._size > self._most_event_bytes:
            self.failure = ProviderUnusable(f"The provider sent an event larger than {self._most_event_bytes} bytes")

    def _decode(self, blocks: list[bytes]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        try:
            for block in blocks:
                # Nearly every event is one line.
                if block.startswith(b"data:") and b"\n" not in block:
                    _append(events, "", block[5:])
                else:
                    _append_block(events, block)
                if events and events[-1] is DONE:
                    break
        except _NotJson:
            self.failure = ProviderUnusable("The provider sent an event that is not a JSON object")
        return events


class _NotJson(Exception):
    """The data of an event is not a JSON object."""


def _append_block(events: list[StreamEvent], block: bytes) -> None:
    """Decode the lines of one event. Raises _NotJson."""
    name = b""
    values: list[bytes] = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            values.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    text = name.decode("utf-8", "replace")
    if len(values) > 1:
        try:
            _append(events, text, b"\n".join(values))
        except _NotJson:
            for value in values:
                _append(events, text, value)
    elif values:
        _append(events, text, values[0])


def _append(events: list[StreamEvent], name: str, data: bytes) -> None:
    """Decode the data of one event. Raises _NotJson."""
    data = data.strip()
    if not data or name == "ping":
        return
    if data.startswith(_DONE_DATA):
        events.append(DONE)
        return
    text = data.decode("utf-8", "replace")
    try:
        decoded = parse_object(text)
    except ValueError as exc:
        if name != "error":
            raise _NotJson from exc
        decoded = {"error": {"message": text}}
    if decoded.get("type") != "ping":
        events.append(StreamEvent(name, decoded))


def parse_object(text: str) -> JsonObject:
    """Parse a JSON object. Raises ValueError for anything else, `NaN` and bottomless nesting included."""
    try:
        value = _PARSER.decode(text)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    # What overflows to infinity could not be written as JSON again.
    value = float(text)
    if math.isinf(value):
        raise ValueError("a number out of range")
    return value


_PARSER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)

"""Cuts fixture bytes into stream events, in the pieces that a network would deliver."""

from __future__ import annotations

import json
import re

from botocore.eventstream import EventStreamBuffer

from promptside.providers.base import DONE, StreamEvent


def decode_sse(pieces: list[bytes]) -> list[StreamEvent]:
    """Decode server-sent events; ends at `[DONE]`."""
    events: list[StreamEvent] = []
    for block in re.split(r"(?:\r\n|\n|\r){2}", b"".join(pieces).decode("utf-8", "replace")):
        lines = [line for line in re.split(r"\r\n|\n|\r", block) if line and not line.startswith(":")]
        fields = [(name, value.removeprefix(" ")) for name, _, value in (line.partition(":") for line in lines)]
        data = "\n".join(value for name, value in fields if name == "data")
        if data.startswith("[DONE]"):
            return [*events, DONE]
        if data.strip():
            events.append(StreamEvent(dict(fields).get("event", ""), json.loads(data)))
    return events


def decode_aws(pieces: list[bytes]) -> list[StreamEvent]:
    """Decode AWS event-stream frames."""
    events: list[StreamEvent] = []
    buffer = EventStreamBuffer()
    for piece in pieces:
        buffer.add_data(piece)
        for message in buffer:
            headers = message.headers
            name = headers.get(":event-type") or f"exception:{headers[':exception-type']}"
            events.append(StreamEvent(name, json.loads(message.payload)))
    return events

"""Encodes AWS event-stream frames: `[total][headers length][prelude crc][headers][payload][crc]`, big-endian."""

from __future__ import annotations

import json
import struct
from typing import Any
from zlib import crc32

_STRING = 7


def encode_events(events: list[dict[str, Any]]) -> bytes:
    """Encode `[{"type": name, "payload": {...}}, {"exception": name, "payload": {...}}]` as frames."""
    return b"".join(_frame(_headers(event), json.dumps(event["payload"]).encode()) for event in events)


def _headers(event: dict[str, Any]) -> dict[str, str]:
    if "exception" in event:
        return {
            ":exception-type": event["exception"],
            ":content-type": "application/json",
            ":message-type": "exception",
        }
    return {":event-type": event["type"], ":content-type": "application/json", ":message-type": "event"}


def _frame(headers: dict[str, str], payload: bytes) -> bytes:
    encoded = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", 16 + len(encoded) + len(payload), len(encoded))
    prelude += struct.pack(">I", crc32(prelude))
    message = prelude + encoded + payload
    return message + struct.pack(">I", crc32(message))


def _header(name: str, value: str) -> bytes:
    return (
        struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", _STRING, len(value.encode())) + value.encode()
    )

from __future__ import annotations

import json
import struct
from zlib import crc32

import pytest

from promptside.providers.base import StreamEvent
from promptside.transport.eventstream import EventStreamDecoder
from tests.eventstream import encode_events

_STREAM = encode_events(
    [
        {"type": "messageStart", "payload": {"role": "assistant"}},
        {"type": "contentBlockDelta", "payload": {"delta": {"text": "✅"}, "p": "abc"}},
        {"exception": "throttlingException", "payload": {"message": "slow down"}},
    ]
)
_EVENTS = [
    StreamEvent("messageStart", {"role": "assistant"}),
    StreamEvent("contentBlockDelta", {"delta": {"text": "✅"}, "p": "abc"}),
    StreamEvent("exception:throttlingException", {"message": "slow down"}),
]


def _frame(headers: dict[str, str], payload: bytes) -> bytes:
    encoded = b"".join(
        struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", 7, len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", 16 + len(encoded) + len(payload), len(encoded))
    prelude += struct.pack(">I", crc32(prelude))
    message = prelude + encoded + payload
    return message + struct.pack(">I", crc32(message))


def test_frames_become_events_wherever_they_are_cut_in_two() -> None:
    for position in range(len(_STREAM) + 1):
        decoder = EventStreamDecoder()
        events = decoder.feed(_STREAM[:position]) + decoder.feed(_STREAM[position:]) + decoder.finish()
        assert (events, decoder.failure) == (_EVENTS, None), position


def test_frames_become_events_byte_by_byte() -> None:
    decoder = EventStreamDecoder()

    events = [event for byte in _STREAM for event in decoder.feed(bytes([byte]))]

    assert (events, decoder.finish(), decoder.failure) == (_EVENTS, [], None)


def test_an_error_frame_is_an_exception_with_its_message() -> None:
    headers = {":message-type": "error", ":error-code": "InternalError", ":error-message": "broken"}

    events = EventStreamDecoder().feed(_frame(headers, b""))

    assert events == [StreamEvent("exception:InternalError", {"message": "broken"})]


def test_an_empty_payload_is_an_empty_object() -> None:
    headers = {":message-type": "event", ":event-type": "initial-response"}

    assert EventStreamDecoder().feed(_frame(headers, b"")) == [StreamEvent("initial-response", {})]


def test_a_flipped_byte_anywhere_never_gives_another_event() -> None:
    first = encode_events([{"type": "messageStart", "payload": {"role": "assistant"}}])

    for position in range(len(first)):
        broken = bytearray(first)
        broken[position] ^= 1
        decoder = EventStreamDecoder()
        assert decoder.feed(bytes(broken)) == []
        decoder.finish()
        assert decoder.failure is not None, position


def test_the_events_before_a_broken_frame_are_kept() -> None:
    broken = bytearray(_STREAM)
    broken[-1] ^= 1
    decoder = EventStreamDecoder()

    assert decoder.feed(bytes(broken)) == _EVENTS[:2]
    assert decoder.failure is not None
    assert decoder.failure.message == "The provider sent a broken event-stream frame"


@pytest.mark.parametrize("payload", [b"oops", b"[1]", b"{", b"\xff"])
@pytest.mark.parametrize("kind", ["event", "exception"])
def test_a_payload_that_is_no_json_object_fails(payload: bytes, kind: str) -> None:
    decoder = EventStreamDecoder()

    events = decoder.feed(_frame({":message-type": kind, f":{kind}-type": "x"}, payload))

    assert (events, decoder.failure is not None) == ([], True)


def test_a_frame_without_its_type_fails() -> None:
    decoder = EventStreamDecoder()

    assert decoder.feed(_frame({":message-type": "event"}, json.dumps({}).encode())) == []
    assert decoder.failure is not None


@pytest.mark.parametrize("missing", [1, 5, 20])
def test_a_stream_that_ends_inside_a_frame_is_cut(missing: int) -> None:
    decoder = EventStreamDecoder()

    assert decoder.feed(_STREAM[:-missing]) == _EVENTS[:2]
    assert decoder.finish() == []
    assert decoder.failure is not None
    assert decoder.failure.code == "provider_stream_truncated"


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x10000000, 15])
def test_a_frame_of_a_senseless_size_fails_at_once(size: int) -> None:
    prelude = struct.pack(">II", size, 0)
    decoder = EventStreamDecoder()

    decoder.feed(prelude + struct.pack(">I", crc32(prelude)) + b"x" * 20)

    assert decoder.failure is not None

from __future__ import annotations

import json
import time

import pytest

from promptside.errors import ProviderUnusable
from promptside.providers.base import DONE, StreamEvent
from promptside.transport.sse import DONE_FRAME, KEEP_ALIVE, SseDecoder, encode_chunk, encode_error

A = StreamEvent("", {"a": 1})
B = StreamEvent("", {"b": 2})


def _decode(*pieces: bytes) -> list[StreamEvent]:
    decoder = SseDecoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    events += decoder.finish()
    if decoder.failure is not None:
        raise decoder.failure
    return events


# (what it shows, the bytes of a whole stream, the events in it)
CASES: list[tuple[str, bytes, list[StreamEvent]]] = [
    ("plain", b'data: {"a":1}\n\ndata: {"b":2}\n\ndata: [DONE]\n\n', [A, B, DONE]),
    ("byte order mark", b'\xef\xbb\xbfdata: {"a":1}\n\n', [A]),
    ("byte order mark and an end of line", b'\xef\xbb\xbf\r\ndata: {"a":1}\r\n\r\n', [A]),
    ("carriage return and line feed", b'data: {"a":1}\r\n\r\ndata: {"b":2}\r\n\r\n', [A, B]),
    ("carriage return", b'data: {"a":1}\r\rdata: {"b":2}\r\r', [A, B]),
    ("mixed line ends", b'data: {"a":1}\r\n\ndata: {"b":2}\n\r\n', [A, B]),
    ("no space", b'data:{"a":1}\n\n', [A]),
    ("two spaces", b'data:  {"a":1} \n\n', [A]),
    ("comment before", b': ping - 2\ndata: {"a":1}\n\n', [A]),
    ("comments alone", b': OPENROUTER PROCESSING\n\n: x\n\ndata: {"a":1}\n\n', [A]),
    ("one object over two lines", b'data: {"a":\ndata: 1}\n\n', [A]),
    ("two objects in one event", b'data: {"a":1}\ndata: {"b":2}\n\n', [A, B]),
    ("object and end in one event", b'data: {"a":1}\ndata: [DONE]\n\n', [A, DONE]),
    ("character in pieces", 'data: {"t":"✅"}\n\n'.encode(), [StreamEvent("", {"t": "✅"})]),
    ("other line separators", 'data: {"t":"a\u2028b\u0085c"}\n\n'.encode(), [StreamEvent("", {"t": "a\u2028b\x85c"})]),
    ("retry alone", b'retry: 3000\n\ndata: {"a":1}\n\n', [A]),
    ("retry and the end", b'data: {"a":1}\n\nretry: 3000\n', [A]),
    ("empty data", b'data:\n\ndata: \n\ndata\n\ndata: {"a":1}\n\n', [A]),
    ("no blank line at the end", b'data: {"a":1}\n\ndata: {"b":2}\n', [A, B]),
    ("no line end at the end", b'data: {"a":1}\n\ndata: {"b":2}', [A, B]),
    ("done at the end", b'data: {"a":1}\n\ndata: [DONE]', [A, DONE]),
    ("done with more", b'data: {"a":1}\n\ndata: [DONE] bye\n\n', [A, DONE]),
    ("two lines at the end", b'data: {"a":1}\ndata: {"b":2}', [A, B]),
    ("id and comments", b'id: 7\ndata: {"a":1}\n\n: c\n\n: c\n\ndata: {"b":2}\n\n', [A, B]),
    ("invalid byte", b'data: {"t":"a\xffb"}\n\n', [StreamEvent("", {"t": "a\ufffdb"})]),
    ("named", b'event: delta\ndata: {"a":1}\n\ndata: {"b":2}\n\n', [StreamEvent("delta", {"a": 1}), B]),
    ("name after the data", b'data: {"a":1}\nevent:delta\n\n', [StreamEvent("delta", {"a": 1})]),
    ("name without data", b'event: delta\n\ndata: {"a":1}\n\n', [A]),
    ("ping by name", b'event: ping\ndata: {"type": "x"}\n\ndata: {"a":1}\n\n', [A]),
    ("ping by type", b'data: {"type": "ping"}\n\ndata: {"a":1}\n\n', [A]),
    ("ping at the end", b'data: {"a":1}\n\nevent: ping\ndata: {"type": "ping"}', [A]),
    ("error", b'event: error\ndata: {"error":{}}\n\n', [StreamEvent("error", {"error": {}})]),
    ("error as text", b"event: error\ndata: too busy\n\n", [StreamEvent("error", {"error": {"message": "too busy"}})]),
    ("unknown fields", b'foo: bar\ndatax: 1\ndata: {"a":1}\n {"x":1}\n\n', [A]),
    ("many blank lines", b'\n\n\ndata: {"a":1}\n\n\n\n\ndata: {"b":2}\n\n\n', [A, B]),
    ("numbers", b'data: {"a":-1.5e-3}\n\n', [StreamEvent("", {"a": -0.0015})]),
    ("nothing", b"", []),
    ("only a byte order mark", b"\xef\xbb\xbf", []),
]
_IDS = [name for name, _, _ in CASES]


@pytest.mark.parametrize(("stream", "events"), [case[1:] for case in CASES], ids=_IDS)
def test_a_stream_is_decoded_in_one_piece(stream: bytes, events: list[StreamEvent]) -> None:
    assert _decode(stream) == events


@pytest.mark.parametrize(("stream", "events"), [case[1:] for case in CASES], ids=_IDS)
def test_a_stream_is_decoded_wherever_it_is_cut_in_two(stream: bytes, events: list[StreamEvent]) -> None:
    for position in range(1, len(stream)):
        assert _decode(stream[:position], stream[position:]) == events, position


@pytest.mark.parametrize(("stream", "events"), [case[1:] for case in CASES], ids=_IDS)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_stream_is_decoded_in_tiny_pieces(stream: bytes, events: list[StreamEvent], size: int) -> None:
    assert _decode(*(stream[start : start + size] for start in range(0, len(stream), size))) == events


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_an_event_is_there_with_its_blank_line_and_waits_for_nothing(end: bytes) -> None:
    decoder = SseDecoder()

    assert decoder.feed(b'data: {"a":1}' + end + end) == [A]


@pytest.mark.parametrize(
    "data",
    [
        b"oops",
        b"{",
        b'{"a":1',
        b"[1]",
        b"1",
        b"null",
        b'"s"',
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a":' + b"[" * 100_000,
        b"<html>",
    ],
)
def test_data_that_is_no_json_object_fails_after_the_events_before_it(data: bytes) -> None:
    decoder = SseDecoder()

    events = decoder.feed(b'data: {"a":1}\n\ndata: ' + data + b'\n\ndata: {"b":2}\n\n')

    assert events == [A]
    assert isinstance(decoder.failure, ProviderUnusable)
    assert decoder.failure.message == "The provider sent an event that is not a JSON object"


@pytest.mark.parametrize("rest", [b'data: {"a":', b"data: [DO", b"dat", b"event: delta\n", b"event: err", b"data:\n"])
def test_a_stream_that_ends_inside_an_event_is_cut(rest: bytes) -> None:
    decoder = SseDecoder()

    assert decoder.feed(b'data: {"a":1}\n\n' + rest) == [A]
    assert decoder.finish() == []
    assert decoder.failure is not None
    assert decoder.failure.code == "provider_stream_truncated"


def test_an_event_over_the_limit_fails() -> None:
    decoder = SseDecoder(most_event_bytes=1000)

    decoder.feed(b"data: " + b"x" * 500)
    before = decoder.failure
    decoder.feed(b"x" * 600)

    assert before is None
    assert decoder.failure is not None
    assert decoder.failure.message == "The provider sent an event larger than 1000 bytes"


@pytest.mark.parametrize(
    ("piece", "advanced"), [(b"data: {", False), (b": comment\n", True), (b'data: {"a":1}\n\n', True)]
)
def test_a_completed_line_of_any_kind_is_progress(piece: bytes, advanced: bool) -> None:
    decoder = SseDecoder()

    decoder.feed(piece)

    assert decoder.advanced is advanced


def test_a_long_line_in_small_pieces_takes_linear_time() -> None:
    def seconds(pieces: int) -> float:
        decoder = SseDecoder()
        stream = [b'data: {"a":"', *([b"x" * 50] * pieces), b'"}\n\n']
        started = time.thread_time()
        events = [event for piece in stream for event in decoder.feed(piece)]
        assert len(events[0].data["a"]) == 50 * pieces
        return time.thread_time() - started

    # Quadratic work would take sixteen times as long for four times as much.
    assert min(seconds(80_000) for _ in range(2)) < 10 * max(seconds(20_000) for _ in range(3))


def test_chunks_are_ascii_and_compact() -> None:
    assert encode_chunk({"a": ["é\u2028", None]}) == b'data: {"a":["\\u00e9\\u2028",null]}\n\n'


def test_a_lone_surrogate_is_encoded_as_it_came() -> None:
    event = _decode(b'data: {"t":"\\ud83d"}\n\n')[0]

    assert encode_chunk(event.data) == b'data: {"t":"\\ud83d"}\n\n'


def test_every_frame_we_send_is_read_back_as_what_it_was() -> None:
    chunk = {"choices": [{"delta": {"content": "a\r\nb\u2028\ud83d ☃"}}]}
    frames = encode_chunk(chunk) + KEEP_ALIVE + encode_error({"error": {"message": "x"}}) + DONE_FRAME

    assert _decode(frames) == [StreamEvent("", chunk), StreamEvent("error", {"error": {"message": "x"}}), DONE]
    assert json.loads(encode_chunk(chunk)[6:]) == chunk

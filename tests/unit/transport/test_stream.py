from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from promptside.errors import ProviderTimeout, ProviderUnusable
from promptside.providers.base import DONE, ProviderRequest, StreamEvent
from promptside.transport.base import Limits, ProviderStream
from promptside.transport.http import HttpTransport
from tests.eventstream import encode_events
from tests.upstream import Fault, Framing, Reply, Step, Upstream, drip, json_reply, raw_reply, sse_reply

_A = b'data: {"a":1}\n\n'
_B = b'data: {"b":2}\n\n'
_END = b"data: [DONE]\n\n"
A = StreamEvent("", {"a": 1})
B = StreamEvent("", {"b": 2})


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    made = HttpTransport(allow_private_hosts=True)
    yield made
    made.close()


def _limits(seconds: float = 5.0) -> Limits:
    return Limits(deadline=time.monotonic() + seconds)


def _request(upstream: Upstream) -> ProviderRequest:
    return ProviderRequest(url=upstream.url + "/v1/chat", body=b"{}")


def _events(transport: HttpTransport, upstream: Upstream, limits: Limits | None = None) -> list[StreamEvent]:
    stream = transport.open(_request(upstream), limits or _limits())
    try:
        return [event for batch in stream.batches() for event in batch]
    finally:
        stream.close()


def _collect(stream: ProviderStream, seen: list[StreamEvent]) -> None:
    for batch in stream.batches():
        seen += batch


def test_the_first_event_is_there_before_the_second_is_sent(transport: HttpTransport) -> None:
    gate = threading.Event()

    with Upstream(sse_reply([_A, gate, _B, _END])) as upstream:
        stream = transport.open(_request(upstream), _limits())
        batches = stream.batches()
        first = next(batches)
        sent_all = upstream.requests[0].finished.is_set()
        gate.set()
        rest = [event for batch in batches for event in batch]
        stream.close()

    assert (first, sent_all, rest) == ([A], False, [B, DONE])


def test_the_stream_is_open_before_its_first_event(transport: HttpTransport) -> None:
    gate = threading.Event()

    with Upstream(sse_reply([gate, _A], headers={"X-Request-Id": "r1"})) as upstream:
        stream = transport.open(_request(upstream), _limits())
        opened = (stream.status, stream.headers["x-request-id"], stream.headers["content-type"])
        gate.set()
        events = [event for batch in stream.batches() for event in batch]
        stream.close()

    assert (opened, events) == ((200, "r1", "text/event-stream"), [A])


def test_events_that_arrive_together_are_one_batch(transport: HttpTransport) -> None:
    with Upstream(sse_reply([_A * 50 + _B])) as upstream:
        stream = transport.open(_request(upstream), _limits())
        batches = [batch for batch in stream.batches() if batch]
        stream.close()

    assert batches == [[A] * 50 + [B]]


@pytest.mark.parametrize("framing", ["chunked", "close", "length"])
def test_every_framing_gives_the_same_events(transport: HttpTransport, framing: Framing) -> None:
    reply = replace(sse_reply([_A, _B]), framing=framing)

    with Upstream(reply) as upstream:
        assert _events(transport, upstream) == [A, B]


def test_events_are_the_same_however_the_bytes_arrive(transport: HttpTransport) -> None:
    with Upstream(sse_reply(drip(_A + _B + _END, 0.0))) as upstream:
        assert _events(transport, upstream) == [A, B, DONE]


def test_an_event_split_over_http_chunks_and_chunk_headers_split_over_packets(transport: HttpTransport) -> None:
    body = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(piece), piece) for piece in (_A[:4], _A[4:] + _B[:1], _B[1:]))
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"

    with Upstream(raw_reply(*drip(head + body + b"0\r\nx-trailer: 1\r\n\r\n", 0.0))) as upstream:
        assert _events(transport, upstream) == [A, B]


def test_silence_gives_ticks_and_loses_nothing(transport: HttpTransport) -> None:
    gate = threading.Event()

    with Upstream(sse_reply([_A + _B[:5], gate, _B[5:], _END])) as upstream:
        stream = transport.open(_request(upstream), replace(_limits(), tick_seconds=0.02))
        batches = stream.batches()
        seen = [next(batches) for _ in range(4)]
        gate.set()
        rest = [event for batch in batches for event in batch]
        stream.close()

    assert (seen, rest) == ([[A], [], [], []], [B, DONE])


def test_comments_without_events_give_ticks_too(transport: HttpTransport) -> None:
    gate = threading.Event()
    comments: list[Step] = [b": busy\n\n", 0.01] * 1000

    with Upstream(sse_reply([*comments, gate])) as upstream:
        stream = transport.open(_request(upstream), replace(_limits(), tick_seconds=0.05))
        batches = stream.batches()
        seen = [next(batches) for _ in range(3)]
        stream.close()

    assert seen == [[], [], []]


@pytest.mark.parametrize("steps", [[Fault.HANG], drip(_A * 3, 0.04), [b"\n", Fault.HANG]])
def test_the_first_byte_limit_and_the_idle_limit_end_a_silent_stream(
    transport: HttpTransport, steps: list[Step]
) -> None:
    limits = replace(_limits(), first_byte_seconds=0.15, idle_seconds=0.15)
    started = time.monotonic()

    with Upstream(sse_reply(steps)) as upstream, pytest.raises(ProviderTimeout):
        _events(transport, upstream, limits)

    assert time.monotonic() - started < 2.0


def test_the_idle_limit_counts_from_the_last_line_and_closes_the_connection(transport: HttpTransport) -> None:
    limits = replace(_limits(), idle_seconds=0.1)

    with Upstream(sse_reply([_A, 0.06, b": busy\n\n", 0.06, _B, Fault.HANG])) as upstream:
        stream = transport.open(_request(upstream), limits)
        seen: list[StreamEvent] = []
        with pytest.raises(ProviderTimeout) as caught:
            _collect(stream, seen)
        stream.close()
        assert upstream.requests[0].client_closed.wait(5)

    assert seen == [A, B]
    assert caught.value.message == "127.0.0.1 fell silent before its answer was complete"


def test_the_deadline_ends_a_stream_that_goes_on(transport: HttpTransport) -> None:
    steps: list[Step] = [_A, 0.01] * 1000
    started = time.monotonic()

    with Upstream(sse_reply(steps)) as upstream, pytest.raises(ProviderTimeout):
        _events(transport, upstream, _limits(0.2))

    assert time.monotonic() - started < 1.0


def test_a_slow_reader_is_not_the_providers_silence(transport: HttpTransport) -> None:
    with Upstream(sse_reply([_A, _B, _END])) as upstream:
        stream = transport.open(_request(upstream), replace(_limits(), idle_seconds=0.05, first_byte_seconds=0.2))
        seen: list[StreamEvent] = []
        for batch in stream.batches():
            seen += batch
            # The caller's own connection is slow: this wait is what is tested.
            threading.Event().wait(0.3)
        stream.close()

    assert seen == [A, B, DONE]


@pytest.mark.parametrize(
    "reply",
    [
        sse_reply([_A, Fault.CUT]),
        sse_reply([_A + _B[:7], Fault.CUT]),
        replace(sse_reply([_A, Fault.CUT], headers={"content-length": "500"}), framing="length"),
        replace(sse_reply([_A, _B[:7]]), framing="close"),
        sse_reply([_A, _B[:7]]),
    ],
)
def test_a_cut_stream_is_never_a_clean_end(transport: HttpTransport, reply: Reply) -> None:
    with Upstream(reply) as upstream:
        stream = transport.open(_request(upstream), _limits())
        seen: list[StreamEvent] = []
        with pytest.raises(ProviderUnusable) as caught:
            _collect(stream, seen)
        stream.close()

    assert (seen, caught.value.code) == ([A], "provider_stream_truncated")


def test_a_reset_stream_is_cut_whatever_arrived_before(transport: HttpTransport) -> None:
    gate = threading.Event()

    with Upstream(sse_reply([_A, gate, Fault.RESET])) as upstream:
        stream = transport.open(_request(upstream), _limits())
        batches = stream.batches()
        first = next(batches)
        gate.set()
        with pytest.raises(ProviderUnusable) as caught:
            list(batches)
        stream.close()

    assert (first, caught.value.code) == ([A], "provider_stream_truncated")


def test_nothing_is_read_after_the_end_mark_and_the_connection_is_kept(transport: HttpTransport) -> None:
    with Upstream(sse_reply([_A + _END + b"data: garbage\n\n"]), json_reply({})) as upstream:
        events = _events(transport, upstream)
        transport.send(_request(upstream), _limits())

    assert events == [A, DONE]
    assert [seen.connection for seen in upstream.requests] == [1, 1]


def test_a_stream_that_stays_open_after_its_end_mark_is_closed_at_once(transport: HttpTransport) -> None:
    started = time.monotonic()

    with Upstream(sse_reply([_A, _END, Fault.HANG])) as upstream:
        events = _events(transport, upstream)
        elapsed = time.monotonic() - started
        assert upstream.requests[0].client_closed.wait(5)

    assert events == [A, DONE]
    assert elapsed < 1.0


def test_closing_early_closes_the_connection_at_once(transport: HttpTransport) -> None:
    with Upstream(sse_reply([_A, Fault.HANG])) as upstream:
        stream = transport.open(_request(upstream), _limits())
        next(stream.batches())
        stream.close()
        stream.close()

        assert upstream.requests[0].client_closed.wait(1)


def test_an_event_that_is_no_json_comes_after_the_events_before_it(transport: HttpTransport) -> None:
    with Upstream(sse_reply([_A + b"data: secret oops\n\n" + _B])) as upstream:
        stream = transport.open(_request(upstream), _limits())
        batches = stream.batches()
        first = next(batches)
        with pytest.raises(ProviderUnusable) as caught:
            next(batches)
        stream.close()

    assert first == [A]
    assert "secret" not in caught.value.message


def test_a_large_event_passes_and_one_over_the_limit_does_not(transport: HttpTransport) -> None:
    data = json.dumps({"t": "x" * 2_000_000}).encode()

    with Upstream() as upstream:
        upstream.default = sse_reply([b"data: " + data + b"\n\n"])
        events = _events(transport, upstream)
        with pytest.raises(ProviderUnusable):
            _events(transport, upstream, replace(_limits(), body_bytes=1_000_000))

    assert len(events[0].data["t"]) == 2_000_000


def test_a_compressed_stream_is_refused(transport: HttpTransport) -> None:
    reply = sse_reply([gzip.compress(_A)], headers={"content-encoding": "gzip"})

    with Upstream(reply) as upstream, pytest.raises(ProviderUnusable) as caught:
        _events(transport, upstream)

    assert caught.value.message == "127.0.0.1 sent a compressed stream that was not asked for"


def test_an_error_status_is_read_as_one_body(transport: HttpTransport) -> None:
    with Upstream(json_reply({"error": {"message": "no"}}, status=400)) as upstream:
        stream = transport.open(_request(upstream), _limits())
        body = stream.read()
        stream.close()

    assert (stream.status, json.loads(body)) == (400, {"error": {"message": "no"}})


def test_an_empty_stream_has_no_events(transport: HttpTransport) -> None:
    with Upstream(sse_reply([])) as upstream:
        assert _events(transport, upstream) == []


def test_aws_frames_are_decoded_when_the_request_says_so(transport: HttpTransport) -> None:
    frames = encode_events([{"type": "messageStart", "payload": {"role": "assistant"}}, {"type": "x", "payload": {}}])

    with Upstream(sse_reply([frames[:30], frames[30:]])) as upstream:
        stream = transport.open(replace(_request(upstream), framing="aws-eventstream"), _limits())
        events = [event for batch in stream.batches() for event in batch]
        stream.close()

    assert events == [StreamEvent("messageStart", {"role": "assistant"}), StreamEvent("x", {})]


def test_aws_frames_cut_short_are_an_error(transport: HttpTransport) -> None:
    frames = encode_events([{"type": "messageStart", "payload": {"role": "assistant"}}])

    with Upstream(sse_reply([frames[:-1]])) as upstream:
        stream = transport.open(replace(_request(upstream), framing="aws-eventstream"), _limits())
        with pytest.raises(ProviderUnusable) as caught:
            list(stream.batches())
        stream.close()

    assert caught.value.code == "provider_stream_truncated"

"""What a caller sees when a provider misbehaves: each fault its own clear error, and the process goes on serving."""

from __future__ import annotations

import gzip
import io
import json
import socket
import threading
import time
from typing import Any

import pytest

from tests.functions.test_completions import ANSWER, STREAM, chunk
from tests.product import Product, events_of, json_of, whole
from tests.upstream import Fault, Reply, Upstream, drip, json_reply, raw_reply, sse_reply

TEXT = {"content-type": "text/html"}
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"


def error_of(response: Any) -> tuple[int, str, str]:
    body = json_of(response)
    assert body["status"] == "failure"
    assert body["message"] == body["error"]["message"]
    return response.status, body["error"]["type"], body["error"]["code"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("status", "seen"),
    [
        (400, (400, "invalid_request_error")),
        (403, (403, "permission_error")),
        (404, (404, "not_found_error")),
        (422, (422, "invalid_request_error")),
        (429, (429, "rate_limit_error")),
        (500, (500, "api_error")),
        (502, (502, "api_error")),
        (503, (503, "overloaded_error")),
        (529, (503, "overloaded_error")),
    ],
)
def test_the_providers_status_message_and_retry_after_reach_the_caller(
    status: int, seen: tuple[int, str], stream: bool
) -> None:
    reply = json_reply(
        {"error": {"message": "the reason", "code": "its_code"}}, status=status, headers={"retry-after": "7"}
    )
    with Upstream(reply) as upstream:
        response = Product(upstream.url).post({"stream": stream})

        body = json_of(response)
        assert (response.status, body["error"]["type"]) == seen
        assert body["provider"] == "openai"
        assert "the reason" in body["message"]
        assert response.headers["retry-after"] == "7"
        assert response.headers["content-type"] == "application/json"
        assert len(upstream.requests) == 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, {"content-type": "application/json"}, [b'{"id": "x", "choi']),
        Reply(200, {"content-type": "application/json"}, [b""]),
        Reply(200, {"content-type": "application/json"}, [b"[]"]),
        Reply(200, TEXT, [b"<html><body>Login</body></html>"]),
        Reply(307, {"location": "http://127.0.0.1:9/elsewhere"}, [b""]),
        Reply(200, {"content-type": "application/json", "content-length": "500"}, [b'{"id": "x"'], "raw"),
    ],
    ids=["broken json", "empty", "a list", "html", "redirect", "shorter than promised"],
)
def test_an_answer_that_is_none_is_a_502(reply: Reply, stream: bool) -> None:
    with Upstream(reply) as upstream:
        response = Product(upstream.url).post({"stream": stream})

        assert error_of(response)[:2] == (502, "api_error")
        assert len(upstream.requests) == 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", [Fault.CUT, Fault.RESET])
def test_a_connection_cut_before_the_answer_is_a_502(fault: Fault, stream: bool) -> None:
    with Upstream(raw_reply(fault)) as upstream:
        assert error_of(Product(upstream.url).post({"stream": stream}))[0] == 502


def test_a_provider_that_cannot_be_reached_is_a_502_that_names_it() -> None:
    response = Product("http://127.0.0.1:9").post({})

    assert error_of(response) == (502, "api_error", "provider_unreachable")


@pytest.mark.parametrize(
    "steps",
    [
        [*STREAM[:2], Fault.CUT],
        [*STREAM[:2], Fault.RESET],
        STREAM[:3],
        [*STREAM[:2], b"data: {not json\n\n", *STREAM[2:]],
        [*STREAM[:2], b'data: {"error": {"message": "overloaded", "type": "server_error"}}\n\n'],
        [*STREAM[:2], b'event: error\ndata: {"message": "boom"}\n\n'],
    ],
    ids=["cut", "reset", "ends early but cleanly", "not json", "error object", "error event"],
)
def test_a_stream_that_breaks_ends_with_an_error_event_and_no_done(steps: list[Any]) -> None:
    with Upstream(sse_reply(steps)) as upstream:
        events = events_of(whole(Product(upstream.url).post({"stream": True})))

        assert events[1]["choices"][0]["delta"] == {"content": "Hel"}
        name, body = events[-1]
        assert name == "error"
        assert body["message"] == body["error"]["message"]
        assert not any(event == "[DONE]" for event in events)
        assert not any(event["choices"][0]["finish_reason"] for event in events[:-1] if isinstance(event, dict))


@pytest.mark.parametrize(
    ("steps", "status"),
    [
        ([], 502),
        ([b"data: [DONE]\n\n"], 502),
        ([b"<html>hello</html>"], 502),
        ([b'data: {"error": {"message": "boom", "code": 429}}\n\n'], None),
    ],
    ids=["empty", "only done", "html in an event stream", "error first"],
)
def test_a_stream_that_fails_before_its_first_chunk_has_an_http_status(steps: list[Any], status: int | None) -> None:
    with Upstream(sse_reply(steps)) as upstream:
        response = Product(upstream.url).post({"stream": True})

        assert response.status >= 400
        assert status is None or response.status == status
        assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "steps",
    [
        [b": ping\n\n", b"id: 7\nretry: 100\n", *STREAM],
        [frame.replace(b"\n", b"\r\n") for frame in STREAM],
        [frame.replace(b"\n", b"\r") for frame in STREAM],
        [b"".join(STREAM)],
        [bytes([byte]) for byte in b"".join(STREAM)],
        [b"\xef\xbb\xbf", *STREAM],
        [*STREAM[:-1], b"data: [DONE]"],
    ],
    ids=["comments, ids, retry", "crlf", "cr", "glued", "byte by byte", "bom", "no last blank line"],
)
def test_framing_of_any_kind_gives_the_same_events(steps: list[bytes]) -> None:
    with Upstream(sse_reply(steps)) as upstream:
        events = events_of(whole(Product(upstream.url).post({"stream": True})))

        assert "".join(event["choices"][0]["delta"].get("content", "") for event in events[:-1]) == "Hello"
        assert events[-1] == "[DONE]"


def test_a_missing_done_is_added_only_after_a_finish_reason() -> None:
    with Upstream(sse_reply(STREAM[:4])) as upstream:
        assert events_of(whole(Product(upstream.url).post({"stream": True})))[-1] == "[DONE]"


def test_the_first_event_is_forwarded_before_the_second_arrives() -> None:
    seen = threading.Event()
    with Upstream(sse_reply([STREAM[0], seen, *STREAM[1:]])) as upstream:
        response = Product(upstream.url).post({"stream": True})
        assert not isinstance(response.body, bytes)
        parts = iter(response.body)

        first = next(part for part in parts if part)

        assert events_of(first)[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
        seen.set()
        assert events_of(b"".join(parts))[-1] == "[DONE]"


@pytest.mark.parametrize("steps", [[Fault.HANG], drip(json.dumps(ANSWER).encode(), 0.05)], ids=["hang", "slow loris"])
def test_a_silent_provider_is_a_504_within_our_own_limit(steps: list[Any]) -> None:
    reply = Reply(200, {"content-type": "application/json"}, steps, "chunked")
    with Upstream(reply) as upstream:
        started = time.monotonic()
        response = Product(upstream.url, request_seconds=0.3, first_byte_seconds=0.3).post({})

        assert error_of(response) == (504, "timeout_error", "provider_timeout")
        assert time.monotonic() - started < 1.5


@pytest.mark.parametrize("stream", [False, True])
def test_the_callers_timeout_is_a_408_that_names_the_milliseconds(stream: bool) -> None:
    with Upstream(raw_reply(Fault.HANG)) as upstream:
        response = Product(upstream.url).post({"stream": stream}, headers={"x-portkey-request-timeout": "200"})

        body = json_of(response)
        assert (response.status, body["error"]["type"]) == (408, "timeout_error")
        assert "200 ms" in body["message"]


@pytest.mark.parametrize(
    "reply",
    [
        sse_reply([Fault.HANG]),
        sse_reply([b": working\n\n", Fault.HANG]),
        Reply(200, {"content-type": "application/json"}, [b"{", Fault.HANG], "chunked"),
        Reply(500, {"content-type": "application/json"}, [b"{", Fault.HANG], "chunked"),
        raw_reply(0.15, b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: working\n\n", Fault.HANG),
    ],
    ids=["headers", "a comment", "half an answer", "half an error", "late headers"],
)
@pytest.mark.parametrize("under_a_config", [False, True])
def test_the_callers_timeout_ends_the_wait_for_a_streams_first_event(reply: Reply, under_a_config: bool) -> None:
    """Whatever the provider has sent before, and on the moment."""
    headers = (
        {"x-portkey-config": '{"request_timeout": 300}'} if under_a_config else {"x-portkey-request-timeout": "300"}
    )
    with Upstream(reply) as upstream:
        started = time.monotonic()
        response = Product(upstream.url).post({"stream": True}, headers=headers)

        assert error_of(response) == (408, "timeout_error", "request_timeout")
        assert 0.3 <= time.monotonic() - started < 0.9


@pytest.mark.parametrize("stream", [False, True])
def test_the_callers_timeout_bounds_the_way_to_the_provider_too(stream: bool) -> None:
    """Here a TLS handshake that nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"https://127.0.0.1:{silent.getsockname()[1]}"
        config = {"provider": "openai", "api_key": "sk", "custom_host": host}
        headers = {"x-portkey-config": json.dumps(config), "x-portkey-request-timeout": "300"}
        product = Product("http://127.0.0.1:9", allowed_custom_hosts=("127.0.0.1",))
        started = time.monotonic()

        response = product.post({"stream": stream}, headers=headers)

        assert error_of(response) == (408, "timeout_error", "request_timeout")
        assert 0.3 <= time.monotonic() - started < 0.9


def test_a_stream_that_falls_silent_ends_with_an_error_event_after_keep_alives() -> None:
    with Upstream(sse_reply([*STREAM[:2], Fault.HANG])) as upstream:
        product = Product(upstream.url, keep_alive_seconds=0.9, idle_seconds=2.2)

        body = whole(product.post({"stream": True}))

        assert b": keep-alive\n\n" in body
        assert events_of(body)[-1][1]["error"]["type"] == "timeout_error"


def test_the_functions_deadline_ends_a_stream_with_a_clear_error() -> None:
    with Upstream(sse_reply([*STREAM[:2], Fault.HANG])) as upstream:
        response = Product(upstream.url).post({"stream": True}, deadline=time.monotonic() + 0.5)

        assert events_of(whole(response))[-1][1]["error"]["code"] == "deadline_exceeded"


def test_the_functions_deadline_ends_a_buffered_call_with_a_504() -> None:
    with Upstream(raw_reply(Fault.HANG)) as upstream:
        response = Product(upstream.url).post({}, deadline=time.monotonic() + 0.3)

        assert error_of(response) == (504, "timeout_error", "deadline_exceeded")


def test_the_upstream_connection_is_closed_when_the_caller_leaves() -> None:
    with Upstream(sse_reply([*STREAM[:3], Fault.HANG])) as upstream:
        response = Product(upstream.url).post({"stream": True})
        assert not isinstance(response.body, bytes)
        next(iter(response.body))

        response.body.close()

        assert upstream.requests[0].client_closed.wait(1.0)


def test_a_two_megabyte_chunk_passes_unharmed() -> None:
    text = "x" * 2_000_000
    with Upstream(sse_reply([STREAM[0], chunk({"content": text}), *STREAM[3:]])) as upstream:
        events = events_of(whole(Product(upstream.url).post({"stream": True})))

        assert events[1]["choices"][0]["delta"]["content"] == text


def test_a_compression_bomb_is_refused() -> None:
    bomb = gzip.compress(b" " * 200_000_000, 9)
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    with Upstream(Reply(200, headers, [bomb])) as upstream:
        assert error_of(Product(upstream.url).post({}))[0] == 502


def test_a_crash_of_ours_is_a_500_with_a_trace_id_and_no_details(log_output: io.StringIO) -> None:
    class Broken:
        def resolve(self, *arguments: object, **named: object) -> None:
            raise ValueError("the prompt text is here")

    product = Product("http://127.0.0.1:9")
    object.__setattr__(product.services, "prompts", Broken())

    response = product.post({})

    body = whole(response)
    assert (response.status, response.headers["x-portkey-gateway-exception"]) == (500, "true")
    assert response.headers["x-portkey-trace-id"] == "t-1"
    assert b"prompt text" not in body
    assert "request_crashed" in log_output.getvalue()
    assert "prompt text" not in log_output.getvalue()


def test_serving_goes_on_after_every_fault() -> None:
    replies = [raw_reply(Fault.RESET), Reply(200, TEXT, [b"<p>"]), json_reply(ANSWER)]
    with Upstream(*replies) as upstream:
        product = Product(upstream.url)

        assert [product.post({}).status for _ in replies] == [502, 502, 200]


def test_nothing_secret_reaches_the_log(log_output: io.StringIO) -> None:
    refused = json_reply({"error": {"message": "no sk-canary, no text-canary"}}, status=400)
    with Upstream(refused, json_reply(ANSWER), sse_reply(STREAM[:2])) as upstream:
        product = Product(upstream.url)
        for stream in (False, False, True):
            whole(product.post({"variables": {"name": "text-canary"}, "stream": stream}))

    output = log_output.getvalue()
    assert output.count("run_ended") == 2
    assert "request_refused" in output
    for canary in ("sk-canary", "text-canary", "ps-key-of-the-tests", "Hello Ann"):
        assert canary not in output

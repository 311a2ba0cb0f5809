"""Completions over the whole path: real routes, service, renderer, adapter and sockets."""

import io
import json
from typing import Any

import pytest

from promptside.schema.prompt import PartialVersion
from tests.product import MemorySecrets, Product, events_of, json_of, prompt, whole
from tests.upstream import Upstream, json_reply, sse_reply

ANSWER = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1795300000, "model": "m1-2026",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello Ann"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}  # fmt: skip


def chunk(delta: dict[str, Any], finish_reason: str | None = None, **fields: Any) -> bytes:
    value = {
        "id": "c1", "object": "chat.completion.chunk", "created": 1795300000, "model": "m1",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}], **fields,
    }  # fmt: skip
    return b"data: " + json.dumps(value).encode() + b"\n\n"


STREAM = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "Hel"}),
    chunk({"content": "lo"}),
    chunk({}, "stop"),
    b'data: {"id":"c1","object":"chat.completion.chunk","created":1795300000,"model":"m1","choices":[],'
    b'"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}\n\n',
    b"data: [DONE]\n\n",
]


def test_a_completion_renders_calls_and_answers_in_openais_shape() -> None:
    with Upstream(json_reply(ANSWER)) as upstream:
        product = Product(upstream.url + "/v1", version=prompt(parameters={"temperature": 0.5, "stream": True}))

        response = product.post({"variables": {"name": "Ann"}, "max_tokens": 9})

        assert response.status == 200
        assert json_of(response)["choices"][0]["message"]["content"] == "Hello Ann"
        assert response.headers["x-portkey-trace-id"] == "t-1"
        assert response.headers["x-portkey-provider"] == "openai"
        sent = upstream.requests[0]
        assert sent.path == "/v1/chat/completions"
        assert sent.headers["authorization"] == "Bearer sk-canary"
        assert sent.json() == {
            "model": "m1", "messages": [{"role": "user", "content": "Hi Ann"}], "temperature": 0.5, "max_tokens": 9,
        }  # fmt: skip


def test_a_missing_variable_renders_empty() -> None:
    with Upstream(json_reply(ANSWER)) as upstream:
        Product(upstream.url).post({})

        assert upstream.requests[0].json()["messages"] == [{"role": "user", "content": "Hi "}]


def test_a_partial_is_part_of_the_message() -> None:
    partial = PartialVersion("tone", "id", 1, "pv1", "Be {{mood}}.")
    with Upstream(json_reply(ANSWER)) as upstream:
        product = Product(
            upstream.url,
            version=prompt(string='[{"role": "system", "content": "{{>tone}}"}]', partials=("tone",)),
            partials={"tone": partial},
        )
        product.post({"variables": {"mood": "kind"}})

        assert upstream.requests[0].json()["messages"] == [{"role": "system", "content": "Be kind."}]


def test_a_stream_is_events_with_one_done_and_no_usage_unless_asked() -> None:
    with Upstream(sse_reply(STREAM)) as upstream:
        response = Product(upstream.url).post({"stream": True})

        assert response.headers["content-type"].startswith("text/event-stream")
        events = events_of(whole(response))
        assert [event["choices"][0]["delta"] for event in events[:-1]] == [
            {"role": "assistant", "content": ""}, {"content": "Hel"}, {"content": "lo"}, {},
        ]  # fmt: skip
        assert events[-1] == "[DONE]"
        assert upstream.requests[0].json()["stream_options"] == {"include_usage": True}


def test_the_usage_chunk_comes_when_it_is_asked_for() -> None:
    with Upstream(sse_reply(STREAM)) as upstream:
        response = Product(upstream.url).post({"stream": True, "stream_options": {"include_usage": True}})

        events = events_of(whole(response))
        assert events[-2]["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        assert events[-2]["choices"] == []


def test_stream_bytes_are_ascii_and_hold_no_event_id_or_retry_lines() -> None:
    text = "\u2028\u2029\u0085 \N{GRINNING FACE} caf\u00e9"
    with Upstream(sse_reply([STREAM[0], chunk({"content": text}), *STREAM[3:]])) as upstream:
        body = whole(Product(upstream.url).post({"stream": True}))

        assert body.isascii()
        assert not any(line.startswith((b"event:", b"id:", b"retry:")) for line in body.split(b"\n"))
        assert events_of(body)[1]["choices"][0]["delta"]["content"] == text


@pytest.mark.parametrize("path", ["/v1/prompts/nobody/completions", "/v1/prompts/nobody%401/render"])
def test_an_unknown_prompt_is_404_in_the_common_body(path: str) -> None:
    response = Product("http://127.0.0.1:9").post({}, path=path)

    body = json_of(response)
    assert (response.status, body["error"]["code"], body["status"]) == (404, "prompt_not_found", "failure")
    assert body["message"] == body["error"]["message"]


@pytest.mark.parametrize("key", ["", "ps-wrong", "x" * 64_000, "\u00e9\u00e9", "' or 1=1 --"])
def test_without_a_valid_key_everything_is_the_same_401(key: str) -> None:
    response = Product("http://127.0.0.1:9").post({}, headers={"x-portkey-api-key": key})

    assert (response.status, json_of(response)["error"]["code"]) == (401, "invalid_api_key")


def test_a_key_without_the_scope_is_403() -> None:
    response = Product("http://127.0.0.1:9", scopes=frozenset({"prompts.read"})).post({})

    assert (response.status, json_of(response)["error"]["type"]) == (403, "permission_error")


def test_the_placeholder_of_the_sdk_never_reaches_a_provider() -> None:
    with Upstream(json_reply(ANSWER)) as upstream:
        Product(upstream.url).post({}, headers={"authorization": "Bearer OPENAI_API_KEY"})

        assert upstream.requests[0].headers["authorization"] == "Bearer sk-canary"


def test_render_answers_the_neutral_body_and_calls_nobody() -> None:
    with Upstream() as upstream:
        product = Product(upstream.url, version=prompt(parameters={"temperature": 0.5, "strict_params": True}))
        response = product.post(
            {"prompt_id": "hi", "variables": {"name": "Ann"}, "model": "m2", "top_p": None, "stream": False},
            path="/v1/prompts/hi/render",
        )

        assert json_of(response) == {
            "success": True,
            "data": {"temperature": 0.5, "model": "m2", "messages": [{"role": "user", "content": "Hi Ann"}]},
        }
        assert upstream.requests == []


def test_a_secret_that_was_rotated_is_read_again_once_after_a_401() -> None:
    refused = json_reply({"error": {"message": "bad key"}}, status=401)
    with Upstream(refused, json_reply(ANSWER)) as upstream:
        host = {"custom_host": upstream.url}
        secrets = MemorySecrets([{"api_key": "sk-old", **host}, {"api_key": "sk-new", **host}])

        response = Product(upstream.url, secrets=secrets).post({})

        assert response.status == 200
        assert [request.headers["authorization"] for request in upstream.requests] == ["Bearer sk-old", "Bearer sk-new"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_401_that_stays_is_passed_on_as_the_providers(stream: bool) -> None:
    refused = json_reply({"error": {"message": "bad key sk-canary"}}, status=401)
    with Upstream(refused, refused) as upstream:
        response = Product(upstream.url).post({"stream": stream})

        body = whole(response)
        assert (response.status, json.loads(body)["error"]["code"]) == (401, "provider_auth")
        assert b"openai" in body
        assert b"sk-canary" not in body
        assert len(upstream.requests) == 1


def test_strict_compliance_strips_what_openai_does_not_have() -> None:
    with Upstream(json_reply({**ANSWER, "citations": ["x"]})) as upstream:
        response = Product(upstream.url).post({}, headers={"x-portkey-strict-open-ai-compliance": "true"})

        assert {"citations", "provider"} & json_of(response).keys() == set()


def test_a_json_answer_to_a_streamed_call_becomes_chunks() -> None:
    with Upstream(json_reply(ANSWER)) as upstream:
        events = events_of(whole(Product(upstream.url).post({"stream": True})))

        assert [event["choices"][0]["delta"] for event in events[:-1]] == [
            {"role": "assistant", "content": ""}, {"content": "Hello Ann"}, {},
        ]  # fmt: skip
        assert events[-1] == "[DONE]"


def test_forwarded_headers_reach_the_provider_but_never_replace_ours() -> None:
    with Upstream(json_reply(ANSWER)) as upstream:
        Product(upstream.url).post(
            {},
            headers={
                "x-portkey-forward-headers": "x-team,authorization",
                "x-team": "blue",
                "authorization": "Bearer no",
            },
        )

        sent = upstream.requests[0].headers
        assert (sent["x-team"], sent["authorization"]) == ("blue", "Bearer sk-canary")
        assert not any(name.startswith("x-portkey-") for name in sent)


def test_the_log_has_one_line_per_run_with_its_metadata(log_output: io.StringIO) -> None:
    with Upstream(json_reply(ANSWER)) as upstream:
        Product(upstream.url).post({}, headers={"x-portkey-metadata": '{"_user": "u-1", "team": "blue"}'})

    (line,) = [json.loads(line) for line in log_output.getvalue().splitlines()]
    assert (line["message"], line["metadata"], line["prompt"], line["version"], line["total_tokens"]) == (
        "run_ended", {"_user": "u-1", "team": "blue"}, "hi", 3, 5,
    )  # fmt: skip

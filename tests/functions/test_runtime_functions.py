"""The built functions, run by their runtime clients against a loopback Runtime API, on the event files."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engines import Engine
from tests.functions.deployed import Deployment, load_event
from tests.functions.runtime_api import RuntimeApi
from tests.upstream import Reply, Upstream, json_reply, sse_reply

ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1763805600,
    "model": "gpt-4o-mini",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello Ada"},
            "finish_reason": "stop",
            "logprobs": None,
        }
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
}


def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1763805600, "model": "gpt-4o-mini"}
    return b"data: " + json.dumps({**head, "choices": [choice]}).encode() + b"\n\n"


FIRST = chunk({"role": "assistant", "content": "Hello"})
SECOND = chunk({"content": " Ada"}) + chunk({}, "stop") + b"data: [DONE]\n\n"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


@pytest.fixture(scope="module")
def deployment(engine: Engine, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    return Deployment(engine, tmp_path_factory.mktemp("deployment"), upstream)


@pytest.fixture(scope="module")
def streaming(deployment: Deployment) -> Iterator[RuntimeApi]:
    with RuntimeApi() as api, deployment.running("StreamingFunction", api):
        yield api


@pytest.fixture(scope="module")
def completion(deployment: Deployment) -> Iterator[RuntimeApi]:
    with RuntimeApi() as api, deployment.running("CompletionFunction", api):
        yield api


def contents(body: bytes) -> list[Any]:
    """Return the text of each chunk, and the last line."""
    lines = [line.removeprefix(b"data: ") for line in body.split(b"\n\n") if line]
    return [json.loads(line)["choices"][0]["delta"].get("content") for line in lines[:-1]] + [lines[-1]]


def test_a_whole_completion_through_the_rest_api(streaming: RuntimeApi, upstream: Upstream) -> None:
    upstream.enqueue(json_reply(ANSWER))

    exchange = streaming.invoke(load_event("completion-rest-v1")).finish()

    assert exchange.prelude["statusCode"] == 200, exchange.body
    assert exchange.prelude["headers"]["content-type"] == "application/json"
    assert json.loads(exchange.body)["choices"] == ANSWER["choices"]
    request = upstream.requests[-1]
    assert request.headers["authorization"] == "Bearer sk-provider"
    assert request.json()["messages"] == [
        {
            "role": "user",
            "content": "Welcome Ada of Analytical Engines, who wants to run prompts without redeploying.",
        }
    ]


@pytest.mark.parametrize("name", ["completion-rest-v1-stream", "completion-function-url", "streaming-invoke"])
def test_a_stream_delivers_the_first_chunk_before_the_provider_sends_the_second(
    streaming: RuntimeApi, upstream: Upstream, name: str
) -> None:
    seen = threading.Event()
    upstream.enqueue(sse_reply([FIRST, seen, SECOND]))

    exchange = streaming.invoke(load_event(name))
    while b"Hello" not in exchange.payload:
        assert exchange.next_part(), exchange.payload
    seen.set()
    exchange.finish()

    body = exchange.payload if name == "streaming-invoke" else exchange.body
    assert contents(body) == ["Hello", " Ada", None, b"[DONE]"]
    assert exchange.trailers == {}


def test_the_providers_connection_is_closed_when_the_caller_leaves(streaming: RuntimeApi, upstream: Upstream) -> None:
    more = [chunk({"content": f" {number}"}) for number in range(3)]
    never = threading.Event()
    upstream.enqueue(sse_reply([FIRST, *more, never]))

    streaming.invoke(load_event("completion-rest-v1-stream"), drop_after_parts=1).finish()

    assert upstream.requests[-1].client_closed.wait(10)


def test_a_stream_ends_with_an_error_event_before_the_functions_time_is_over(
    streaming: RuntimeApi, upstream: Upstream
) -> None:
    upstream.enqueue(sse_reply([FIRST, threading.Event()]))

    exchange = streaming.invoke(load_event("completion-rest-v1-stream"), seconds=3.5).finish()

    assert b"event: error" in exchange.body
    assert b"deadline_exceeded" in exchange.body
    assert b"[DONE]" not in exchange.body


def test_an_upstream_error_before_the_first_byte_keeps_its_status(streaming: RuntimeApi, upstream: Upstream) -> None:
    upstream.enqueue(json_reply({"error": {"message": "Slow down", "type": "rate_limit_error"}}, status=429))

    exchange = streaming.invoke(load_event("completion-rest-v1-stream")).finish()

    assert exchange.prelude["statusCode"] == 429
    assert json.loads(exchange.body)["error"]["message"] == "openai error: Slow down"


@pytest.mark.parametrize("name", ["completion-rest-v1-stream", "completion-function-url"])
def test_a_wrong_key_is_refused_by_the_streaming_function(streaming: RuntimeApi, name: str) -> None:
    event = load_event(name)
    for headers in (event["headers"], event.get("multiValueHeaders", {})):
        if "x-portkey-api-key" in headers:
            headers["x-portkey-api-key"] = ["wrong"] if headers is event.get("multiValueHeaders") else "wrong"

    exchange = streaming.invoke(event).finish()

    assert exchange.prelude["statusCode"] == 401
    assert json.loads(exchange.body)["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize("name", ["completion-http-v2", "completion-function-url", "completion-rest-v1"])
def test_a_completion_through_the_buffered_function(completion: RuntimeApi, upstream: Upstream, name: str) -> None:
    upstream.enqueue(json_reply(ANSWER))
    event = load_event(name)
    event["body"] = event["body"].replace('"stream": true', '"stream": false')

    exchange = completion.invoke(event).finish()

    answer = json.loads(exchange.payload)
    assert answer["statusCode"] == 200, answer
    assert json.loads(answer["body"])["choices"] == ANSWER["choices"]


def test_a_direct_invoke_of_the_buffered_function_returns_the_completion_itself(
    completion: RuntimeApi, upstream: Upstream
) -> None:
    upstream.enqueue(json_reply(ANSWER))

    exchange = completion.invoke(load_event("completion-invoke")).finish()

    assert json.loads(exchange.payload)["choices"] == ANSWER["choices"]
    assert upstream.requests[-1].json()["max_tokens"] == 50


def test_rendering_calls_no_provider(completion: RuntimeApi, upstream: Upstream) -> None:
    calls = len(upstream.requests)

    exchange = completion.invoke(load_event("render-rest-v1")).finish()

    answer = json.loads(exchange.payload)
    assert answer["statusCode"] == 200, answer
    assert json.loads(answer["body"])["data"]["messages"][0]["content"].startswith("Welcome Ada of Analytical Engines")
    assert len(upstream.requests) == calls


@pytest.fixture(scope="module")
def prompts(deployment: Deployment) -> Iterator[RuntimeApi]:
    with RuntimeApi() as api, deployment.running("PromptsFunction", api):
        yield api


@pytest.mark.parametrize("name", ["prompts-create-rest-v1", "prompts-create-http-v2"])
def test_a_prompt_is_created_and_can_be_run_at_once(
    prompts: RuntimeApi, completion: RuntimeApi, upstream: Upstream, name: str
) -> None:
    upstream.enqueue(json_reply(ANSWER))

    created = json.loads(prompts.invoke(load_event(name)).finish().payload)
    slug = json.loads(created["body"])["slug"]
    run = completion.invoke({"prompt_id": slug, "variables": {"topic": "dew"}}).finish()

    assert created["statusCode"] == 200, created
    assert set(json.loads(created["body"])) == {"id", "slug", "version_id", "object"}
    assert json.loads(run.payload)["choices"] == ANSWER["choices"]
    assert upstream.requests[-1].json()["messages"] == [{"role": "user", "content": "Write a haiku about dew."}]


@pytest.mark.parametrize("name", ["prompts-list-rest-v1", "prompts-list-http-v2"])
def test_prompts_are_listed(prompts: RuntimeApi, name: str) -> None:
    answer = json.loads(prompts.invoke(load_event(name)).finish().payload)

    body = json.loads(answer["body"])
    assert answer["statusCode"] == 200, answer
    assert body["object"] == "list"
    assert "welcome" in [item["slug"] for item in body["data"]]


def test_the_first_api_key_is_made_by_a_direct_invoke_and_works(prompts: RuntimeApi, completion: RuntimeApi) -> None:
    made = json.loads(prompts.invoke(load_event("prompts-create-api-key")).finish().payload)
    event = load_event("render-rest-v1")
    event["headers"]["x-portkey-api-key"] = made["key"]
    event["multiValueHeaders"]["x-portkey-api-key"] = [made["key"]]

    answer = json.loads(completion.invoke(event).finish().payload)

    assert set(made) == {"id", "key", "object"}
    assert answer["statusCode"] == 200, answer


@pytest.mark.parametrize("function", ["StreamingFunction", "CompletionFunction", "PromptsFunction"])
def test_a_missing_setting_is_named_at_start(engine: Engine, tmp_path: Path, upstream: Upstream, function: str) -> None:
    broken = Deployment(engine, tmp_path, upstream, environment={"PROMPTSIDE_TABLE": ""})

    with RuntimeApi() as api, broken.running(function, api) as runtime:
        path, _, document = api.report()

        assert path == "/init/error"
        assert "PROMPTSIDE_TABLE" in document["errorMessage"]
        assert runtime.exit_code() != 0


def test_no_secret_variable_or_prompt_reaches_a_log(
    streaming: RuntimeApi, completion: RuntimeApi, upstream: Upstream, deployment: Deployment
) -> None:
    upstream.enqueue(json_reply(ANSWER), Reply(500, {"content-type": "text/html"}, [b"<html>Analytical</html>"]))
    completion.invoke(load_event("completion-invoke")).finish()
    streaming.invoke(load_event("completion-rest-v1")).finish()

    written = "".join(path.read_text() for path in deployment.folder.glob("*.log"))

    assert "psk-example" not in written
    assert "sk-provider" not in written
    assert "Analytical" not in written
    assert "Hello Ada" not in written

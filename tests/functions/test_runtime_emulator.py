"""The built functions under AWS's runtime interface emulator, which proves the exact bytes but not their timing."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.engines import Engine
from tests.functions.deployed import Deployment, load_event
from tests.functions.test_runtime_functions import ANSWER, FIRST, SECOND, contents
from tests.upstream import Upstream, json_reply, sse_reply


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


@pytest.fixture(scope="module")
def deployment(engine: Engine, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    return Deployment(engine, tmp_path_factory.mktemp("emulated"), upstream)


def test_the_streaming_function_answers_whole_streamed_and_direct(deployment: Deployment, upstream: Upstream) -> None:
    upstream.enqueue(json_reply(ANSWER), sse_reply([FIRST, SECOND]), sse_reply([FIRST, SECOND]))

    with deployment.emulated("StreamingFunction") as emulator:
        whole = emulator.invoke(load_event("completion-rest-v1"))
        streamed = emulator.invoke(load_event("completion-rest-v1-stream"))
        direct = emulator.invoke(load_event("streaming-invoke"))

    prelude, _, body = whole.partition(b"\x00" * 8)
    assert json.loads(prelude)["statusCode"] == 200, body
    assert json.loads(body)["choices"] == ANSWER["choices"]
    prelude, _, body = streamed.partition(b"\x00" * 8)
    assert json.loads(prelude)["headers"]["content-type"].startswith("text/event-stream")
    assert contents(body) == ["Hello", " Ada", None, b"[DONE]"]
    assert contents(direct) == ["Hello", " Ada", None, b"[DONE]"]


def test_the_completion_function_answers_both_apis_and_direct(deployment: Deployment, upstream: Upstream) -> None:
    upstream.enqueue(json_reply(ANSWER), json_reply(ANSWER))

    with deployment.emulated("CompletionFunction") as emulator:
        http_api = json.loads(emulator.invoke(load_event("completion-http-v2")))
        direct = json.loads(emulator.invoke(load_event("completion-invoke")))
        rendered = json.loads(emulator.invoke(load_event("render-rest-v1")))

    assert json.loads(http_api["body"])["choices"] == ANSWER["choices"]
    assert direct["choices"] == ANSWER["choices"]
    assert json.loads(rendered["body"])["success"] is True


def test_the_prompts_function_makes_a_key_and_lists_prompts(deployment: Deployment) -> None:
    with deployment.emulated("PromptsFunction") as emulator:
        key = json.loads(emulator.invoke(load_event("prompts-create-api-key")))
        listed = json.loads(emulator.invoke(load_event("prompts-list-rest-v1")))

    assert set(key) == {"id", "key", "object"}
    assert [item["slug"] for item in json.loads(listed["body"])["data"]] == ["welcome"]

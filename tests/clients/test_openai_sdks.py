"""OpenAI's own SDKs read every answer, as strictly as they can: Python validates each field."""

import asyncio
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types import Completion
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.clients.conftest import needs_node
from tests.clients.node_sdks import NodeDriver
from tests.clients.outcome import Failure
from tests.clients.prompts import make_prompt
from tests.clients.provider import KEY as PROVIDER_KEY
from tests.clients.provider import EchoProvider, chunk, failure
from tests.clients.python_sdks import PythonSdk
from tests.clients.running import KEY, Running
from tests.upstream import Fault, sse_reply

BODY = {"variables": {"name": "Ann"}}
CREDENTIALS: list[dict[str, Any]] = [
    {"api_key": KEY},
    {"api_key": "OPENAI_API_KEY", "default_headers": {"x-portkey-api-key": KEY}},
]


@pytest.fixture(params=CREDENTIALS, ids=["bearer", "header"])
def client(request: pytest.FixtureRequest, running: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=running.base_url, max_retries=0, _strict_response_validation=True, **request.param
    ) as made:
        yield made


@pytest.fixture
def path(prompt_slug: str) -> str:
    return f"/prompts/{prompt_slug}/completions"


def options(running: Running) -> dict[str, Any]:
    return {"baseURL": running.base_url, "apiKey": KEY, "maxRetries": 0}


def test_a_completion_is_a_chat_completion(client: openai.OpenAI, path: str, provider: EchoProvider) -> None:
    answer = client.post(path, cast_to=ChatCompletion, body=BODY)

    assert isinstance(answer, ChatCompletion)
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("Hi Ann", "stop")
    assert answer.usage is not None
    assert answer.usage.total_tokens == 7
    assert provider.requests[0].headers["authorization"] == f"Bearer {PROVIDER_KEY}"


def test_a_stream_is_made_of_chat_completion_chunks(client: openai.OpenAI, path: str) -> None:
    stream = client.post(
        path,
        cast_to=ChatCompletionChunk,
        body={**BODY, "stream": True, "stream_options": {"include_usage": True}},
        stream=True,
        stream_cls=openai.Stream[ChatCompletionChunk],
    )
    chunks = list(stream)

    assert {type(piece) for piece in chunks} == {ChatCompletionChunk}
    assert "".join(choice.delta.content or "" for piece in chunks for choice in piece.choices) == "Hi Ann"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 7


def test_a_text_prompt_is_a_completion_whole_and_streamed(client: openai.OpenAI, python: PythonSdk) -> None:
    slug = make_prompt(python, "Once upon a {{what}}", model="gpt-3.5-turbo-instruct")
    path, body = f"/prompts/{slug}/completions", {"variables": {"what": "time"}}

    whole = client.post(path, cast_to=Completion, body=body)
    # OpenAI's own chunks of text have no finish reason before the last either, which its strict types do not allow.
    with openai.OpenAI(base_url=client.base_url, api_key=KEY, max_retries=0) as tolerant:
        stream = tolerant.post(
            path, cast_to=Completion, body={**body, "stream": True}, stream=True, stream_cls=openai.Stream[Completion]
        )
        pieces = [piece.choices[0].text for piece in stream]

    assert [whole.choices[0].text, "".join(pieces)] == ["Once upon a time", "Once upon a time"]


def test_the_asynchronous_client_reads_both(running: Running, path: str) -> None:
    async def read() -> tuple[str | None, str]:
        async with openai.AsyncOpenAI(
            base_url=running.base_url, api_key=KEY, max_retries=0, _strict_response_validation=True
        ) as client:
            answer = await client.post(path, cast_to=ChatCompletion, body=BODY)
            stream = await client.post(
                path,
                cast_to=ChatCompletionChunk,
                body={**BODY, "stream": True},
                stream=True,
                stream_cls=openai.AsyncStream[ChatCompletionChunk],
            )
            pieces = [choice.delta.content or "" async for piece in stream for choice in piece.choices]
            return answer.choices[0].message.content, "".join(pieces)

    assert asyncio.run(read()) == ("Hi Ann", "Hi Ann")


@pytest.mark.parametrize(
    ("path", "key", "kind", "message"),
    [
        ("/prompts/pp-nowhere/completions", KEY, openai.NotFoundError, "Prompt 'pp-nowhere' not found"),
        ("/prompts/x/completions", "wrong", openai.AuthenticationError, "Invalid API key"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_have_their_class_and_a_message(
    running: Running, *, path: str, key: str, kind: type[openai.APIStatusError], message: str, stream: bool
) -> None:
    with openai.OpenAI(base_url=running.base_url, api_key=key, max_retries=0) as client, pytest.raises(kind) as raised:
        client.post(path, cast_to=ChatCompletion, body={"stream": stream})

    assert message in str(raised.value)
    assert isinstance(raised.value.body, dict)
    assert raised.value.body["message"].startswith(message)


def test_an_error_of_the_provider_keeps_its_class(client: openai.OpenAI, path: str, provider: EchoProvider) -> None:
    provider.answer(failure(429, "Slow down", headers={"retry-after": "7"}))

    with pytest.raises(openai.RateLimitError) as raised:
        client.post(path, cast_to=ChatCompletion, body=BODY)

    assert (raised.value.type, raised.value.response.headers["retry-after"]) == ("rate_limit_error", "7")
    assert "openai error: Slow down" in raised.value.message


def test_row_13_a_failure_in_the_middle_raises(client: openai.OpenAI, path: str, provider: EchoProvider) -> None:
    provider.answer(sse_reply([chunk({"delta": {"content": "one"}}), Fault.CUT]))
    stream = client.post(
        path,
        cast_to=ChatCompletionChunk,
        body={**BODY, "stream": True},
        stream=True,
        stream_cls=openai.Stream[ChatCompletionChunk],
    )

    with pytest.raises(openai.APIError, match="closed the connection before its answer was complete"):
        list(stream)


@needs_node
def test_node_reads_a_completion_and_a_stream(node: NodeDriver, running: Running, path: str) -> None:
    whole = node.step("openai", options(running), "post", path, {"body": BODY})
    stream = node.step("openai", options(running), "post", path, {"body": {**BODY, "stream": True}, "stream": True})

    assert [whole.content(), stream.content()] == ["Hi Ann", "Hi Ann"]
    assert len(stream.chunks) == 4


@needs_node
def test_node_reads_the_key_from_the_header(node: NodeDriver, running: Running, path: str) -> None:
    with_header = {**options(running), "apiKey": "OPENAI_API_KEY", "defaultHeaders": {"x-portkey-api-key": KEY}}

    assert node.step("openai", with_header, "post", path, {"body": BODY}).content() == "Hi Ann"


@needs_node
def test_node_raises_the_class_of_an_error(
    node: NodeDriver, running: Running, path: str, provider: EchoProvider
) -> None:
    missing = node.step("openai", options(running), "post", "/prompts/pp-nowhere/completions", {"body": {}}).failure()
    wrong = node.step("openai", {**options(running), "apiKey": "wrong"}, "post", path, {"body": {}}).failure()
    provider.answer(failure(503, "Not today"))
    busy = node.step("openai", options(running), "post", path, {"body": {"stream": True}, "stream": True}).failure()

    assert [Failure(error.kind, error.status, error.message) for error in (missing, wrong, busy)] == [
        Failure("NotFoundError", 404, "404 Prompt 'pp-nowhere' not found"),
        Failure("AuthenticationError", 401, "401 Invalid API key: send a valid key in the x-portkey-api-key header"),
        Failure("InternalServerError", 503, "503 openai error: Not today"),
    ]


@needs_node
def test_row_13_node_raises_in_the_middle(
    node: NodeDriver, running: Running, path: str, provider: EchoProvider
) -> None:
    provider.answer(sse_reply([chunk({"delta": {"content": "one"}}), Fault.CUT]))

    stream = node.step("openai", options(running), "post", path, {"body": {**BODY, "stream": True}, "stream": True})

    assert stream.streamed() == "one"
    assert "closed the connection before its answer was complete" in stream.failure().message

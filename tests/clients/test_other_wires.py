"""A provider with a wire of its own, through Portkey's SDKs: nothing of it shows but its name."""

import json
from typing import Any

import pytest

from tests.clients.outcome import Sdk, run
from tests.clients.prompts import make_prompt
from tests.clients.provider import KEY, EchoProvider
from tests.upstream import json_reply, sse_reply

MESSAGES = "/v1/messages"
MODEL = "claude-sonnet-4-5"
TEMPLATE = json.dumps([{"role": "system", "content": "Be {{how}}."}, {"role": "user", "content": "Hi"}])
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL}
PARTS = ("Hel", "lo \u2028\U0001f600")


def anthropic_event(**data: Any) -> bytes:
    return f"event: {data['type']}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def anthropic_stream() -> list[bytes]:
    usage = {"input_tokens": 10, "output_tokens": 1}
    start: dict[str, Any] = {**MESSAGE, "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    return [
        anthropic_event(type="message_start", message=start),
        anthropic_event(type="content_block_start", index=0, content_block={"type": "text", "text": ""}),
        *(
            anthropic_event(type="content_block_delta", index=0, delta={"type": "text_delta", "text": text})
            for text in PARTS
        ),
        anthropic_event(type="content_block_stop", index=0),
        anthropic_event(
            type="message_delta",
            delta={"stop_reason": "end_turn", "stop_sequence": None},
            usage={"output_tokens": 5},
        ),
        anthropic_event(type="message_stop"),
    ]


@pytest.fixture(scope="session")
def claude(sdk: Sdk) -> str:
    return make_prompt(sdk, TEMPLATE, virtual_key="anthropic", model=MODEL, parameters={"max_tokens": 50})


def test_a_completion_of_anthropic_is_a_chat_completion(sdk: Sdk, provider: EchoProvider, claude: str) -> None:
    content = [{"type": "text", "text": "Hello"}]
    usage = {"input_tokens": 10, "output_tokens": 5}
    provider.routes[MESSAGES] = json_reply(
        {**MESSAGE, "content": content, "stop_reason": "end_turn", "stop_sequence": None, "usage": usage}
    )

    answer = run(sdk, claude, {"how": "brief"})

    result = answer.result()
    assert provider.sent() == {
        "model": MODEL,
        "max_tokens": 50,
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
    }
    assert provider.requests[0].headers["x-api-key"] == KEY
    assert (result["object"], result["provider"], answer.headers["provider"]) == (
        "chat.completion",
        "anthropic",
        "anthropic",
    )
    assert (answer.content(), result["choices"][0]["finish_reason"]) == ("Hello", "stop")
    assert (result["usage"]["prompt_tokens"], result["usage"]["total_tokens"]) == (10, 15)


def test_a_stream_of_anthropic_is_made_of_chunks(sdk: Sdk, provider: EchoProvider, claude: str) -> None:
    provider.routes[MESSAGES] = sse_reply(anthropic_stream())

    answer = run(sdk, claude, stream=True, stream_options={"include_usage": True})

    assert answer.content() == "".join(PARTS)
    deltas = [choice["delta"] for chunk in answer.chunks for choice in chunk["choices"]]
    assert (deltas[0], deltas[-1]) == ({"role": "assistant", "content": ""}, {})
    assert answer.chunks[-1]["usage"]["total_tokens"] == 15


def test_a_failure_of_anthropic_in_the_middle_raises(sdk: Sdk, provider: EchoProvider, claude: str) -> None:
    overloaded = anthropic_event(type="error", error={"type": "overloaded_error", "message": "Overloaded"})
    provider.routes[MESSAGES] = sse_reply([*anthropic_stream()[:3], overloaded])

    answer = run(sdk, claude, stream=True)

    assert answer.streamed() == PARTS[0]
    assert "anthropic error: Overloaded" in answer.failure().message


def test_an_error_of_anthropic_has_its_class(sdk: Sdk, provider: EchoProvider, claude: str) -> None:
    body = {"type": "error", "error": {"type": "rate_limit_error", "message": "Slow down"}}
    provider.routes[MESSAGES] = json_reply(body, status=429, headers={"retry-after": "3"})

    error = run(sdk, claude).failure()

    assert error.brief == ("RateLimitError", 429, "anthropic error: Slow down")
    assert error.headers["retry-after"] == "3"

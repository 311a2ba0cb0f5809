"""A parameter that a host refuses is mended, once per model, and named; nothing that was promised is given up."""

from __future__ import annotations

from typing import Any

import pytest

from tests.product import Product, events_of, json_of, prompt, whole
from tests.upstream import Reply, Upstream, json_reply, sse_reply

ANSWER = {
    "id": "a", "object": "chat.completion", "created": 1795300000, "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
}  # fmt: skip
STREAM = b'data: {"id":"a","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
FORBIDDEN = {"type": "extra_forbidden", "loc": ["body", "temperature"], "msg": "Extra inputs are not permitted"}
DROPPED = "x-promptside-dropped-params"


def refused(param: str, code: str | int = "unsupported_parameter", message: str = "no", status: int = 400) -> Reply:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return json_reply({"error": error}, status=status)


def run(upstream: Upstream, **fields: Any) -> Product:
    return Product(upstream.url, version=prompt(model="a-deployment", **fields))


def test_the_other_name_of_the_token_limit_is_tried_and_remembered() -> None:
    with Upstream(refused("max_tokens"), json_reply(ANSWER), json_reply(ANSWER)) as upstream:
        product = run(upstream, parameters={"max_tokens": 50})
        first, second = product.post({"variables": {"name": "A"}}), product.post({"variables": {"name": "B"}})
        bodies = [request.json() for request in upstream.requests]

    assert (first.status, second.status) == (200, 200)
    limits = [{name: value for name, value in body.items() if name.startswith("max_")} for body in bodies]
    assert limits == [{"max_tokens": 50}, {"max_completion_tokens": 50}, {"max_completion_tokens": 50}]
    assert DROPPED not in first.headers


@pytest.mark.parametrize(
    "reply",
    [
        refused("temperature", "unsupported_value", "Only the default (1) value is supported."),
        refused("temperature", 400, 'invalid request body: json: unknown field "temperature"'),
        json_reply({"detail": [FORBIDDEN]}, status=422),
    ],
)
def test_a_refused_sampling_parameter_is_left_out_and_named(reply: Reply) -> None:
    with Upstream(reply, json_reply(ANSWER), json_reply(ANSWER)) as upstream:
        product = run(upstream, parameters={"temperature": 0.2, "seed": 1})
        answers = [product.post({"variables": {"name": "A"}}) for _ in range(2)]
        bodies = [request.json() for request in upstream.requests]

    assert [answer.headers[DROPPED] for answer in answers] == ["temperature", "temperature"]
    assert ["temperature" in body for body in bodies] == [True, False, False]
    assert all(body["seed"] == 1 for body in bodies)


def test_several_refusals_are_mended_one_after_the_other() -> None:
    with Upstream(refused("temperature"), refused("top_p"), json_reply(ANSWER)) as upstream:
        answer = run(upstream, parameters={"temperature": 0.2, "top_p": 0.5}).post({"variables": {"name": "A"}})

    assert (answer.status, answer.headers[DROPPED]) == (200, "temperature,top_p")


def test_a_stream_is_mended_before_its_first_byte() -> None:
    with Upstream(refused("max_tokens"), sse_reply([STREAM])) as upstream:
        product = run(upstream, parameters={"max_tokens": 5})
        events = events_of(whole(product.post({"variables": {"name": "A"}, "stream": True})))
        limits = [request.json().get("max_completion_tokens") for request in upstream.requests]

    assert limits == [None, 5]
    assert events[-1] == "[DONE]"


@pytest.mark.parametrize(
    ("parameters", "param", "fields"),
    [
        ({"temperature": 0.2, "strict_params": True}, "temperature", {}),
        ({"response_format": {"type": "json_object"}}, "response_format", {}),
        ({"n": 2}, "n", {}),
        ({"temperature": 0.2}, "temperature", {"code": "invalid_value", "message": "must be below 2"}),
        ({"temperature": 0.2}, "top_p", {}),
        ({"temperature": 0.2}, "messages", {}),
        ({"temperature": 0.2}, "temperature", {"status": 403}),
    ],
)
def test_a_refusal_that_cannot_be_mended_reaches_the_caller_at_once(
    parameters: dict[str, Any], param: str, fields: dict[str, Any]
) -> None:
    with Upstream(refused(param, **fields)) as upstream:
        answer = run(upstream, parameters=parameters).post({"variables": {"name": "A"}})

    assert json_of(answer)["error"]["param"] == param
    assert len(upstream.requests) == 1


def test_what_nobody_asked_for_is_left_out_without_a_word() -> None:
    """Perplexity's Agent API refused `store` for a while: https://github.com/anomalyco/opencode/issues/32108."""
    response = {
        "id": "r", "object": "response", "created_at": 1, "model": "m", "status": "completed",
        "output": [{"type": "message", "id": "m", "content": [{"type": "output_text", "text": "Hi"}]}],
    }  # fmt: skip
    refusal = refused("store", 400, 'invalid request body: json: unknown field "store"')
    with Upstream(refusal, json_reply(response)) as upstream:
        answer = run(upstream, virtual_key="perplexity-ai").post({"variables": {"name": "A"}})
        bodies = [request.json() for request in upstream.requests]

    assert answer.status == 200
    assert ["store" in body for body in bodies] == [True, False]
    assert DROPPED not in answer.headers


def test_a_host_that_refuses_everything_is_asked_a_few_times_only() -> None:
    replies = [refused(name) for name in ("temperature", "top_p", "seed", "stop")]
    with Upstream(*replies) as upstream:
        parameters = {"temperature": 0.2, "top_p": 0.5, "seed": 1, "stop": ["x"], "user": "u"}
        answer = run(upstream, parameters=parameters).post({"variables": {"name": "A"}})

    assert (answer.status, len(upstream.requests)) == (400, 4)

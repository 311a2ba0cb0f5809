"""Functions from before tools, through the product: a host that never had them, and a caller who knows nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from promptside.providers.base import ProviderCall
from promptside.providers.legacy_functions import speaks_of_functions, with_tools
from tests.product import Product, events_of, json_of, prompt, whole
from tests.upstream import Upstream, json_reply, sse_reply

FUNCTION = {"name": "get_stock", "parameters": {"type": "object", "properties": {"sku": {"type": "string"}}}}
TOOL = {"type": "function", "function": FUNCTION}
CALLED = {"id": "Qk3v9ZpLm", "type": "function", "index": 0, "function": {"name": "get_stock", "arguments": "{}"}}
ANSWER = {
    "id": "m1",
    "object": "chat.completion",
    "created": 1795300040,
    "model": "m1",
    "choices": [{"index": 0, "message": {"role": "assistant", "tool_calls": [CALLED]}, "finish_reason": "tool_calls"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}
HOSTS_WITHOUT = ["mistral-ai", "ai21"]


def call(messages: list[dict[str, Any]] | None = None, **parameters: Any) -> ProviderCall:
    return ProviderCall("chat", "m", parameters, "c", 1, messages=messages or [])


@pytest.mark.parametrize("provider", HOSTS_WITHOUT)
def test_a_stored_prompt_with_functions_runs_on_a_host_that_has_only_tools(provider: str) -> None:
    with Upstream(json_reply(ANSWER)) as upstream:
        product = Product(upstream.url, version=prompt(virtual_key=provider, functions=[FUNCTION]))
        answer = json_of(product.post({"variables": {"name": "Ann"}, "function_call": "auto"}))
        sent = upstream.requests[0].json()

    assert [tool["function"]["name"] for tool in sent["tools"]] == ["get_stock"]
    assert "functions" not in sent
    assert "function_call" not in sent
    choice = answer["choices"][0]
    assert choice["finish_reason"] == "function_call"
    assert choice["message"]["function_call"] == {"name": "get_stock", "arguments": "{}"}
    assert "tool_calls" not in choice["message"]


def test_a_streamed_answer_carries_the_function_call() -> None:
    delta = {"role": "assistant", "content": "", "tool_calls": [CALLED]}
    chunk = {**ANSWER, "choices": [{"index": 0, "delta": delta, "finish_reason": "tool_calls"}]}
    wire = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode()
    with Upstream(sse_reply([wire])) as upstream:
        product = Product(upstream.url, version=prompt(virtual_key="mistral-ai", functions=[FUNCTION]))
        events = events_of(whole(product.post({"variables": {"name": "Ann"}, "stream": True})))

    choices = [event["choices"][0] for event in events[:-1]]
    assert [choice["finish_reason"] for choice in choices] == [None, "function_call"]
    assert choices[0]["delta"]["function_call"] == {"name": "get_stock", "arguments": "{}"}
    assert events[-1] == "[DONE]"


def test_a_host_that_has_functions_gets_them_as_they_are() -> None:
    with Upstream(json_reply(ANSWER)) as upstream:
        product = Product(upstream.url, version=prompt(functions=[FUNCTION]))
        answer = json_of(product.post({"variables": {"name": "Ann"}, "function_call": "auto"}))
        sent = upstream.requests[0].json()

    assert (sent["functions"], sent["function_call"]) == ([FUNCTION], "auto")
    assert answer["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"functions": [FUNCTION]}, {"tools": [TOOL]}),
        ({"functions": [FUNCTION], "function_call": "none"}, {"tools": [TOOL], "tool_choice": "none"}),
        (
            {"functions": [FUNCTION], "function_call": {"name": "get_stock"}},
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "get_stock"}}},
        ),
        ({"functions": [FUNCTION], "tools": [], "tool_choice": "auto"}, {"tools": [TOOL], "tool_choice": "auto"}),
        (
            {"functions": [FUNCTION], "tools": [{"type": "web_search"}], "tool_choice": "auto"},
            {"tools": [{"type": "web_search"}], "tool_choice": "auto"},
        ),
        ({"functions": []}, {}),
    ],
)
def test_parameters_become_those_of_tools(parameters: dict[str, Any], expected: dict[str, Any]) -> None:
    assert with_tools(call(**parameters)).parameters == expected


def test_results_in_the_history_belong_to_the_call_before_them() -> None:
    one, two = ({"name": name, "arguments": "{}"} for name in ("one", "two"))
    history: list[dict[str, Any]] = [
        {"role": "user", "content": "Go"},
        {"role": "assistant", "content": None, "function_call": one},
        {"role": "function", "name": "one", "content": "1"},
        {"role": "assistant", "content": "Next", "function_call": two},
        {"role": "function", "name": "two", "content": "2"},
    ]

    assert with_tools(call(history)).messages == [
        {"role": "user", "content": "Go"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": one}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "1"},
        {"role": "assistant", "content": "Next", "tool_calls": [{"id": "call_3", "type": "function", "function": two}]},
        {"role": "tool", "tool_call_id": "call_3", "content": "2"},
    ]


@pytest.mark.parametrize(
    ("messages", "parameters", "speaks"),
    [
        ([{"role": "user", "content": "Hi"}], {"tools": [TOOL]}, False),
        ([{"role": "assistant", "content": "Hi", "function_call": None}], {}, False),
        ([{"role": "function", "name": "f", "content": "1"}], {}, True),
        ([], {"function_call": "auto"}, True),
    ],
)
def test_a_call_speaks_of_functions_by_any_sign_of_them(
    messages: list[dict[str, Any]], parameters: dict[str, Any], *, speaks: bool
) -> None:
    assert speaks_of_functions(call(messages, **parameters)) is speaks

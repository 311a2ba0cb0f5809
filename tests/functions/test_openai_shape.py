"""OpenAI's stored-prompt shape with OpenAI's own SDK: code that used it needs only a new base URL and key."""

import json
from typing import Any

import httpx2
import openai
import pytest

from promptside.api.http import HttpRequest
from promptside.api.routes import handle, owns
from tests.functions.test_completions import ANSWER, STREAM, chunk
from tests.product import KEY, Product, json_of, prompt, whole
from tests.upstream import Upstream, json_reply, sse_reply

PROMPT: Any = {"id": "hi", "version": "3", "variables": {"name": "Ann"}}
FUNCTION = {"name": "f", "parameters": {"type": "object"}, "description": "d", "strict": True}
CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}


class Routes(httpx2.BaseTransport):
    """Takes the SDK's requests to the routes without a socket."""

    def __init__(self, product: Product) -> None:
        self._product = product

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        path = request.url.raw_path.decode()
        answer = handle(self._product.services, HttpRequest("POST", path, headers, {}, request.read()))
        return httpx2.Response(answer.status, headers=dict(answer.headers), content=whole(answer))


def client(product: Product) -> openai.OpenAI:
    transport = httpx2.Client(transport=Routes(product))
    return openai.OpenAI(base_url="http://stack/v1", api_key=KEY, max_retries=0, http_client=transport)


def answered(choice: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**ANSWER, "choices": [{"index": 0, "finish_reason": "stop", **choice}], **fields}


def test_a_response_of_a_stored_prompt_needs_only_a_new_base_url() -> None:
    with Upstream(json_reply(ANSWER)) as upstream:
        product = Product(upstream.url + "/v1", version=prompt(parameters={"temperature": 0.5}))

        response = client(product).responses.create(prompt=PROMPT)

        assert response.output_text == "Hello Ann"
        assert json.loads(response.model_dump_json(exclude_unset=True)) == {
            "id": "resp_id1", "object": "response", "created_at": 1795300000.0, "status": "completed", "error": None,
            "incomplete_details": None, "instructions": None, "metadata": {}, "model": "m1-2026",
            "output": [{
                "id": "msg_id1", "type": "message", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": "Hello Ann", "annotations": [], "logprobs": []}],
            }],
            "parallel_tool_calls": True, "temperature": 0.5, "tool_choice": "auto", "tools": [], "top_p": None,
            "max_output_tokens": None, "previous_response_id": None,
            "prompt": {"id": "hi", "version": "3", "variables": None},
            "usage": {
                "input_tokens": 3, "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": 2, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 5,
            },
        }  # fmt: skip
        assert upstream.requests[0].json() == {
            "model": "m1", "messages": [{"role": "user", "content": "Hi Ann"}], "temperature": 0.5,
        }  # fmt: skip


def test_a_chat_completion_of_a_stored_prompt_appends_its_messages() -> None:
    with Upstream(json_reply(ANSWER)) as upstream:
        completion = client(Product(upstream.url)).chat.completions.create(
            model="m2", messages=[{"role": "user", "content": "And you?"}], extra_body={"prompt": PROMPT}
        )

        assert completion.choices[0].message.content == "Hello Ann"
        assert upstream.requests[0].json() == {
            "model": "m2",
            "messages": [{"role": "user", "content": "Hi Ann"}, {"role": "user", "content": "And you?"}],
        }


def test_parameters_of_a_response_reach_the_provider_in_their_chat_form() -> None:
    with Upstream(json_reply(ANSWER)) as upstream:
        parameters: Any = {
            "max_output_tokens": 9, "temperature": 0.1, "reasoning": {"effort": "low"}, "metadata": {"a": "b"},
            "text": {"format": {"type": "json_schema", "name": "s", "schema": {"type": "object"}}, "verbosity": "low"},
            "tools": [{"type": "function", **FUNCTION}], "tool_choice": {"type": "function", "name": "f"},
        }  # fmt: skip
        named: Any = {"id": "hi@3", "variables": {"name": {"type": "input_text", "text": "Bob"}}}
        client(Product(upstream.url)).responses.create(prompt=named, model="m2", **parameters)

        assert upstream.requests[0].json() == {
            "model": "m2", "messages": [{"role": "user", "content": "Hi Bob"}], "max_completion_tokens": 9,
            "temperature": 0.1, "reasoning_effort": "low", "metadata": {"a": "b"}, "verbosity": "low",
            "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}},
            "tools": [{"type": "function", "function": FUNCTION}],
            "tool_choice": {"type": "function", "function": {"name": "f"}},
        }  # fmt: skip


def test_input_items_become_messages_after_the_prompt() -> None:
    items: Any = [
        {"role": "user", "content": [{"type": "input_text", "text": "see"}, {"type": "input_image", "image_url": "https://x/y"}]},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "well"}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "1"},
    ]  # fmt: skip
    with Upstream(json_reply(ANSWER)) as upstream:
        client(Product(upstream.url)).responses.create(prompt=PROMPT, input=items)

        calls = [{"id": f"c{n}", "type": "function", "function": {"name": "f", "arguments": "{}"}} for n in (1, 2)]
        image = {"type": "image_url", "image_url": {"url": "https://x/y"}}
        assert upstream.requests[0].json()["messages"] == [
            {"role": "user", "content": "Hi Ann"},
            {"role": "user", "content": [{"type": "text", "text": "see"}, image]},
            {"role": "assistant", "content": [{"type": "text", "text": "well"}], "tool_calls": calls},
            {"role": "tool", "tool_call_id": "c1", "content": "1"},
        ]


def test_calls_of_functions_and_a_cut_answer_are_told() -> None:
    called = answered({"message": {"role": "assistant", "content": None, "tool_calls": [CALL]}})
    cut = answered({"message": {"role": "assistant", "content": "Hel"}, "finish_reason": "length"})
    with Upstream(json_reply(called), json_reply(cut)) as upstream:
        sdk = client(Product(upstream.url))

        first, second = (sdk.responses.create(prompt=PROMPT) for _ in range(2))

        assert [json.loads(item.model_dump_json(exclude_unset=True)) for item in first.output] == [
            {
                "id": "fc_id1_0", "type": "function_call", "call_id": "call_1", "name": "f", "arguments": '{"a":1}',
                "status": "completed",
            }
        ]  # fmt: skip
        assert (second.status, second.output_text) == ("incomplete", "Hel")
        assert second.incomplete_details is not None
        assert second.incomplete_details.reason == "max_output_tokens"


def test_a_streamed_response_has_the_events_of_openai() -> None:
    with Upstream(sse_reply(STREAM)) as upstream:
        product = Product(upstream.url)
        events = list(client(product).responses.create(prompt=PROMPT, stream=True))

        assert [event.type for event in events] == [
            "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
            "response.output_text.delta", "response.output_text.delta", "response.output_text.done",
            "response.content_part.done", "response.output_item.done", "response.completed",
        ]  # fmt: skip
        assert [event.sequence_number for event in events] == list(range(10))
        last = events[-1]
        assert last.type == "response.completed"
        assert (last.response.output_text, last.response.status) == ("Hello", "completed")
        assert last.response.usage is not None
        assert last.response.usage.total_tokens == 5


def test_the_sdk_gathers_a_stream_of_thoughts_and_calls() -> None:
    steps = [
        chunk({"role": "assistant", "reasoning_content": "Hm"}),
        chunk({"content": "Let me"}),
        chunk({"tool_calls": [{**CALL, "function": {"name": "f", "arguments": '{"a"'}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]}),
        chunk({}, "tool_calls"),
        b"data: [DONE]\n\n",
    ]
    with Upstream(sse_reply(steps)) as upstream:
        sdk = client(Product(upstream.url))
        with sdk.responses.stream(prompt=PROMPT, model="m2", input="And?") as stream:
            final = stream.get_final_response()

    assert final.status == "completed"
    assert [item.type for item in final.output] == ["reasoning", "message", "function_call"]
    assert final.output_text == "Let me"
    call = final.output[2]
    assert call.type == "function_call"
    assert (call.call_id, call.name, call.arguments) == ("call_1", "f", '{"a":1}')


def test_a_stream_that_breaks_raises_in_the_sdk() -> None:
    with Upstream(sse_reply(STREAM[:3])) as upstream:
        events = client(Product(upstream.url)).responses.create(prompt=PROMPT, stream=True)

        with pytest.raises(openai.APIError):
            list(events)


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/v1/responses", {"input": "x"}, (400, "prompt")),
        ("/v1/responses", {"prompt": "hi"}, (400, "prompt")),
        ("/v1/chat/completions", {"messages": [], "model": "m"}, (400, "prompt")),
        ("/v1/chat/completions", {"prompt": PROMPT, "messages": "x"}, (400, "messages")),
        ("/v1/responses", {"prompt": {"id": ""}}, (404, "prompt.id")),
        ("/v1/responses", {"prompt": {"id": "nope"}}, (404, "prompt_id")),
        ("/v1/responses", {"prompt": {"id": "hi", "version": True}}, (400, "prompt.version")),
        ("/v1/responses", {"prompt": {"id": "hi", "variables": []}}, (400, "variables")),
        (
            "/v1/responses",
            {"prompt": {"id": "hi", "variables": {"x": {"type": "input_image", "file_id": "f"}}}},
            (400, "prompt.variables"),
        ),
        ("/v1/responses", {"prompt": PROMPT, "previous_response_id": "r"}, (400, "previous_response_id")),
        ("/v1/responses", {"prompt": PROMPT, "instructions": "be"}, (400, "instructions")),
        ("/v1/responses", {"prompt": PROMPT, "tools": [{"type": "web_search"}]}, (400, "tools")),
        ("/v1/responses", {"prompt": PROMPT, "input": [{"type": "computer_call"}]}, (400, "input")),
        ("/v1/responses", {"prompt": PROMPT, "input": 7}, (400, "input")),
        ("/v1/responses", {"prompt": PROMPT, "text": "x"}, (400, "text")),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(path: str, body: dict[str, Any], expected: tuple[int, str]) -> None:
    response = Product("http://127.0.0.1:9").post(body, path=path)

    assert (response.status, json_of(response)["error"]["param"]) == expected


def test_a_text_prompt_takes_no_input() -> None:
    version = prompt(kind="text", string="Hi")

    response = Product("http://127.0.0.1:9", version=version).post(
        {"prompt": PROMPT, "input": "x"}, path="/v1/responses"
    )

    assert (response.status, json_of(response)["error"]["param"]) == (400, "input")


def test_a_text_prompt_has_a_response_as_well() -> None:
    text = {**ANSWER, "object": "text_completion", "choices": [{"index": 0, "text": "Hey", "finish_reason": "stop"}]}
    with Upstream(json_reply(text)) as upstream:
        sdk = client(Product(upstream.url, version=prompt(kind="text", string="Hi {{name}}")))

        assert sdk.responses.create(prompt=PROMPT).output_text == "Hey"


@pytest.mark.parametrize("path", ["/v1/responses", "/responses", "/Prod/v1/chat/completions", "/chat/completions/"])
def test_every_form_of_the_path_is_ours(path: str) -> None:
    assert owns("POST", path)


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/chat/completions"])
def test_nobody_gets_in_without_a_key(path: str) -> None:
    product = Product("http://127.0.0.1:9")

    answers = [
        handle(product.services, HttpRequest("POST", path, headers, {}, b"{bad"))
        for headers in ({}, {"authorization": "Bearer OPENAI_API_KEY"})
    ]
    wrong = product.post({"prompt": PROMPT}, path=path, headers={"x-portkey-api-key": "wrong"})

    assert [answer.status for answer in (*answers, wrong)] == [401, 401, 401]

"""Base URLs, headers and habits of Portkey's SDKs. The names begin with the rows of the conformance cases."""

from typing import Any

import pytest

from tests.clients.conftest import needs_node
from tests.clients.node_sdks import NodeDriver
from tests.clients.outcome import Sdk, run
from tests.clients.prompts import Conformance
from tests.clients.provider import EchoProvider
from tests.clients.running import KEY, Running
from tests.upstream import Upstream


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/", "", "/", "/Prod/v1", "/Prod/v1/", "/Prod"], ids=lambda path: f"32-{path or 'origin'}"
)
def test_every_form_of_the_base_url_works(
    *, sdk: Sdk, prompt: Conformance, running: Running, recorder: Upstream, path: str
) -> None:
    client = sdk.using(base_url=recorder.url + path)

    texts = [run(client, prompt.slug, {"name": "Ann"}, stream=stream).content() for stream in (False, True)]
    rendered = client.call("prompts.render", prompt_id=prompt.slug, variables={"name": "Ann"}).result()
    retrieved = client.call("prompts.retrieve", prompt.slug).result()
    listed = client.call("prompts.partials.list").result()

    assert texts == ["Hi Ann", "Hi Ann"]
    assert rendered["data"]["messages"] == [{"role": "user", "content": "Hi Ann"}]
    assert (retrieved["id"], listed["object"]) == (prompt.id, "list")
    # As many requests as calls: nothing was redirected.
    assert len(recorder.requests) == 5


def test_row_80_a_read_that_announces_json_without_a_body_is_answered(
    sdk: Sdk, prompt: Conformance, recorder: Upstream
) -> None:
    client = sdk.using(base_url=f"{recorder.url}/v1")

    assert client.call("prompts.retrieve", prompt.slug).result()["slug"] == prompt.slug
    assert client.call("prompts.list").result()["object"] == "list"

    assert [request.body for request in recorder.requests] == [b"", b""]
    assert {request.headers.get("content-type") for request in recorder.requests} == (
        {"application/json"} if sdk.name == "node" else {None}
    )


def test_what_the_sdks_send_is_what_the_contract_says(sdk: Sdk, prompt: Conformance, recorder: Upstream) -> None:
    run(sdk.using(base_url=f"{recorder.url}/v1"), prompt.slug, {"a": "", "b": "x", "c": ["", 1]}, max_tokens=9)

    request = recorder.requests[0]
    variables = {"a": "", "b": "x", "c": ["", 1]} if sdk.name == "node" else {"b": "x", "c": [1]}
    assert request.json() == {"variables": variables, "max_tokens": 9, "stream": False}
    assert request.headers["x-portkey-api-key"] == KEY
    assert request.headers["x-portkey-strict-open-ai-compliance"] == "false"


def test_python_deletes_empty_texts_and_the_message_still_has_its_content(
    sdk: Sdk, prompt: Conformance, provider: EchoProvider
) -> None:
    messages = [{"role": "user", "content": ""}, {"role": "user", "content": "Yes?"}]

    answer = run(sdk, prompt.slug, messages=messages, stop="")

    assert answer.content() == "Yes?"


@needs_node
def test_row_20_camel_case_of_node_arrives_as_snake_case(
    node: NodeDriver, running: Running, provider: EchoProvider, prompt_slug: str
) -> None:
    options = {"baseURL": running.base_url, "apiKey": KEY}
    body: dict[str, Any] = {"promptID": prompt_slug, "variables": {"name": "Ann"}, "maxTokens": 9, "topP": 0.5}

    node.step("portkey", options, "prompts.completions.create", body).result()

    assert provider.sent() == {
        "model": "m1",
        "messages": [{"role": "user", "content": "Hi Ann"}],
        "max_tokens": 9,
        "top_p": 0.5,
    }


@needs_node
@pytest.mark.parametrize("action", ["completions.create", "render"])
def test_the_spelling_that_node_does_not_know_is_a_clear_error(
    node: NodeDriver, running: Running, prompt_slug: str, action: str
) -> None:
    """Surprise 3: the SDK reads only `promptID`, and asks for the prompt `undefined`."""
    options = {"baseURL": running.base_url, "apiKey": KEY}

    error = node.step("portkey", options, f"prompts.{action}", {"promptId": prompt_slug}).failure()

    assert error.brief == ("NotFoundError", 404, "Prompt 'undefined' not found")


@needs_node
def test_parameters_of_one_node_call_are_understood(node: NodeDriver, running: Running, prompt_slug: str) -> None:
    """Surprise 7: they stick to the client, so that a trace id may come again with every later call."""
    options = {"baseURL": running.base_url, "apiKey": KEY}
    body = {"promptID": prompt_slug, "variables": {"name": "Ann"}}

    answer = node.step(
        "portkey", options, "prompts.completions.create", body, {"traceID": "sticky", "metadata": {"_user": "u"}}
    )

    assert (answer.content(), answer.headers["trace-id"]) == ("Hi Ann", "sticky")

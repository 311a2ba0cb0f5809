"""The objects that Portkey's Python SDK makes of our answers, as programs use them."""

import json
from typing import Any

import pytest

from tests.clients.outcome import run
from tests.clients.prompts import make_prompt, user_message
from tests.clients.provider import EchoProvider
from tests.clients.python_sdks import PythonSdk
from tests.upstream import Upstream


def test_row_08_every_chunk_with_choices_has_a_delta(python: PythonSdk, prompt_slug: str) -> None:
    """A chunk without one would become a text choice, and the documented loop an AttributeError."""
    stream = python.client.prompts.completions.create(
        prompt_id=prompt_slug, variables={"name": "Ann"}, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Hi Ann"
    assert [type(chunk.choices[0]).__name__ for chunk in chunks if chunk.choices] == ["StreamChoice"] * 4
    assert stream.response.headers["x-portkey-provider"] == "openai"


def test_the_first_completion_of_the_documentation(python: PythonSdk, prompt_slug: str) -> None:
    answer = python.client.prompts.completions.create(prompt_id=prompt_slug, variables={"name": "Ann"})

    assert type(answer).__name__ == "PromptCompletion"
    assert (answer.choices[0].message.content, answer.usage.total_tokens) == ("Hi Ann", 7)
    assert answer.get_headers()["provider"] == "openai"


def test_a_text_answer_has_its_text_beside_the_message(python: PythonSdk) -> None:
    slug = make_prompt(python, "Once upon a {{what}}", model="gpt-3.5-turbo-instruct")

    answer = python.client.prompts.completions.create(prompt_id=slug, variables={"what": "time"})

    assert (answer.choices[0].text, answer.choices[0].message) == ("Once upon a time", None)


def test_a_text_chunk_has_its_text(python: PythonSdk) -> None:
    slug = make_prompt(python, "Once upon a {{what}}", model="gpt-3.5-turbo-instruct")

    chunks = python.client.prompts.completions.create(prompt_id=slug, variables={"what": "time"}, stream=True)

    assert "".join(chunk.choices[0].text for chunk in chunks) == "Once upon a time"


def test_what_is_rendered_can_be_given_to_a_client_of_openai(python: PythonSdk, prompt_slug: str) -> None:
    rendered = python.client.prompts.render(prompt_id=prompt_slug, variables={"name": "Ann"}, temperature=0.5)

    assert rendered.data.messages[0].content == "Hi Ann"
    assert rendered.data.model_dump(exclude_none=True) == {
        "messages": [{"role": "user", "content": "Hi Ann"}],
        "model": "m1",
        "temperature": 0.5,
    }


def test_headers_of_one_call_and_of_a_copy_of_the_client(python: PythonSdk, prompt_slug: str) -> None:
    create = python.client.prompts.completions.create
    copied = python.client.with_options(trace_id="of-the-copy").prompts.completions.create

    one = create(prompt_id=prompt_slug, extra_headers={"x-portkey-trace-id": "of-the-call"})
    other = copied(prompt_id=prompt_slug)

    assert [answer.get_headers()["trace-id"] for answer in (one, other)] == ["of-the-call", "of-the-copy"]


def test_a_header_is_forwarded_to_the_provider(python: PythonSdk, provider: EchoProvider, prompt_slug: str) -> None:
    """Node cannot: it sends `XMyHeader` as `-x-my-header`."""
    client = python.using(forward_headers=["X-My-Header", "Authorization"], X_My_Header="mine")

    assert run(client, prompt_slug).content() == "Hi "
    assert provider.requests[0].headers["x-my-header"] == "mine"


def test_surprise_5_the_config_of_a_call_is_not_even_sent(
    python: PythonSdk, recorder: Upstream, prompt_slug: str
) -> None:
    client = python.using(base_url=f"{recorder.url}/v1")

    assert run(client, prompt_slug, config="pc-unknown").content() == "Hi "
    assert (recorder.requests[0].json(), "x-portkey-config" in recorder.requests[0].headers) == (
        {"stream": False},
        False,
    )


def test_row_48_a_prompt_with_image_parts_is_parsed(python: PythonSdk) -> None:
    parts = [{"type": "image_url", "image_url": {"url": "{{url}}"}}, {"type": "text", "text": "What is it?"}]
    slug = make_prompt(python, json.dumps([{"role": "user", "content": parts}]))

    rendered = python.client.prompts.render(prompt_id=slug, variables={"url": "https://e.com/a.png"})

    assert rendered.data.messages[0].content[0]["image_url"]["url"] == "https://e.com/a.png"


def test_management_answers_are_objects_with_attributes(python: PythonSdk) -> None:
    client: Any = python.client
    created = client.prompts.create(
        name="Attributes", collection_id="", string=user_message("x"), parameters={}, virtual_key="openai", model="m1"
    )

    assert client.prompts.retrieve(prompt_slug=created.slug).id == created.id
    assert client.prompts.list(search="Attributes").data[0]["slug"] == created.slug
    assert client.prompts.versions.list(prompt_slug=created.slug).data[0]["id"] == created.version_id
    assert client.prompts.delete(prompt_slug=created.slug).success is None


@pytest.mark.parametrize("stored", [0.2, -0.2])
def test_surprise_16_a_fractional_penalty_still_reaches_the_provider(
    python: PythonSdk, provider: EchoProvider, stored: float
) -> None:
    slug = make_prompt(python, user_message("x"), parameters={"presence_penalty": stored})

    python.client.prompts.completions.create(prompt_id=slug)

    assert provider.sent()["presence_penalty"] == stored

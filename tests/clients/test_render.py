"""Render through Portkey's SDKs. The names begin with the rows of the contract's conformance cases."""

import json
from typing import Any

import pytest

from tests.clients.outcome import Sdk
from tests.clients.prompts import Conformance, make_prompt, user_message
from tests.clients.provider import EchoProvider
from tests.upstream import Upstream

STORED = {"model": "m1", "temperature": 0.5, "max_tokens": 100}


def test_row_44_render_gives_the_whole_call_and_calls_nobody(
    sdk: Sdk, prompt: Conformance, provider: EchoProvider
) -> None:
    rendered = sdk.call("prompts.render", prompt_id=prompt.slug, variables={"name": "Dune"}).result()

    assert rendered == {
        "success": True,
        "data": {**STORED, "messages": [{"role": "user", "content": "Hi Dune"}]},
    }
    assert provider.requests == []


def test_row_45_the_call_overrides_and_the_stored_prompt_stays(sdk: Sdk, prompt: Conformance) -> None:
    def render(**body: Any) -> Any:
        return sdk.call("prompts.render", prompt_id=prompt.slug, variables={}, **body).result()["data"]

    changed = render(model="m2", temperature=0, max_tokens=7)

    assert changed == {
        "model": "m2",
        "temperature": 0,
        "max_tokens": 7,
        "messages": [{"role": "user", "content": "Hi "}],
    }
    assert render() == {**STORED, "messages": [{"role": "user", "content": "Hi "}]}


def test_row_46_what_the_sdks_add_to_the_body_is_not_rendered(
    sdk: Sdk, prompt: Conformance, recorder: Upstream
) -> None:
    client = sdk.using(base_url=f"{recorder.url}/v1")

    rendered = client.call("prompts.render", prompt_id=prompt.slug, variables={"name": "Ann"}, user=None).result()

    sent = {"user": None, "variables": {"name": "Ann"}}
    extra = {"prompt_id": prompt.slug} if sdk.name == "node" else {"stream": False}
    assert recorder.requests[0].json() == {**sent, **extra}
    assert rendered["data"] == {**STORED, "messages": [{"role": "user", "content": "Hi Ann"}]}


def test_row_48_content_parts_stay_parts(sdk: Sdk) -> None:
    parts = [{"type": "text", "text": "What is on it?"}, {"type": "image_url", "image_url": {"url": "{{url}}"}}]
    slug = make_prompt(sdk, json.dumps([{"role": "user", "content": parts}]))

    rendered = sdk.call("prompts.render", prompt_id=slug, variables={"url": "https://e.com/a.png?b=1&c=2"}).result()

    assert rendered["data"]["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is on it?"},
                {"type": "image_url", "image_url": {"url": "https://e.com/a.png?b=1&c=2"}},
            ],
        }
    ]


def test_a_text_prompt_renders_its_prompt(sdk: Sdk) -> None:
    slug = make_prompt(sdk, "Once upon a {{what}}")

    rendered = sdk.call("prompts.render", prompt_id=slug, variables={"what": "time"}).result()

    assert rendered["data"] == {"model": "m1", "prompt": "Once upon a time"}


def test_whole_penalties_fit_the_narrow_types_of_python(sdk: Sdk) -> None:
    """Surprise 16: fractions do not, in Python 2.3.4, and stay the true value all the same."""
    slug = make_prompt(sdk, user_message("Hi"), parameters={"presence_penalty": 0, "frequency_penalty": 1, "n": 1})

    assert sdk.call("prompts.render", prompt_id=slug, variables={}).result()["data"] == {
        "model": "m1",
        "messages": [{"role": "user", "content": "Hi"}],
        "presence_penalty": 0,
        "frequency_penalty": 1,
        "n": 1,
    }


@pytest.mark.parametrize(("suffix", "text"), [("@2", "Hello Ann"), ("@staging", "Hello Ann"), ("@latest", "Hey Ann")])
def test_render_knows_versions_and_labels(sdk: Sdk, prompt: Conformance, suffix: str, text: str) -> None:
    rendered = sdk.call("prompts.render", prompt_id=prompt.slug + suffix, variables={"name": "Ann"}).result()

    assert rendered["data"]["messages"] == [{"role": "user", "content": text}]

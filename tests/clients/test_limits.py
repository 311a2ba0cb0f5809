"""Limits through the SDKs: set as Portkey's types have them, and raised as the errors that callers catch."""

import openai
import pytest

from tests.clients.outcome import Sdk, run
from tests.clients.prompts import Conformance
from tests.clients.provider import EchoProvider
from tests.clients.running import Running

ONCE_A_DAY = [{"type": "requests", "unit": "rpd", "value": 1}]


def make_key(sdk: Sdk, **limits: object) -> tuple[str, str]:
    """Create a key that may run prompts within limits and return its id and the key itself."""
    created = sdk.call(
        "api_keys.create", type="workspace", sub_type="service", name="ci", scopes=["completions.write"], **limits
    ).result()
    return created["id"], created["key"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_rate_limit_raises_the_error_for_it_at_once(
    sdk: Sdk, prompt: Conformance, provider: EchoProvider, stream: bool
) -> None:
    _, key = make_key(sdk, rate_limits=ONCE_A_DAY)
    caller = sdk.using(api_key=key)

    first = run(caller, prompt.slug, {"name": "Ann"}, stream=stream).content()
    failure = run(caller, prompt.slug, {"name": "Ann"}, stream=stream).failure()

    assert first == "Hi Ann"
    assert (failure.kind, failure.status) == ("RateLimitError", 429)
    assert failure.text.startswith("Rate limit of the API key 'ci', 1 request per day: it is used up.")
    assert len(provider.requests) == 1


def test_a_budget_raises_an_error_with_its_status(sdk: Sdk, prompt: Conformance, provider: EchoProvider) -> None:
    _, key = make_key(sdk, usage_limits={"type": "tokens", "credit_limit": 5, "periodic_reset": "weekly"})

    failure = run(sdk.using(api_key=key), prompt.slug, {"name": "Ann"}, max_tokens=10).failure()

    assert failure.status == 412
    assert failure.text.startswith("Budget of the API key 'ci', 5 tokens per week: this call may take ")
    assert provider.requests == []


def test_limits_are_shown_changed_and_removed(sdk: Sdk) -> None:
    identifier, _ = make_key(sdk, rate_limits=ONCE_A_DAY, usage_limits={"type": "cost", "credit_limit": 2})

    made = sdk.call("api_keys.retrieve", id=identifier).result()
    sdk.call("api_keys.update", id=identifier, rate_limits=[], usage_limits={"type": "cost", "credit_limit": 3})
    changed = sdk.call("api_keys.retrieve", id=identifier).result()

    assert made["rate_limits"] == ONCE_A_DAY
    assert changed.get("rate_limits") is None
    assert (changed["usage_limits"]["credit_limit"], changed["usage_limits"]["current_usage"]) == (3, 0)


def test_openais_sdk_raises_its_own_errors(sdk: Sdk, prompt: Conformance, running: Running) -> None:
    _, key = make_key(sdk, rate_limits=ONCE_A_DAY)
    path, body = f"/prompts/{prompt.slug}/completions", {"variables": {"name": "Ann"}}

    with openai.OpenAI(base_url=running.base_url, api_key=key) as client:
        client.post(path, cast_to=object, body=body)
        with pytest.raises(openai.RateLimitError) as raised:
            client.post(path, cast_to=object, body=body)

    assert raised.value.code == "rate_limit_exceeded"
    assert raised.value.response.headers["x-ratelimit-remaining-requests"] == "0"

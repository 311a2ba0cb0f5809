"""Virtual keys through Portkey's SDKs; names begin with conformance rows."""

from typing import Any

import pytest

from tests.clients.outcome import Sdk, run
from tests.clients.prompts import Conformance, make_prompt, user_message, without_moments
from tests.clients.provider import KEY, EchoProvider, failure
from tests.clients.running import Running

SECRET = "sk-the-secret-of-a-virtual-key"
UNLIMITED = {
    "masked_api_key": "********",
    "status": "active",
    "usage_limits": None,
    "rate_limits": None,
    "model_config": None,
    "deploymentConfig": None,
    "reset_usage": None,
    "expires_at": None,
    "object": "virtual-key",
}


def make_virtual_key(sdk: Sdk, running: Running, **fields: Any) -> str:
    """Create a virtual key of OpenAI that calls the provider of the tests, and return its slug."""
    body = {"name": "Mine", "provider": "openai", "key": SECRET, "custom_host": f"{running.provider.url}/v1", **fields}
    created = sdk.call("virtual_keys.create", **body).result()
    assert (created["object"], created["slug"]) == ("virtual-key", created["data"]["slug"])
    return str(created["slug"])


def test_a_prompt_runs_with_its_virtual_key(sdk: Sdk, running: Running, provider: EchoProvider) -> None:
    slug = make_prompt(sdk, user_message("Hi"), virtual_key=make_virtual_key(sdk, running))

    assert run(sdk, slug).content() == "Hi"
    assert run(sdk, slug, stream=True).content() == "Hi"
    assert {request.headers["authorization"] for request in provider.requests} == {f"Bearer {SECRET}"}


@pytest.mark.parametrize("how", ["header", "provider", "model"])
def test_a_call_may_choose_a_virtual_key(
    *, sdk: Sdk, running: Running, prompt: Conformance, provider: EchoProvider, how: str
) -> None:
    slug = make_virtual_key(sdk, running)
    options = {"header": {"virtual_key": slug}, "provider": {"provider": f"@{slug}"}, "model": {}}[how]
    body = {"model": f"@{slug}/m9"} if how == "model" else {}

    answer = run(sdk.using(**options), prompt.slug, {"name": "Ann"}, **body)

    assert answer.content() == "Hi Ann"
    assert provider.requests[0].headers["authorization"] == f"Bearer {SECRET}"
    assert provider.sent()["model"] == ("m9" if how == "model" else "m1")


def test_row_69_both_spellings_of_a_field_are_stored_alike(sdk: Sdk, running: Running) -> None:
    """Python sends `awsRegion` as it is, Node makes `aws_region` of it."""
    created = sdk.call(
        "virtual_keys.create",
        name="Cloud",
        provider="bedrock",
        awsAccessKeyId="AKIAEXAMPLE",
        awsSecretAccessKey=SECRET,
        awsRegion="eu-west-1",
    ).result()

    view = sdk.call("virtual_keys.retrieve", slug=created["slug"]).result()

    assert "warnings" not in created
    assert without_moments(view) == {
        **UNLIMITED,
        "id": created["id"],
        "slug": created["slug"],
        "name": "Cloud",
        "note": None,
        "provider": "bedrock",
        "ai_provider_name": "bedrock",
        "settings": {"aws_access_key_id": "AKIAEXAMPLE", "aws_region": "eu-west-1"},
    }


def test_row_70_no_answer_holds_the_secret(sdk: Sdk, running: Running) -> None:
    slug = make_virtual_key(sdk, running, note="for tests")

    updated = sdk.call("virtual_keys.update", slug=slug, name="Other", note="changed").result()
    retrieved = sdk.call("virtual_keys.retrieve", slug=slug).result()
    listed = sdk.call("virtual_keys.list").result()

    assert without_moments(retrieved) == {
        **UNLIMITED,
        "id": retrieved["id"],
        "slug": slug,
        "name": "Other",
        "note": "changed",
        "provider": "openai",
        "ai_provider_name": "openai",
        "settings": {"custom_host": f"{running.provider.url}/v1"},
    }
    assert slug in {item["slug"] for item in listed["data"]}
    assert SECRET not in f"{updated} {retrieved} {listed}"


def test_a_rotated_secret_counts_from_the_next_call(sdk: Sdk, running: Running, provider: EchoProvider) -> None:
    slug = make_virtual_key(sdk, running)
    prompt = make_prompt(sdk, user_message("Hi"), virtual_key=slug)
    run(sdk, prompt).result()

    sdk.call("virtual_keys.update", slug=slug, key="sk-the-next-secret").result()
    run(sdk, prompt).result()

    assert [request.headers["authorization"] for request in provider.requests] == [
        f"Bearer {SECRET}",
        "Bearer sk-the-next-secret",
    ]


def test_a_virtual_key_in_use_stays_and_then_goes(sdk: Sdk, running: Running) -> None:
    slug = make_virtual_key(sdk, running)
    prompt = make_prompt(sdk, user_message("Hi"), virtual_key=slug)

    error = sdk.call("virtual_keys.delete", slug=slug).failure()
    sdk.call("prompts.delete", prompt).result()

    assert (error.kind, f"prompt '{prompt}'" in error.text) == ("ConflictError", True)
    assert sdk.call("virtual_keys.delete", slug=slug).result() == {}
    assert sdk.call("virtual_keys.retrieve", slug=slug).failure().brief[:2] == ("NotFoundError", 404)


def test_row_70_the_log_holds_neither_secrets_nor_prompts(sdk: Sdk, running: Running, provider: EchoProvider) -> None:
    slug = make_prompt(sdk, user_message("Private words"), virtual_key=make_virtual_key(sdk, running))
    provider.answer(failure(401, f"Incorrect API key provided: {SECRET}"))

    error = run(sdk, slug).failure()
    sdk.call("virtual_keys.create", name="Bad", provider="nobody", key=SECRET).failure()

    assert (error.status, SECRET in error.text) == (401, False)
    said = running.said()
    assert "provider_auth" in said
    assert [text for text in (SECRET, KEY, "Private words") if text in said] == []

"""Configs through Portkey's SDKs: stored, listed, changed, followed, deleted; names begin with conformance rows."""

import json
from typing import Any

import pytest

from tests.clients.outcome import Sdk, run
from tests.clients.prompts import Conformance, make_prompt, user_message
from tests.clients.provider import EchoProvider, failure
from tests.clients.raw import call
from tests.clients.running import Running
from tests.upstream import Upstream

RETRIES = {"retry": {"attempts": 2, "on_status_codes": [503]}}


def make_config(sdk: Sdk, config: dict[str, Any], **fields: Any) -> str:
    """Store a config and return its slug."""
    created = sdk.call("configs.create", name=f"of {sdk.name}", config=config, **fields).result()
    named = {name: created[name] for name in ("id", "slug", "version_id")}
    assert created == {"success": True, "data": named, **named, "object": "config"}
    return str(created["slug"])


def model(name: str) -> dict[str, Any]:
    return {"override_params": {"model": name}}


def test_a_config_is_stored_listed_changed_and_deleted(sdk: Sdk, running: Running) -> None:
    slug = make_config(sdk, RETRIES, is_default=0, workspace_id="w")

    retrieved = sdk.call("configs.retrieve", slug=slug).result()
    listed = sdk.call("configs.list", workspace_id="w").result()
    updated = sdk.call("configs.update", slug=slug, name="Other", config=model("m2")).result()
    changed = sdk.call("configs.retrieve", slug=slug).result()

    assert (retrieved["name"], retrieved["config"], retrieved["is_default"]) == (f"of {sdk.name}", RETRIES, 0)
    assert slug in {item["slug"] for item in listed["data"]}
    assert (changed["name"], changed["config"]) == ("Other", model("m2"))
    assert changed["version_id"] == updated["version_id"] != retrieved["version_id"]
    # Neither SDK has a method for versions.
    status, versions = call(running, "GET", f"/v1/configs/{slug}/versions")
    assert (status, [version["config"] for version in versions["data"]]) == (200, [model("m2"), RETRIES])
    assert sdk.call("configs.delete", slug=slug).result() == {}
    assert sdk.call("configs.retrieve", slug=slug).failure().brief[:2] == ("NotFoundError", 404)


def test_a_mistake_in_a_config_is_told_with_its_place(sdk: Sdk) -> None:
    error = sdk.call("configs.create", name="Bad", config={"targets": [{"weight": -1}]}).failure()

    assert error.brief == ("BadRequestError", 400, "config.targets[0].weight must be a number of at least 0")


@pytest.mark.parametrize("stream", [False, True])
def test_a_stored_config_is_followed_by_its_slug(
    sdk: Sdk, prompt: Conformance, provider: EchoProvider, stream: bool
) -> None:
    slug = make_config(sdk, model("m2"))

    assert run(sdk.using(config=slug), prompt.slug, {"name": "Ann"}, stream=stream).content() == "Hi Ann"
    assert provider.sent()["model"] == "m2"


def test_an_inline_config_is_followed(sdk: Sdk, prompt: Conformance, provider: EchoProvider) -> None:
    config: Any = json.dumps(model("m2")) if sdk.name == "node" else model("m2")

    run(sdk.using(config=config), prompt.slug, {"name": "Ann"}).result()

    assert provider.sent()["model"] == "m2"


def test_a_prompt_follows_its_own_config(sdk: Sdk, provider: EchoProvider) -> None:
    slug = make_prompt(sdk, user_message("Hi"), parameters={"config": make_config(sdk, model("m2"))})

    run(sdk, slug).result()

    assert provider.sent()["model"] == "m2"


def test_row_38_retries_that_were_used_up_in_vain_are_one_request_of_the_client(
    sdk: Sdk, prompt: Conformance, provider: EchoProvider, recorder: Upstream
) -> None:
    provider.answer(failure(503, "Not today", headers={"retry-after-ms": "1"}))
    config = {"retry": {"attempts": 2, "use_retry_after_headers": True}}
    caller = sdk.using(base_url=f"{recorder.url}/v1", config=make_config(sdk, config))

    error = run(caller, prompt.slug).failure()

    assert error.brief == ("InternalServerError", 503, "openai error: Not today")
    assert error.headers["x-portkey-retry-attempt-count"] == "-1"
    assert (len(recorder.requests), len(provider.requests)) == (1, 3)


def test_row_38_an_answer_says_how_many_retries_it_took(sdk: Sdk, prompt: Conformance, provider: EchoProvider) -> None:
    busy = failure(503, "Not today", headers={"retry-after-ms": "1"})
    provider.enqueue(busy)
    provider.routes.clear()
    config = {"retry": {"attempts": 2, "use_retry_after_headers": True}}

    outcome = run(sdk.using(config=make_config(sdk, config)), prompt.slug, {"name": "Ann"})

    assert outcome.content() == "Hi Ann"
    assert outcome.headers["retry-attempt-count"] == "1"
    assert outcome.headers["last-used-option-index"] == "config"

"""Portkey's SDKs over prompts with an experiment, and over targets that are left out: neither is in their way."""

import json

import pytest

from tests.clients.outcome import Sdk, run
from tests.clients.prompts import make_prompt, user_message
from tests.clients.provider import EchoProvider, echo, failure
from tests.clients.raw import call
from tests.clients.running import Running
from tests.upstream import Reply, Request


@pytest.fixture
def divided(sdk: Sdk, running: Running) -> str:
    """A prompt of two versions, `one` and `two`, that share its calls evenly by `_user`."""
    slug = make_prompt(sdk, user_message("one"))
    made = sdk.call("prompts.update", slug, string=json.dumps([{"role": "user", "content": "two"}])).result()
    versions = f"/v1/prompts/{slug}/versions"
    first = call(running, "GET", f"{versions}/1")[1]["id"]
    call(running, "PUT", f"{versions}/{first}", b'{"label_id": "production"}')
    call(running, "PUT", f"{versions}/{made['prompt_version_id']}", b'{"label_id": "staging"}')
    labels = [{"label": label, "weight": 1} for label in ("production", "staging")]
    body = {"experiment": {"by": "_user", "labels": labels}}
    assert call(running, "PUT", f"/v1/prompts/{slug}", json.dumps(body).encode()) == (200, {})
    return slug


@pytest.mark.parametrize("stream", [False, True])
def test_a_user_of_an_sdk_stays_with_a_version(sdk: Sdk, divided: str, stream: bool) -> None:
    def answers() -> list[str]:
        callers = [sdk.using(metadata={"_user": f"u{number}"}) for number in range(8)]
        return [run(caller, divided, stream=stream).content() for caller in callers]

    first = answers()

    assert answers() == first
    assert set(first) == {"one", "two"}


def test_an_sdk_reads_and_changes_a_prompt_under_an_experiment(sdk: Sdk, running: Running, divided: str) -> None:
    retrieved = sdk.call("prompts.retrieve", divided).result()
    sdk.call("prompts.update", divided, name="Renamed").result()
    changed = sdk.call("prompts.retrieve", divided).result()

    assert (retrieved["prompt_version"], changed["name"]) == (1, "Renamed")
    assert call(running, "GET", f"/v1/prompts/{divided}")[1]["experiment"]["by"] == "_user"


def test_a_target_that_failed_too_often_is_left_out(sdk: Sdk, running: Running, provider: EchoProvider) -> None:
    slug = make_prompt(sdk, user_message("Hi"))
    target = {"provider": "openai"}
    breaker = {"failure_threshold": 2, "cooldown_interval": 60_000}
    # The name of the SDK makes it a config, and so a breaker, of its own.
    targets = [{**target, "override_params": {"model": f"down-{sdk.name}"}}, {**target, "name": "well"}]
    config = json.dumps({"strategy": {"mode": "fallback", "cb_config": breaker}, "targets": targets})

    def reply(request: Request) -> Reply:
        return failure(500, "down") if request.json()["model"].startswith("down") else echo(request)

    provider.answer(reply)
    caller = sdk.using(config=config)

    outcomes = [run(caller, slug) for _ in range(3)]

    assert [outcome.content() for outcome in outcomes] == ["Hi"] * 3
    assert {outcome.headers["last-used-option-index"] for outcome in outcomes} == {"config.targets[1]"}
    assert len(provider.requests) == 5
    assert "breakers_alone" not in running.said()

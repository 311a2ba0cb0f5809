"""API keys through Portkey's SDKs: made, used within their scopes, changed and deleted."""

import pytest

from tests.clients.outcome import Sdk, run
from tests.clients.prompts import Conformance


def make_key(sdk: Sdk, *scopes: str) -> tuple[str, str]:
    """Create a key and return its id and the key itself."""
    created = sdk.call(
        "api_keys.create", type="workspace", sub_type="service", name=f"of {sdk.name}", scopes=list(scopes)
    ).result()
    assert created.keys() == {"id", "key", "object"}
    return created["id"], created["key"]


def test_a_key_runs_prompts_and_nothing_else(sdk: Sdk, prompt: Conformance) -> None:
    _, key = make_key(sdk, "completions.write")
    caller = sdk.using(api_key=key)

    assert run(caller, prompt.slug, {"name": "Ann"}).content() == "Hi Ann"
    assert run(caller, prompt.slug, {"name": "Ann"}, stream=True).content() == "Hi Ann"
    assert caller.call("prompts.list").failure().brief == (
        "PermissionDeniedError",
        403,
        "This API key lacks the scope 'prompts.list'",
    )


@pytest.mark.parametrize("stream", [False, True])
def test_a_key_for_reading_runs_nothing(sdk: Sdk, prompt: Conformance, stream: bool) -> None:
    _, key = make_key(sdk, "prompts.read")

    assert run(sdk.using(api_key=key), prompt.slug, stream=stream).failure().brief == (
        "PermissionDeniedError",
        403,
        "This API key lacks the scope 'completions.write'",
    )


def test_a_key_is_shown_once_and_then_only_described(sdk: Sdk) -> None:
    identifier, key = make_key(sdk, "completions.write", "prompts.read")

    retrieved = sdk.call("api_keys.retrieve", id=identifier).result()
    listed = sdk.call("api_keys.list", page_size=500).result()

    assert (retrieved["name"], retrieved["status"], retrieved["object"]) == (f"of {sdk.name}", "active", "api-key")
    assert retrieved["scopes"] == ["completions.write", "prompts.read"]
    assert identifier in {item["id"] for item in listed["data"]}
    assert key not in f"{retrieved} {listed}"


def test_a_changed_key_has_its_new_scopes_and_a_deleted_one_none(sdk: Sdk, prompt: Conformance) -> None:
    identifier, key = make_key(sdk, "prompts.list")
    caller = sdk.using(api_key=key)

    assert sdk.call("api_keys.update", id=identifier, scopes=["completions.write"]).result() == {}
    assert run(caller, prompt.slug, {"name": "Ann"}).content() == "Hi Ann"
    assert caller.call("prompts.list").failure().status == 403
    assert sdk.call("api_keys.delete", id=identifier).result() == {}
    assert run(caller, prompt.slug).failure().brief[:2] == ("AuthenticationError", 401)

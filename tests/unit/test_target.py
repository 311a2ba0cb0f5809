"""Where a run goes, and that a stored secret never goes to a host that a caller chose."""

from typing import Any

import pytest

from promptside.config import Settings
from promptside.errors import ConfigurationError, InvalidRequest
from promptside.providers.base import ProviderRequest, SigV4
from promptside.providers.registry import MODULES
from promptside.schema.prompt import Reference, VirtualKey
from promptside.schema.request import RunRequest
from promptside.target import Target, check_custom_host, check_signing, choose_target, refreshed, requested_slugs

SETTINGS = Settings(
    table="t", secrets_prefix="/promptside/s", allowed_custom_hosts=("llm.example.com", "*.corp.example")
)


class Secrets:
    """A secret store with fixed contents."""

    def __init__(self, **contents: dict[str, str]) -> None:
        self.contents = {name.replace("__", "/").replace("_", "-"): fields for name, fields in contents.items()}

    def find(self, name: str, *, refresh: bool = False) -> dict[str, str] | None:
        return self.contents.get(name)

    def path(self, name: str) -> str:
        return f"/promptside/s/{name}"


STORED = Secrets(providers__openai={"api_key": "sk-stored"}, virtual_keys__team={"api_key": "sk-team"})


def choose(
    *, stored_slug: str | None = "openai", model: str = "m", settings: Settings = SETTINGS, **fields: Any
) -> Target:
    return choose_target(
        RunRequest(Reference("p"), **fields),
        model=model,
        stored_slug=stored_slug,
        virtual_keys={"team": VirtualKey("team", "openai", {"organization": "org-1"})},
        secrets=STORED,
        settings=settings,
    )


def test_the_prompts_own_virtual_key_is_the_default() -> None:
    target = choose()

    assert (target.provider.name, dict(target.credentials), target.secret) == (
        "openai", {"api_key": "sk-stored"}, "providers/openai",
    )  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [
        {"stored_slug": "team"},
        {"provider": "@team"},
        {"virtual_key": "team"},
        {"model": "@team/m"},
    ],
)
def test_a_stored_virtual_key_is_named_by_prompt_header_or_model(fields: dict[str, Any]) -> None:
    target = choose(**fields)

    assert (target.model, target.secret, dict(target.credentials)) == (
        "m", "virtual-keys/team", {"api_key": "sk-team", "organization": "org-1"},
    )  # fmt: skip
    assert dict(target.settings) == {"organization": "org-1"}


def test_the_slugs_that_a_request_names_are_known_before_the_store_is_read() -> None:
    request = RunRequest(Reference("p"), provider="@a", virtual_key="b", overrides={"model": "@c/m"})

    assert requested_slugs(request) == ("a", "b", "c")


def test_a_caller_may_bring_provider_and_key() -> None:
    target = choose(provider="openai", provider_key="sk-mine")

    assert (dict(target.credentials), target.secret) == ({"api_key": "sk-mine"}, None)


def test_a_key_without_a_provider_name_is_not_used() -> None:
    assert dict(choose(provider_key="sk-mine").credentials) == {"api_key": "sk-stored"}


@pytest.mark.parametrize("extra", [{}, {"provider_key": "sk-mine"}, {"provider": "@team"}, {"virtual_key": "team"}])
def test_a_stored_secret_never_goes_to_a_host_from_the_request(extra: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        choose(provider_headers={"x-portkey-custom-host": "https://llm.example.com/v1"}, **extra)

    assert caught.value.code == "custom_host_refused"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_no_provider_sends_its_stored_secret_to_a_host_from_the_request(name: str) -> None:
    request = RunRequest(Reference("p"), provider_headers={"x-portkey-custom-host": "https://llm.example.com"})
    secrets = Secrets()
    secrets.contents[f"providers/{name}"] = {"api_key": "sk-stored", "custom_host": "https://own.example.com"}

    with pytest.raises(InvalidRequest) as caught:
        choose_target(request, model="m", stored_slug=name, virtual_keys={}, secrets=secrets, settings=SETTINGS)

    assert caught.value.code == "custom_host_refused"


def test_a_custom_host_with_a_provider_uses_only_what_the_caller_brought() -> None:
    target = choose(
        provider="openai",
        provider_key="sk-mine",
        provider_headers={"x-portkey-custom-host": "https://llm.example.com/v1"},
    )

    assert dict(target.credentials) == {"api_key": "sk-mine", "custom_host": "https://llm.example.com/v1"}
    assert target.guarded is True


def test_a_custom_host_without_a_key_fails_when_the_provider_needs_one() -> None:
    with pytest.raises(InvalidRequest) as caught:
        choose(provider="openai", provider_headers={"x-portkey-custom-host": "https://llm.example.com/v1"})

    assert caught.value.param == "api_key"


@pytest.mark.parametrize(
    "url",
    [
        "https://llm.example.com/v1",
        "https://LLM.example.com",
        "https://a.corp.example:8443",
        "https://b.c.corp.example",
    ],
)
def test_allowed_hosts_pass(url: str) -> None:
    check_custom_host(url, SETTINGS)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/v1", "https://llm.example.com.evil.example", "https://corp.example", "https://xcorp.example",
        "http://llm.example.com", "ftp://llm.example.com", "llm.example.com", "https://user@llm.example.com",
        "https://llm.example.com/#x", "https://llm.example.com/?x", "https://[::1", "https://llm.example.com:99999",
        "https://evil.example\\@llm.example.com", "https://evil.example\\.corp.example", "https://llm.example.com/#",
        "https://llm.example.com?", "https://@llm.example.com", "https://", "",
    ],
)  # fmt: skip
def test_other_hosts_are_refused(url: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_custom_host(url, SETTINGS)

    assert caught.value.code == "custom_host_refused"


def test_missing_credentials_name_the_parameter_to_create() -> None:
    with pytest.raises(ConfigurationError) as caught:
        choose(stored_slug="anthropic")

    assert "/promptside/s/providers/anthropic" in caught.value.message


@pytest.mark.parametrize("slug", ["nobody", "constructor", "../openai"])
def test_an_unknown_virtual_key_is_refused_by_name(slug: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        choose(stored_slug=slug)

    assert caught.value.code == "unknown_virtual_key"


def test_an_unknown_provider_is_refused_with_the_known_names() -> None:
    with pytest.raises(InvalidRequest) as caught:
        choose(provider="nobody")

    assert "anthropic" in caught.value.message


def test_a_prompt_without_any_provider_says_what_to_store() -> None:
    with pytest.raises(InvalidRequest) as caught:
        choose(stored_slug=None)

    assert caught.value.param == "provider"


def test_the_demo_provider_stands_in_under_its_own_name_when_the_local_run_offers_it() -> None:
    settings = Settings(table="t", secrets_prefix="/p", demo_base_url="http://127.0.0.1:1/v1")

    target = choose(stored_slug="anthropic", settings=settings)

    assert (target.provider.name, target.model) == ("demo", "demo")


def test_a_refreshed_secret_replaces_the_refused_one_and_an_unchanged_one_does_not() -> None:
    target = choose()

    assert refreshed(target, STORED) is None
    again = refreshed(target, Secrets(providers__openai={"api_key": "sk-new"}))
    assert again is not None
    assert dict(again.credentials) == {"api_key": "sk-new"}


def test_the_callers_own_credentials_are_never_replaced() -> None:
    assert refreshed(choose(provider="openai", provider_key="sk-mine"), STORED) is None


def test_the_stacks_own_role_never_signs_for_a_host_from_a_caller() -> None:
    target = choose(
        provider="bedrock", provider_headers={"x-portkey-custom-host": "https://llm.example.com"}, stored_slug=None
    )

    with pytest.raises(InvalidRequest) as caught:
        check_signing(
            target, ProviderRequest("https://llm.example.com/model", b"", signing=SigV4("bedrock", "us-east-1"))
        )

    assert caught.value.code == "custom_host_refused"


def test_bedrock_needs_no_secret_because_the_functions_role_signs() -> None:
    target = choose(stored_slug="bedrock")

    assert (target.provider.name, dict(target.credentials), target.secret) == (
        "bedrock", {"aws_region": "us-east-1"}, None,
    )  # fmt: skip


@pytest.mark.parametrize("name", sorted({*MODULES} - {"bedrock", "openai"}))
def test_every_other_provider_without_a_secret_says_where_to_store_it(name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        choose(stored_slug=name)

    assert caught.value.message == (
        f"No credentials for {name}: store them in the SecureString '/promptside/s/providers/{name}'"
    )
    assert caught.value.code == "provider_credentials_missing"


def test_a_setting_from_the_request_that_is_malformed_is_the_callers_fault() -> None:
    with pytest.raises(InvalidRequest) as caught:
        choose(stored_slug="bedrock", provider_headers={"x-portkey-aws-region": "evil.com/#"})

    assert (caught.value.param, caught.value.code) == ("x-portkey-aws-region", "invalid_provider_configuration")

"""Where calls to Azure go, and that no name in the configuration changes the host."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from promptside.config import Settings
from promptside.errors import InvalidRequest
from promptside.providers.azure.endpoint import azure_target
from promptside.providers.azure_openai import PROVIDER
from promptside.providers.base import ProviderCall
from promptside.providers.fields import check_credentials
from promptside.schema.prompt import Reference
from promptside.schema.request import RunRequest
from promptside.target import choose_target

DEPLOYMENTS = json.dumps(
    [
        {"deploymentName": "chat-a", "apiVersion": "v1"},
        {"deployment_name": "chat-b", "api_version": "2024-10-21", "alias": "gpt-4.1", "isDefault": True},
    ]
)
HOSTILE = [
    "evil.com/#",
    "a@b",
    "../",
    "a/../b",
    "a\r\nx-evil: 1",
    "a%2fb",
    "a:80",
    "a b",
    "-a",
    "á",
    "a?",
]


class NoSecrets:
    def find(self, name: str, *, refresh: bool = False) -> dict[str, str] | None:
        return {"api_key": "stored", "resource_name": "ours"}

    def path(self, name: str) -> str:
        return name


def call(model: str = "gpt-4.1", **settings: str) -> ProviderCall:
    return ProviderCall(
        kind="chat", model=model, parameters={}, completion_id="c", created=1, messages=[], settings=settings
    )


@pytest.mark.parametrize(
    ("pasted", "url"),
    [
        ("https://r.openai.azure.com", "https://r.openai.azure.com/openai/v1/chat/completions"),
        ("https://r.openai.azure.com/", "https://r.openai.azure.com/openai/v1/chat/completions"),
        ("https://r.openai.azure.com/openai", "https://r.openai.azure.com/openai/v1/chat/completions"),
        ("https://r.openai.azure.com/openai/v1/", "https://r.openai.azure.com/openai/v1/chat/completions"),
        (
            "https://r.openai.azure.com/openai/v1/chat/completions?api-version=preview",
            "https://r.openai.azure.com/openai/v1/chat/completions?api-version=preview",
        ),
        (
            "https://r.openai.azure.com/?api-version=2024-10-21",
            "https://r.openai.azure.com/openai/deployments/gpt-4.1/chat/completions?api-version=2024-10-21",
        ),
        (
            "https://r.cognitiveservices.azure.com/openai/responses?api-version=2025-04-01-preview",
            "https://r.cognitiveservices.azure.com/openai/deployments/gpt-4.1/chat/completions"
            "?api-version=2025-04-01-preview",
        ),
        (
            "https://r.openai.azure.com/openai/deployments/my-chat/chat/completions?api-version=2024-10-21",
            "https://r.openai.azure.com/openai/deployments/my-chat/chat/completions?api-version=2024-10-21",
        ),
        (
            "https://r.services.ai.azure.com/api/projects/p",
            "https://r.services.ai.azure.com/api/projects/p/openai/v1/chat/completions",
        ),
        ("http://10.0.0.4:8080/openai-east", "http://10.0.0.4:8080/openai-east/openai/v1/chat/completions"),
    ],
)
def test_an_endpoint_is_taken_as_people_paste_it(pasted: str, url: str) -> None:
    assert azure_target(call(custom_host=pasted)).url("/chat/completions") == url


def test_what_is_configured_wins_over_what_was_pasted_with_the_endpoint() -> None:
    pasted = "https://r.openai.azure.com/openai/deployments/one/chat/completions?api-version=2024-10-21"

    target = azure_target(call(custom_host=pasted, deployment_id="two", api_version="v1"))

    assert target.url("/responses") == "https://r.openai.azure.com/openai/v1/responses"
    assert target.deployment == "two"


@pytest.mark.parametrize(
    ("model", "deployment", "version"),
    [("gpt-4.1", "chat-b", "2024-10-21"), ("chat-a", "chat-a", "v1"), ("other", "chat-b", "2024-10-21")],
)
def test_a_list_of_deployments_is_searched_by_alias_then_name_then_default(
    model: str, deployment: str, version: str
) -> None:
    target = azure_target(call(model, resource_name="r", deployment_config=DEPLOYMENTS))

    assert (target.deployment, target.version) == (deployment, version)


@pytest.mark.parametrize(
    ("settings", "param"),
    [
        ({"resource_name": "r", "deployment_config": "{"}, "deployment_config"),
        ({"resource_name": "r", "deployment_config": '[{"deploymentName": "../x"}]'}, "deployment_id"),
        ({"resource_name": "r", "deployment_config": '[{"apiVersion": "v1&x=1"}]'}, "api_version"),
        ({"custom_host": "https://r.openai.azure.com/?api-version=x%26y"}, "api_version"),
        ({"custom_host": "https://r.openai.azure.com/openai/deployments/..%2f/x"}, "deployment_id"),
    ],
)
def test_names_inside_other_fields_are_checked_too(settings: dict[str, str], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        azure_target(call(**settings))

    assert caught.value.param == param


@pytest.mark.parametrize("name", ["resource_name", "endpoint_name", "deployment_id", "api_version", "tenant_id"])
@pytest.mark.parametrize("value", HOSTILE)
def test_a_name_that_would_change_the_url_is_refused_before_any_call(name: str, value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_credentials(PROVIDER, {"api_key": "k", name: value}, from_caller=True)

    assert caught.value.code == "invalid_provider_configuration"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("resource_name", "a.evil.com"),
        ("endpoint_name", "a.evil.com"),
        ("endpoint_name", "a.openai.azure.com.evil.com"),
        ("endpoint_name", "openai.azure.com"),
        ("endpoint_name", "a.b.openai.azure.com"),
        ("custom_host", "https://r.openai.azure.com@evil.com"),
        ("custom_host", "file:///etc/passwd"),
        ("token_scope", "https://evil.com/#/.default"),
    ],
)
def test_a_host_outside_azure_is_no_name_of_a_resource(name: str, value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_credentials(PROVIDER, {"api_key": "k", name: value}, from_caller=True)

    assert caught.value.code == "invalid_provider_configuration"


@pytest.mark.parametrize("model", ["../../x", "a/b", "a?b", "a#b", "a b", "%2e%2e", ""])
def test_a_model_that_can_be_no_deployment_never_becomes_a_path(model: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        azure_target(call(model, resource_name="r"))

    assert caught.value.param == "deployment_id"


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-portkey-azure-resource-name", "theirs"),
        ("x-portkey-azure-endpoint-name", "theirs.openai.azure.com"),
        ("x-portkey-custom-host", "https://theirs.example"),
        ("x-portkey-azure-entra-tenant-id", "theirs.onmicrosoft.com"),
    ],
)
def test_a_stored_key_never_goes_to_a_resource_that_the_caller_names(header: str, value: str) -> None:
    request = RunRequest(Reference("p"), provider_headers={header: value})
    settings = Settings(table="t", secrets_prefix="/s", allowed_custom_hosts=("*",))

    with pytest.raises(InvalidRequest) as caught:
        choose_target(
            request, model="m", stored_slug="azure-openai", virtual_keys={}, secrets=NoSecrets(), settings=settings
        )

    assert caught.value.code == "custom_host_refused"


def test_a_caller_with_a_key_of_their_own_may_name_their_resource() -> None:
    request = RunRequest(
        Reference("p"),
        provider="azure",
        provider_key="own-key",
        provider_headers={
            "x-portkey-azure-resource-name": "theirs",
            "x-portkey-azure-deployment-id": "chat-a",
            "x-portkey-azure-api-version": "2024-10-21",
        },
    )
    settings = Settings(table="t", secrets_prefix="/s")

    target = choose_target(
        request, model="m", stored_slug=None, virtual_keys={}, secrets=NoSecrets(), settings=settings
    )
    built = PROVIDER.build_request(call(**target.settings), target.credentials)

    assert (urlsplit(built.url).hostname, built.headers["api-key"]) == ("theirs.openai.azure.com", "own-key")


@pytest.mark.parametrize(
    ("version", "taken"),
    [
        ("v1", True),
        ("preview", True),
        ("2024-10-21", True),
        ("2024-09-01-preview", True),
        ("2024-08-01-preview", False),
    ],
)
def test_stream_options_are_known_since_a_certain_version(version: str, *, taken: bool) -> None:
    assert azure_target(call(resource_name="r", api_version=version)).takes_stream_options is taken

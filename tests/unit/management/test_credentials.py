"""Provider credentials in every spelling become the same fields, and secrets are told apart."""

from typing import Any

import pytest

from promptside.config import Settings
from promptside.errors import InvalidRequest
from promptside.management.credentials import checked, decides_host, given_fields, split_secrets
from promptside.providers.registry import get_provider

SETTINGS = Settings(table="t", secrets_prefix="/p", allowed_custom_hosts=("llm.example.com",))
ACCOUNT = {"type": "service_account"}


def read(name: str, body: dict[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    provider = get_provider(name)
    given = given_fields(provider, body, frozenset({"name"}))
    assert given.ignored == ()
    values = {field: value for field, value in given.values.items() if value is not None}
    return split_secrets(provider, checked(provider, values, SETTINGS))


@pytest.mark.parametrize(
    ("provider", "spellings", "expected"),
    [
        (
            "azure-openai",
            [
                {"key": "k", "resourceName": "r", "deploymentName": "d", "apiVersion": "2024-10-21"},
                {"key": "k", "resource_name": "r", "deployment_name": "d", "api_version": "2024-10-21"},
            ],
            ({"resource_name": "r", "deployment_id": "d", "api_version": "2024-10-21"}, {"api_key": "k"}),
        ),
        (
            "vertex-ai",
            [
                {"vertexProjectId": "p-12345", "vertexRegion": "europe-west1", "vertexServiceAccountJson": ACCOUNT},
                {
                    "vertex_project_id": "p-12345", "vertex_region": "europe-west1",
                    "vertex_service_account_json": '{"type": "service_account"}',
                },
            ],
            (
                {"vertex_project_id": "p-12345", "vertex_region": "europe-west1"},
                {"vertex_service_account_json": '{"type": "service_account"}'},
            ),
        ),
        (
            "bedrock",
            [
                {"awsAccessKeyId": "A", "awsSecretAccessKey": "s", "awsRegion": "eu-west-1"},
                {"aws_access_key_id": "A", "aws_secret_access_key": "s", "aws_region": "eu-west-1"},
                {"aws-access-key-id": "A", "aws-secret-access-key": "s", "aws-region": "eu-west-1"},
            ],
            ({"aws_access_key_id": "A", "aws_region": "eu-west-1"}, {"aws_secret_access_key": "s"}),
        ),
        ("openai", [{"key": "k"}, {"api_key": "k"}, {"apiKey": " k "}], ({}, {"api_key": "k"})),
        (
            "openai",
            [
                {"key": "k", "openaiOrganization": "o", "customHost": "https://llm.example.com/v1"},
                {"key": "k", "organization": "o", "base_url": "https://llm.example.com/v1"},
            ],
            ({"organization": "o", "custom_host": "https://llm.example.com/v1"}, {"api_key": "k"}),
        ),
    ],
)  # fmt: skip
def test_every_spelling_is_the_same_field(
    provider: str, spellings: list[dict[str, Any]], expected: tuple[dict[str, str], dict[str, str]]
) -> None:
    assert [read(provider, body) for body in spellings] == [expected] * len(spellings)


def test_null_and_empty_take_a_field_away_and_strangers_are_named() -> None:
    given = given_fields(get_provider("openai"), {"key": None, "project": "", "wurst": 1, "nothing": None}, frozenset())

    assert (given.values, given.ignored) == ({"api_key": None, "project": None}, ("wurst",))
    assert "api_key" not in repr(given)


@pytest.mark.parametrize(
    "host",
    ["http://llm.example.com/v1", "https://llm.example.com.evil.example", "https://u@llm.example.com", "ftp://x"],
)
def test_a_custom_host_must_be_allowed_when_it_is_stored(host: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read("openai", {"key": "sk-canary", "custom_host": host})

    assert caught.value.param == "custom_host"
    assert "sk-canary" not in str(caught.value)


def test_what_decides_the_host_is_known() -> None:
    assert decides_host(get_provider("azure-openai"), {"resource_name", "api_key"}) == ["resource_name"]
    assert decides_host(get_provider("anthropic"), {"custom_host", "version"}) == ["custom_host"]

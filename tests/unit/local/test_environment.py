from dataclasses import dataclass

import pytest

from local.environment import BotocoreChain, EnvironmentSecretStore, variable
from promptside.providers.registry import get_provider


class Stored:
    """The secrets of the local Parameter Store."""

    def find(self, name: str, *, refresh: bool = False) -> dict[str, str] | None:
        return {"api_key": f"stored {refresh}"} if name in {"providers/openai", "virtual-keys/mine"} else None

    def path(self, name: str) -> str:
        return f"/promptside/{name}"


@dataclass
class Chain:
    signing: bool = False
    profile_region: str | None = None

    def signs(self) -> bool:
        return self.signing

    def region(self) -> str | None:
        return self.profile_region


def secrets(environment: dict[str, str], chain: Chain | None = None) -> EnvironmentSecretStore:
    return EnvironmentSecretStore(environment, Stored(), chain or Chain())


@pytest.mark.parametrize(
    ("environment", "name", "fields"),
    [
        ({"OPENAI_API_KEY": "k"}, "openai", {"api_key": "k"}),
        (
            {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://127.0.0.1:1/v1", "OPENAI_ORG_ID": "o"},
            "openai",
            {"api_key": "k", "custom_host": "http://127.0.0.1:1/v1", "organization": "o"},
        ),
        ({"ANTHROPIC_API_KEY": "k"}, "anthropic", {"api_key": "k"}),
        ({"CUSTOM_BASE_URL": "http://127.0.0.1:1/v1"}, "custom", {"custom_host": "http://127.0.0.1:1/v1"}),
        (
            {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "eu-west-1"},
            "bedrock",
            {"aws_access_key_id": "id", "aws_secret_access_key": "s", "aws_region": "eu-west-1"},
        ),
    ],
)
def test_the_variables_of_the_providers_own_sdk_make_it_live(
    environment: dict[str, str], name: str, fields: dict[str, str]
) -> None:
    found = secrets(environment)

    assert found.live() == [name]
    assert found.find(f"providers/{name}") == fields


@pytest.mark.parametrize(
    "environment", [{}, {"ANTHROPIC_BASE_URL": "http://x"}, {"ANTHROPIC_API_KEY": ""}, {"AWS_REGION": "eu-west-1"}]
)
def test_without_credentials_no_provider_is_live(environment: dict[str, str]) -> None:
    found = secrets(environment)

    assert found.live() == []
    assert found.find("providers/anthropic") is None
    assert found.find("providers/bedrock") is None


def test_what_the_environment_lacks_comes_from_the_store() -> None:
    found = secrets({})

    assert found.find("providers/openai") == {"api_key": "stored False"}
    assert found.find("virtual-keys/mine", refresh=True) == {"api_key": "stored True"}
    assert found.path("providers/openai") == "/promptside/providers/openai"


def test_the_environment_wins_over_the_store() -> None:
    assert secrets({"OPENAI_API_KEY": "k"}).find("providers/openai") == {"api_key": "k"}


@pytest.mark.parametrize(("region", "fields"), [("eu-west-3", {"aws_region": "eu-west-3"}), (None, {})])
def test_an_aws_profile_makes_bedrock_live_without_a_key_to_copy(region: str | None, fields: dict[str, str]) -> None:
    found = secrets({}, Chain(signing=True, profile_region=region))

    assert found.live() == ["bedrock"]
    assert found.find("providers/bedrock") == fields


def test_a_profile_that_does_not_exist_counts_as_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "there-is-no-such-profile")
    chain = BotocoreChain()

    assert (chain.signs(), chain.region()) == (False, None)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("openai", "OPENAI_API_KEY"), ("anthropic", "ANTHROPIC_API_KEY"), ("custom", "CUSTOM_BASE_URL")],
)
def test_the_variable_to_set_is_known(name: str, expected: str) -> None:
    assert variable(get_provider(name)) == expected

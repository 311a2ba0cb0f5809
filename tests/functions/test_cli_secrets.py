import json
from pathlib import Path

import pytest

from tests.engines import Engine
from tests.functions.cli_run import Cli

PREFIX = "/promptside/cli-tests"


@pytest.fixture
def cli(tmp_path: Path, moto_engine: Engine) -> Cli:
    return Cli(
        tmp_path,
        AWS_ENDPOINT_URL=moto_engine.url,
        AWS_ACCESS_KEY_ID="local",
        AWS_SECRET_ACCESS_KEY="local",
        AWS_REGION="us-east-1",
    )


def stored(engine: Engine, name: str) -> tuple[str, str]:
    found = engine.client("ssm").get_parameter(Name=f"{PREFIX}/{name}", WithDecryption=True)["Parameter"]
    return found["Type"], found["Value"]


def test_a_key_is_read_from_a_pipe_and_stored_encrypted(cli: Cli, moto_engine: Engine) -> None:
    result = cli.run("secrets", "--prefix", PREFIX, "put", "openai", stdin="sk-secret-1\n")
    listed = cli.run("secrets", "--prefix", PREFIX, "list")

    assert stored(moto_engine, "providers/openai") == ("SecureString", '{"api_key": "sk-secret-1"}')
    assert result.output == (
        f"Stored api_key in {PREFIX}/providers/openai; calls use it within minutes, and at once after a refusal\n"
    )
    assert f"{PREFIX}/providers/openai" in listed.output
    assert "sk-secret" not in result.output + result.errors + listed.output


def test_a_key_that_is_typed_does_not_show(cli: Cli, moto_engine: Engine) -> None:
    result = cli.in_terminal("secrets", "--prefix", PREFIX, "put", "anthropic", typed=[("): ", "sk-ant-typed")])

    assert result.code == 0
    assert "sk-ant-typed" not in result.output
    assert json.loads(stored(moto_engine, "providers/anthropic")[1]) == {"api_key": "sk-ant-typed"}


def test_several_fields_come_as_one_object_and_a_service_account_as_it_is(cli: Cli, moto_engine: Engine) -> None:
    azure = {"api_key": "k", "resource_name": "shop"}
    account = json.dumps({"type": "service_account"})

    cli.run("secrets", "--prefix", PREFIX, "put", "azure-openai", stdin=json.dumps(azure))
    cli.run("secrets", "--prefix", PREFIX, "put", "vertex-ai", "-f", "vertex_service_account_json", stdin=account)

    assert json.loads(stored(moto_engine, "providers/azure-openai")[1]) == azure
    assert json.loads(stored(moto_engine, "providers/vertex-ai")[1]) == {"vertex_service_account_json": account}


def test_a_secret_is_deleted_once(cli: Cli) -> None:
    cli.run("secrets", "--prefix", PREFIX, "put", "groq", stdin="gsk")

    first = cli.run("secrets", "--prefix", PREFIX, "delete", "groq", "--yes")
    second = cli.run("secrets", "--prefix", PREFIX, "delete", "groq", "--yes")

    assert (first.code, first.output) == (0, f"Deleted {PREFIX}/providers/groq\n")
    assert (second.code, second.errors) == (1, f"Error: There is no parameter {PREFIX}/providers/groq\n")


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (("--prefix", PREFIX, "put", "openai"), "", "Standard input was empty"),
        (("--prefix", PREFIX, "put", "openai"), "{sk-half", "is not one"),
        (("--prefix", PREFIX, "put", "openai"), '{"key": "sk-x"}', "has no field 'key'"),
        (("--prefix", PREFIX, "put", "openai", "-f", "nope"), "x", "has no field 'nope'"),
        (("--prefix", PREFIX, "put", "nobody"), "x", "Unknown provider 'nobody'"),
        (("put", "openai"), "x", "OPENAI_API_KEY=... make run"),
    ],
)
def test_a_mistake_stores_nothing_and_shows_no_secret(
    cli: Cli, arguments: tuple[str, ...], stdin: str, message: str
) -> None:
    result = cli.run("secrets", *arguments, stdin=stdin)

    assert (result.code, message in result.errors) == (1, True)
    assert "sk-" not in result.errors


def test_without_credentials_it_says_how_to_sign_in(tmp_path: Path) -> None:
    result = Cli(tmp_path, AWS_REGION="us-east-1").run("secrets", "--prefix", PREFIX, "list")

    assert (result.code, result.errors) == (
        1,
        "Error: There are no AWS credentials: sign in with 'aws sso login', or set AWS_PROFILE\n",
    )

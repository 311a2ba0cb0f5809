import json
import shlex
import subprocess
from pathlib import Path

import pytest

from promptside.providers.fields import check_credentials
from promptside.providers.registry import MODULES, get_provider
from scripts.provider_docs import MARKER, PAGE, page, section
from scripts.provider_examples import example_of
from tests.provider_cases import Case, cases_with


def first_chat(name: str) -> Case:
    return next(case for case in cases_with("request.json", "response.json") if case.provider == name)


def commands(name: str) -> list[str]:
    block = section(get_provider(name)).split("```sh\n")[1].split("\n```")[0]
    return block.split("\n")


def test_the_page_says_what_the_providers_say() -> None:
    current = PAGE.read_text(encoding="utf-8")

    assert page(current) == current, "run `make docs`"


def test_every_provider_has_its_section() -> None:
    current = PAGE.read_text(encoding="utf-8")

    assert [line[3:] for line in current.split(MARKER)[1].split("\n") if line.startswith("## ")][1:] == sorted(MODULES)


def test_a_page_without_the_marker_is_not_overwritten() -> None:
    with pytest.raises(ValueError, match="marker"):
        page("# Providers\n")


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_section_names_every_field_and_the_page_of_the_vendor(name: str) -> None:
    text = section(get_provider(name))

    assert all(f"`{field.name}`" in text for field in get_provider(name).fields)
    assert "Written from https://" in text
    assert ", read 20" in text


@pytest.mark.parametrize("name", sorted(MODULES))
def test_what_the_example_stores_is_enough_for_a_request(name: str) -> None:
    provider = get_provider(name)
    account = '{"type": "service_account", "project_id": "harbour-1234"}'
    stored = {
        field: account if value.startswith("$(") else value.replace("YOUR-RESOURCE", "ports-eu")
        for field, value in example_of(provider).stored.items()
    }

    credentials = check_credentials(provider, stored, from_caller=False)

    call = first_chat(name).call()
    assert provider.build_request(call, credentials).url.startswith("https://")


@pytest.mark.parametrize("name", sorted(MODULES))
def test_the_variables_of_the_example_are_those_of_fields(name: str) -> None:
    known = {variable for field in get_provider(name).fields for variable in field.environment}

    assert set(example_of(get_provider(name)).environment) <= known | {"AWS_PROFILE"}


@pytest.mark.parametrize("name", sorted(MODULES))
def test_the_command_stores_what_the_example_says(name: str, tmp_path: Path) -> None:
    (tmp_path / "service-account.json").write_text('{"private_key": "a\\nb"}')
    stored = {
        field: '{"private_key": "a\\nb"}' if value.startswith("$(") else value
        for field, value in example_of(get_provider(name)).stored.items()
    }
    store, run = commands(name)

    # `aws` is a function that prints its last argument.
    script = f'aws() {{ for value; do :; done; printf %s "$value"; }}\n{store}'
    printed = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    assert (json.loads(printed) if printed.startswith("{") else {"api_key": printed}) == stored
    assert f" /promptside/STACK/providers/{name} " in store
    assert shlex.split(run)[-2:] == ["make", "run"]

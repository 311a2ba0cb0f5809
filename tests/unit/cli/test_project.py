from pathlib import Path

import pytest

from cli.errors import CommandFailed
from cli.project import FILE, Choice, Target, find_project
from local.options import DEFAULT_KEY

SETTINGS = """\
prompts: texts
default: staging
targets:
  staging: {url: https://staging.example/v1/}
  production:
    url: https://prod.example/v1
    api_key_variable: PROD_KEY
    secrets_prefix: /promptside/p
    region: eu-west-1
"""


def target(root: Path, choice: Choice, **environment: str) -> Target:
    return find_project(root).target(choice, environment)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / FILE).write_text(SETTINGS)
    return tmp_path


def test_without_anything_it_is_the_local_run(tmp_path: Path) -> None:
    assert target(tmp_path, Choice()) == Target("local", "http://127.0.0.1:8787/v1", DEFAULT_KEY)
    assert find_project(tmp_path).folder == tmp_path / "prompts"


def test_settings_are_found_from_any_folder_below(root: Path) -> None:
    (root / "texts" / "deep").mkdir(parents=True)

    project = find_project(root / "texts" / "deep")

    assert (project.root, project.folder) == (root, root / "texts")


def test_a_target_has_its_own_key_and_no_other(root: Path) -> None:
    production = target(root, Choice(target="production"), PROD_KEY="p", PROMPTSIDE_API_KEY="other")
    without = target(root, Choice(target="production"), PROMPTSIDE_API_KEY="other")

    assert production == Target(
        "production",
        "https://prod.example/v1",
        "p",
        key_variable="PROD_KEY",
        secrets_prefix="/promptside/p",
        region="eu-west-1",
    )
    assert without.api_key is None


@pytest.mark.parametrize(
    ("choice", "environment", "expected"),
    [
        (Choice(), {}, ("https://staging.example/v1", None)),
        (Choice(), {"PROMPTSIDE_API_KEY": "k"}, ("https://staging.example/v1", "k")),
        (Choice(), {"PROMPTSIDE_URL": "https://env.example/v1"}, ("https://env.example/v1", None)),
        (Choice(target="staging"), {"PROMPTSIDE_URL": "https://env.example/v1"}, ("https://staging.example/v1", None)),
        (Choice(url="http://localhost:1/v1"), {"PROMPTSIDE_URL": "x"}, ("http://localhost:1/v1", DEFAULT_KEY)),
        (Choice(url="https://a.example/v1", api_key="k"), {"PROMPTSIDE_API_KEY": "j"}, ("https://a.example/v1", "k")),
    ],
)
def test_what_is_said_last_and_nearest_counts(
    root: Path, choice: Choice, environment: dict[str, str], expected: tuple[str, str | None]
) -> None:
    found = target(root, choice, **environment)

    assert (found.url, found.api_key) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("targets: [", "not YAML"),
        ("- a", "must be a mapping"),
        ("target: {}", "unknown field 'target'"),
        ("targets: {a: {url: https://a.example, key: secret}}", "unknown field 'key'"),
        ("targets: {a: {region: x}}", "needs a 'url'"),
        ("default: b\ntargets: {a: {url: https://a.example}}", "default target 'b'"),
        ("default: a\ntargets: {a: {url: http://a.example/v1}}", "clear text"),
        ("default: a\ntargets: {a: {url: a.example}}", "no URL"),
        ("default: a\ntargets: {a: {url: 'http://[::1/v1'}}", "no URL"),
        ("default: a\ntargets: {a: {url: 'https://a.example:99999/v1'}}", "no URL"),
        ("prompts: 5", "name of a folder"),
    ],
)
def test_a_mistake_in_the_settings_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / FILE).write_text(text)

    with pytest.raises(CommandFailed, match=message):
        target(tmp_path, Choice())


def test_a_key_never_shows(root: Path) -> None:
    assert "k-secret" not in repr(target(root, Choice(api_key="k-secret"))) + repr(Choice(api_key="k-secret"))

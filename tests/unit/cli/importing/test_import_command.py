from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.commands.root import main
from cli.content import prompt_content
from cli.folder import read_folder
from cli.importing.as_files import prompt_fields
from cli.prompt_files import load_prompt
from tests.upstream import Upstream, json_reply

FIXTURES = Path(__file__).parents[3] / "fixtures" / "imports"
Import = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Import:
    monkeypatch.chdir(tmp_path)
    for variable in ("PORTKEY_API_KEY", "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"):
        monkeypatch.delenv(variable, raising=False)

    def invoke(*arguments: str, **environment: str) -> Result:
        return CliRunner().invoke(main, ["import", *arguments], env=environment)

    return invoke


def fixture(case: str) -> str:
    return str(FIXTURES / case / "input")


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.yaml"))


def test_a_dry_run_says_everything_and_writes_nothing(run: Import, tmp_path: Path) -> None:
    result = run("openai", fixture("openai/prompt-object"), "--dry-run")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "Not carried over:",
        "  prompt 'pmpt_6840cafe0001': object, created_at: OpenAI's own record",
        "  prompt 'pmpt_6840cafe0001': variables: customer_name, issue: the list of names; a template's variables are"
        " found in it",
        "",
        "Good to know:",
        "  prompt 'pmpt_6840cafe0001': message 1, line 4: '{agent}' stays as it stands; write '{{agent}}' if it is a"
        " variable",
        "",
        "create    prompts/pmpt_6840cafe0001.yaml",
        "1 file would be written, 0 unchanged",
    ]
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    "case",
    ["openai/request-with-everything", "portkey/everything", "langfuse/composed", "litellm/dotprompt", "bedrock/chat"],
)
def test_a_second_import_leaves_the_files_alone(run: Import, tmp_path: Path, case: str) -> None:
    source = case.partition("/")[0]
    first = run(source, fixture(case))
    written = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}

    second = run(source, fixture(case))

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert second.stdout.splitlines()[-1] == f"0 files written, {len(written)} unchanged"
    assert {name: (tmp_path / name).read_bytes() for name in files(tmp_path)} == written
    # What was written is what a push reads.
    assert len(read_folder(tmp_path / "prompts")) == len(written)


def test_a_file_that_says_something_else_is_kept_until_it_is_forced(run: Import, tmp_path: Path) -> None:
    run("openai", fixture("openai/prompt-object"))
    file = tmp_path / "prompts" / "pmpt_6840cafe0001.yaml"
    imported = file.read_text()
    file.write_text(imported.replace("gpt-5.4", "gpt-6-luna"))

    kept = run("openai", fixture("openai/prompt-object"))
    kept_text = file.read_text()
    forced = run("openai", fixture("openai/prompt-object"), "--force")

    assert (kept.exit_code, kept.stderr) == (1, "Error: 1 file was left alone: --force replaces them\n")
    assert kept_text == imported.replace("gpt-5.4", "gpt-6-luna")
    assert (forced.exit_code, file.read_text()) == (0, imported)


def test_a_source_without_an_api_needs_files(run: Import) -> None:
    result = run("openai")

    assert result.stderr == (
        "Error: OpenAI stored prompts: there is no API to read them from; name the files to import\n"
    )


def test_an_api_needs_its_credentials(run: Import) -> None:
    result = run("langfuse", LANGFUSE_PUBLIC_KEY="pk")

    assert result.stderr == "Error: Langfuse: set LANGFUSE_SECRET_KEY, or name files to import\n"


def test_an_api_is_read_with_the_credentials_of_the_environment(run: Import, tmp_path: Path) -> None:
    prompt = {"slug": "pp-a-1", "name": "A", "string": "Hi {{name}}", "model": "m", "virtual_key": "v",
              "prompt_version": 1}  # fmt: skip
    with Upstream() as upstream:
        upstream.routes = {
            "/prompts": json_reply({"data": [{"slug": "pp-a-1"}]}),
            "/prompts/pp-a-1": json_reply(prompt),
        }
        upstream.default = json_reply({"data": []})
        result = run("portkey", "--source-url", upstream.url, PORTKEY_API_KEY="PK")

    assert result.exit_code == 0
    assert load_prompt(tmp_path / "prompts" / "pp-a-1.yaml").string == "Hi {{name}}"
    assert {request.headers["x-portkey-api-key"] for request in upstream.requests} == {"PK"}


def test_a_prompt_survives_its_file(run: Import, tmp_path: Path) -> None:
    from cli.importing import get_importer
    from cli.importing.base import Document, Options

    texts = [
        "tab\tand trailing  \n\n  spaces\n",
        "\n",
        "---\n# no comment\n",
        "ends: with|\n\n\n",
        "é\u2028\U0001f680",
        "no",
    ]
    request = {"name": "odd", "model": "m", "input": [{"role": "user", "content": text} for text in texts]}
    (tmp_path / "odd.json").write_text(json.dumps(request))

    run("openai", "odd.json")

    (prompt,) = get_importer("openai").read([Document("odd.json", request)], Options()).prompts
    file = load_prompt(tmp_path / "prompts" / "odd.yaml")
    assert file.string == prompt.current.string
    assert prompt_content(file)["messages"] == prompt_fields(prompt)["messages"]

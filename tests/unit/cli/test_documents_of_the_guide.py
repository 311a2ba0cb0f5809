"""What docs/prompts-as-code.md shows as files are files that can be used."""

import re
from pathlib import Path

import click
import pytest
import yaml

from cli.commands.root import main
from cli.folder import read_folder
from cli.project import FILE, Choice, find_project

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "prompts-as-code.md").read_text()
PROMPT, SETTINGS = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
WORKFLOW = (ROOT / "examples" / "github-actions" / "prompts.yml").read_text()


def test_the_prompt_file_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "welcome.yaml").write_text(PROMPT)

    assert read_folder(tmp_path)[0].includes == ("house-style",)


def test_the_settings_name_both_stacks(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(SETTINGS)

    target = find_project(tmp_path).target(Choice(target="production"), {"PROMPTSIDE_PRODUCTION_KEY": "k"})

    assert (target.api_key, target.secrets_prefix, target.region) == ("k", "/promptside/my-stack", "us-east-1")


@pytest.mark.parametrize("text", [GUIDE, WORKFLOW], ids=["guide", "workflow"])
def test_every_command_and_option_exists(text: str) -> None:
    used = re.findall(r"promptside(?: -t \w+)? ([a-z]+)((?: --[a-z-]+)*)", re.sub(r"`|\bpromptside\.\w+", "", text))
    context = click.Context(main)
    known = {name: main.get_command(context, name) for name, _ in used if name in main.list_commands(context)}

    assert {"push", "diff"} <= known.keys()
    for name, options in used:
        command = known.get(name)
        for option in options.split():
            assert command is not None
            assert any(option in parameter.opts for parameter in command.params), (name, option)


def test_the_workflow_checks_on_pull_requests_and_releases_on_merge() -> None:
    # YAML takes the key `on` for true.
    workflow = yaml.safe_load(WORKFLOW)

    assert list(workflow[True]) == ["pull_request", "push"]
    assert list(workflow["jobs"]) == ["check", "release"]
    assert workflow["jobs"]["release"]["concurrency"]["cancel-in-progress"] is False

from pathlib import Path

import pytest
import yaml

from cli.content import prompt_content
from cli.file_text import new_text, ordered_like, updated_text, write_whole
from cli.prompt_files import load_prompt

EXAMPLES = sorted((Path(__file__).parents[3] / "prompts").glob("*.yaml"))
BY_HAND = """\
# The first prompt of the shop.
name: Greeting   # short
provider: openai
model: gpt-6-luna

# Cheap and quick.
parameters: {max_tokens: 5, temperature: 0.5}
messages:
  # Polite.
  - {role: user, content: "Hi {{name}}"}
description: Says hi.
# To try it.
variables: {name: Ada}
"""
CONTENT = {
    "name": "Greeting",
    "virtual_key": "openai",
    "model": "gpt-6-luna",
    "parameters": {"temperature": 0.5, "max_tokens": 5},
    "messages": [{"content": "Hi {{name}}", "role": "user"}],
}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_file_with_nothing_new_keeps_every_character(path: Path) -> None:
    text = path.read_text()

    assert updated_text(text, path.stem, prompt_content(load_prompt(path))) == text


def test_the_order_of_a_stacks_keys_changes_nothing() -> None:
    assert updated_text(BY_HAND, "greeting", CONTENT) == BY_HAND


def test_only_the_field_that_changed_is_written_anew() -> None:
    text = updated_text(BY_HAND, "greeting", {**CONTENT, "parameters": {"temperature": 1, "max_tokens": 5, "n": 2}})

    assert text == BY_HAND.replace(
        "parameters: {max_tokens: 5, temperature: 0.5}\n", "parameters:\n  max_tokens: 5\n  temperature: 1\n  n: 2\n"
    )


def test_a_new_field_stands_where_it_stands_in_a_new_file_and_a_removed_one_is_gone() -> None:
    content = {name: value for name, value in CONTENT.items() if name != "parameters"}

    text = updated_text(BY_HAND, "greeting", {**content, "tool_choice": "auto"})

    assert list(yaml.safe_load(text)) == [
        "name", "provider", "model", "tool_choice", "messages", "description", "variables",
    ]  # fmt: skip
    assert "# To try it.\nvariables: {name: Ada}\n" in text


def test_a_comment_above_a_field_survives_a_change_of_its_neighbours() -> None:
    text = updated_text(
        BY_HAND, "greeting", {**CONTENT, "model": "m2", "messages": [{"role": "user", "content": "a\n"}]}
    )

    assert text.startswith("# The first prompt of the shop.\nname: Greeting   # short\nprovider: openai\nmodel: m2\n")
    assert "# Cheap and quick.\nparameters: {" in text
    assert "content: |\n      a\ndescription" in text
    assert text.endswith("# To try it.\nvariables: {name: Ada}\n")


@pytest.mark.parametrize("old", ["{name: A, provider: openai, model: m, text: a}", "---\nname: A\nmodel: m\ntext: a"])
def test_a_file_in_another_style_says_the_right_thing_afterwards(old: str) -> None:
    content = {"name": "B", "virtual_key": "x", "model": "m", "text": "one\ntwo"}

    read = yaml.safe_load(updated_text(old, "b", content))

    assert {**read, "virtual_key": read.get("virtual_key", read.get("provider"))}.items() >= content.items()


def test_a_new_file_has_one_order() -> None:
    fields = {"variables": {"a": 1}, "text": "t", "model": None, "virtual_key": "x", "description": "d", "name": "n"}

    assert new_text(fields) == ("name: n\ndescription: d\nvirtual_key: x\nmodel: null\ntext: t\nvariables:\n  a: 1\n")


def test_keys_follow_the_older_value() -> None:
    assert list(ordered_like({"a": 1, "b": {"c": 1, "d": 2}}, {"b": {"d": 0, "c": 0}, "x": 1})) == ["b", "a"]


def test_a_file_is_replaced_as_a_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.yaml"
    write_whole(path, "one\n")
    path.chmod(0o640)

    write_whole(path, "two\n")

    assert (path.read_text(), path.stat().st_mode & 0o777, list(path.parent.iterdir())) == ("two\n", 0o640, [path])

from pathlib import Path
from typing import Any

import pytest

from cli.content import Name, Stored, digest, prompt_content, same, stored_partial, stored_prompt, version_body
from cli.file_text import new_text
from cli.prompt_files import load_prompt

EXAMPLES = sorted((Path(__file__).parents[3] / "prompts").glob("*.yaml"))


def view(**fields: Any) -> dict[str, Any]:
    """What a stack answers about a prompt."""
    return {
        "slug": "greeting", "name": "Greeting", "string": '[{"role": "user", "content": "Hi"}]', "model": "m",
        "virtual_key": "openai", "parameters": {}, "functions": None, "tools": None, "tool_choice": None,
        "template_metadata": {"template_type": "chat"}, "is_raw_template": 0, "prompt_version": 3,
        "prompt_version_id": "v3", "prompt_version_status": "active", "prompt_version_description": "why",
        "variables_schema": None, **fields,
    }  # fmt: skip


def answered(body: dict[str, Any]) -> dict[str, Any]:
    """What a stack answers once it has stored a body."""
    return view(**{name: value for name, value in body.items() if name in view() or name == "is_raw_template"})


def test_a_stored_prompt_has_the_fields_of_its_file() -> None:
    assert stored_prompt(view(parameters={"top_p": 1.0}, tools=[], tool_choice="auto")) == Stored(
        Name("prompt", "greeting"),
        {
            "name": "Greeting",
            "virtual_key": "openai",
            "model": "m",
            "parameters": {"top_p": 1},
            "tool_choice": "auto",
            "messages": [{"role": "user", "content": "Hi"}],
        },
        version=3,
        version_id="v3",
        published=True,
        description="why",
        metadata={"template_type": "chat"},
    )


@pytest.mark.parametrize(
    ("fields", "template"),
    [
        ({"string": "plain {{a}}", "template_metadata": {"template_type": "completion"}}, {"text": "plain {{a}}"}),
        ({"string": "[1]", "template_metadata": {"template_type": "completion"}}, {"text": "[1]"}),
        ({"string": '[{"role":"user","content":{{x}}}]'}, {"string": '[{"role":"user","content":{{x}}}]'}),
        (
            {"string": '[{"role": "user",  "content": "a"}]', "is_raw_template": 1},
            {"raw": True, "string": '[{"role": "user",  "content": "a"}]'},
        ),
        (
            {"string": '[\n  {"role": "user", "content": "a"},\n  {{h}}\n]', "is_raw_template": 1},
            {"raw": True, "messages": [{"role": "user", "content": "a"}, "{{h}}"]},
        ),
    ],
)
def test_the_template_takes_the_form_that_loses_nothing(fields: dict[str, Any], template: dict[str, Any]) -> None:
    content = stored_prompt(view(**fields)).content

    assert content == {"name": "Greeting", "virtual_key": "openai", "model": "m", **template}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_what_a_file_says_is_what_comes_back_after_a_push(path: Path) -> None:
    content = prompt_content(load_prompt(path))

    assert same(stored_prompt(answered(version_body(content))).content, content)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"model": None, "virtual_key": None},
        {"variables_schema": {"type": "object"}, "functions": [{"name": "f"}], "tools": [{"type": "function"}]},
        {"string": '[{{#a}}{"role":"user","content":"x"}{{/a}}]', "is_raw_template": 1},
        {"string": "one \n two\n\n", "template_metadata": {"template_type": "text"}},
    ],
)
def test_a_pulled_file_says_what_the_stack_has(tmp_path: Path, fields: dict[str, Any]) -> None:
    content = stored_prompt(view(**fields)).content
    path = tmp_path / "greeting.yaml"
    path.write_text(new_text(content))

    assert same(prompt_content(load_prompt(path)), content)


def test_the_next_version_keeps_what_the_stack_noted_about_the_template() -> None:
    content = stored_prompt(view()).content

    body = version_body(content, {"template_type": "completion", "editor": "x"})

    assert body == {
        "name": "Greeting", "virtual_key": "openai", "model": "m", "tools": None, "tool_choice": None,
        "functions": None, "variables_schema": None, "string": '[\n  {"role": "user", "content": "Hi"}\n]',
        "parameters": {}, "is_raw_template": 0, "template_metadata": {"template_type": "chat", "editor": "x"},
    }  # fmt: skip


def test_a_partial_has_a_name_and_a_text() -> None:
    stored = stored_partial(
        {"slug": "tone", "name": "Tone", "string": "Kind.", "version": 2, "prompt_partial_version_id": "p2"},
        published=False,
    )

    assert stored == Stored(
        Name("partial", "tone"), {"name": "Tone", "text": "Kind."}, version=2, version_id="p2", published=False
    )
    assert version_body(stored.content) == {"name": "Tone", "string": "Kind."}


def test_true_is_not_one_and_the_order_of_keys_does_not_count() -> None:
    assert digest({"a": True}) != digest({"a": 1})
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})

from pathlib import Path

import pytest

from cli.prompt_files import BadPromptFile, PartialFile, PromptFile, load_partial, load_prompt

EXAMPLES = Path(__file__).parents[3] / "prompts"


def written(directory: Path, text: str) -> Path:
    path = directory / "greeting.yaml"
    path.write_text(text)
    return path


def test_a_chat_prompt_becomes_the_json_text_of_its_messages(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "name: Greeting\nvirtual_key: openai\nmodel: gpt-6-luna\nparameters: {max_tokens: 5}\nmessages:\n"
        '  - role: system\n    content: |\n      Say "hi".\n      Twice, é.\n'
        '  - "{{chat_history}}"\n  - {role: user, content: "{{name}}"}\nvariables: {name: Ada}\n',
    )

    prompt = load_prompt(path)

    assert prompt == PromptFile(
        slug="greeting",
        name="Greeting",
        kind="chat",
        string='[\n  {"role": "system", "content": "Say \\"hi\\".\\nTwice, é.\\n"},\n  {{chat_history}},\n'
        '  {"role": "user", "content": "{{name}}"}\n]',
        digest=prompt.digest,
        virtual_key="openai",
        model="gpt-6-luna",
        parameters={"max_tokens": 5},
        variables={"name": "Ada"},
    )


def test_a_text_prompt_keeps_its_text(tmp_path: Path) -> None:
    prompt = load_prompt(written(tmp_path, "provider: custom\nmodel: m\ntext: |-\n  one\n  two\n"))

    assert (prompt.kind, prompt.string, prompt.virtual_key, prompt.name) == ("text", "one\ntwo", "custom", "greeting")


def test_a_partial_is_a_text_with_a_name(tmp_path: Path) -> None:
    partial = load_partial(written(tmp_path, "name: Tone\ntext: Be kind.\n"))

    assert partial == PartialFile("greeting", "Tone", "Be kind.", partial.digest)


def test_the_digest_changes_with_the_file(tmp_path: Path) -> None:
    first = load_partial(written(tmp_path, "text: a\n")).digest
    second = load_partial(written(tmp_path, "text: b\n")).digest

    assert first != second


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model: m\nmessages: []\n", "'virtual_key' is missing"),
        ("provider: openai\nmessages: []\n", "'model' is missing"),
        ("provider: openai\nmodel: m\n", "either 'messages' .* or 'text'"),
        ("provider: openai\nmodel: m\ntext: a\nmessages: []\n", "either 'messages' .* or 'text'"),
        ("provider: openai\nmodel: m\nmessages: [hello]\n", "'messages' entry 1 needs a role"),
        ("provider: openai\nmodel: m\nmessages: [{role: user}, {content: x}]\n", "'messages' entry 2 needs a role"),
        ("provider: openai\nmodel: 6\ntext: a\n", "'model' must be text"),
        ("provider: openai\nmodel: m\ntext: a\nparameters: 3\n", "'parameters' must be a mapping"),
        ("provider: openai\nmodel: m\ntext: a\ntemperature: 3\n", "unknown field 'temperature'"),
        ("provider: openai\nmodel: m\ntext: a\nvariables: {day: 2026-01-02}\n", "quotes around dates"),
        ("model: [\n", "line 2: not YAML"),
        ("- a\n", "a mapping of fields"),
        ("model: a\nprovider: b\nmodel: c\n", "line 3: not YAML: 'model' stands there twice"),
        ("provider: openai\nmodel: m\nstring: a\ntext: b\n", "or 'string'"),
        ("model: !!python/object:os.system {}\n", "not YAML"),
    ],
)
def test_a_mistake_is_named_with_file_and_field(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadPromptFile, match=rf"greeting\.yaml.*{message}"):
        load_prompt(written(tmp_path, text))


def test_the_examples_cover_what_a_prompt_can_be() -> None:
    prompts = [load_prompt(path) for path in sorted(EXAMPLES.glob("*.yaml"))]

    assert {prompt.virtual_key for prompt in prompts} == {"anthropic", "bedrock", "custom", "openai"}
    assert {prompt.kind for prompt in prompts} == {"chat", "text"}
    assert any(prompt.tools for prompt in prompts)
    assert any("response_format" in prompt.parameters for prompt in prompts)
    assert all(prompt.variables for prompt in prompts)


def test_a_chat_prompt_can_be_its_stored_text(tmp_path: Path) -> None:
    prompt = load_prompt(written(tmp_path, "virtual_key: null\nmodel: null\nraw: true\nstring: '[{{#a}}{{/a}}]'\n"))

    assert (prompt.kind, prompt.raw, prompt.string) == ("chat", True, "[{{#a}}{{/a}}]")
    assert (prompt.virtual_key, prompt.model) == (None, None)

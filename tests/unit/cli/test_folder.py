from pathlib import Path

import pytest

from cli.errors import CommandFailed
from cli.folder import read_folder

HEAD = "provider: openai\nmodel: m\n"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"{HEAD}text: |\n  one\n  two {{{{#open}}}}\n", ":5:7: Unclosed section"),
        (f"{HEAD}messages:\n  - role: user\n    content: |\n\n      a\n      {{{{/x}}}}\n", ":8:7: "),
        (f"{HEAD}messages:\n  - role: user\n    content: a {{{{/x}}}}\n", ":5:16: "),
        (
            f'{HEAD}messages:\n  - {{role: user, content: "a {{{{/x}}}}"}}\n',
            ": messages[0].content, line 1, column 3: ",
        ),
        (f"{HEAD}string: |\n  [{{{{#a}}}}]\n", ":4:4: "),
        (f"{HEAD}text: a\nvariables_schema: {{type: 5}}\n", "variables_schema"),
        (f"{HEAD}text: a\ntexts: b\n", ": unknown field 'texts'"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_column(tmp_path: Path, text: str, place: str) -> None:
    path = tmp_path / "greeting.yaml"
    path.write_text(text)

    with pytest.raises(CommandFailed) as raised:
        read_folder(tmp_path)

    assert f"{path}{place}" in raised.value.message or (
        str(path) in raised.value.message and place in raised.value.message
    )


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "partials").mkdir()
    for name in ("a.yaml", "b.yml", "white space.yaml", "partials/c.yaml", "partials.yaml"):
        (tmp_path / name).write_text("nothing: here\n")
    (tmp_path / "b.yaml").write_text(f"{HEAD}text: fine\n")

    with pytest.raises(CommandFailed) as raised:
        read_folder(tmp_path)

    message = raised.value.message
    assert message.startswith("Nothing was sent; 5 files cannot be used:\n")
    assert "another file for 'b'" in message
    assert message.count("a file's name is the slug") == 2


def test_a_prompt_knows_the_partials_it_includes(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"{HEAD}text: '{{{{>tone}}}} {{{{>tone@2}}}} {{{{>rules@latest}}}}'\n")

    assert read_folder(tmp_path)[0].includes == ("tone", "rules")

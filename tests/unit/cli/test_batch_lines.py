import io
import json
from pathlib import Path
from typing import Any

import pytest

from cli.batch_lines import Prepared, prepare
from cli.errors import CommandFailed

URL = "/v1/prompts/welcome/completions"


def prepared(path: Path, text: str | bytes, prompt: str | None = "welcome") -> tuple[Prepared, list[Any]]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    target = io.BytesIO()
    made = prepare(path, prompt, target)
    return made, [json.loads(line) for line in target.getvalue().splitlines()]


def refusal(path: Path, text: str | bytes, prompt: str | None = "welcome") -> str:
    with pytest.raises(CommandFailed) as failed:
        prepared(path, text, prompt)
    return failed.value.message.replace(str(path), "FILE")


def test_lines_with_variables_become_calls_of_the_prompt(tmp_path: Path) -> None:
    text = '{"variables": {"name": "Äda"}}\n\n{"custom_id": "b", "variables": {}, "max_tokens": 5}'

    made, lines = prepared(tmp_path / "a.jsonl", text)

    assert (made.endpoint, made.lines, made.first_variables) == (URL, 2, {"name": "Äda"})
    assert lines == [
        {"custom_id": "line-1", "method": "POST", "url": URL, "body": {"variables": {"name": "Äda"}}},
        {"custom_id": "b", "method": "POST", "url": URL, "body": {"variables": {}, "max_tokens": 5}},
    ]


def test_a_byte_order_mark_and_windows_line_ends_are_no_content(tmp_path: Path) -> None:
    made, _ = prepared(tmp_path / "a.jsonl", b'\xef\xbb\xbf{"variables": {"a": "1"}}\r\n{"variables": {}}\r\n')

    assert (made.lines, made.first_variables) == (2, {"a": "1"})


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_columns_of_a_csv_are_variables(tmp_path: Path, delimiter: str) -> None:
    text = f'custom_id{delimiter}name\nx{delimiter}"a ""b""\nc"\n{delimiter}d\n'

    _, lines = prepared(tmp_path / "a.csv", text)

    assert [(line["custom_id"], line["body"]["variables"]) for line in lines] == [
        ("x", {"name": 'a "b"\nc'}),
        ("line-4", {"name": "d"}),
    ]


def test_openais_lines_are_sent_as_they_are(tmp_path: Path) -> None:
    line = {"custom_id": "a", "method": "POST", "url": "/v1/responses", "body": {"prompt": {"id": "welcome"}}}

    made, lines = prepared(tmp_path / "a.jsonl", json.dumps(line), None)

    assert (made.endpoint, lines) == ("/v1/responses", [line])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[1]", "line 1: not a JSON object"),
        ('\n{"variables"}', "line 2: not JSON: Expecting ':' delimiter (column 13)"),
        (
            '{"variables": "x"}',
            """line 1: 'variables' must be an object, as in {"variables": {"name": "Ada"}}""",
        ),
        ('{"variables": {}, "config": "a"}', "line 1: 'config' is known in the bucket's inbox only (docs/events.md)"),
        ('{"variables": {}, "custom_id": 7}', "line 1: 'custom_id' must be a text"),
        (
            '{"variables": {}, "custom_id": "a"}\n{"variables": {}, "custom_id": "a"}',
            "line 2: the custom_id 'a' is that of line 1",
        ),
    ],
)
def test_a_line_with_a_mistake_is_named(tmp_path: Path, text: str, problem: str) -> None:
    assert refusal(tmp_path / "a.jsonl", text) == f"FILE was not sent:\n  {problem}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a,a\n1,2\n", "line 1: each column needs a name of its own"),
        ("a,\n1,2\n", "line 1: each column needs a name of its own"),
        ("a,b\n1,2\n3\n", "line 3: 1 fields instead of 2"),
        ('a\n1\n"2\n3\n', "line 3: unexpected end of data"),
    ],
)
def test_a_csv_with_a_mistake_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    assert refusal(tmp_path / "a.csv", text) == f"FILE was not sent:\n  {problem}"


def test_without_a_prompt_lines_must_be_calls_of_one_route(tmp_path: Path) -> None:
    call = {"custom_id": "a", "method": "POST", "url": "/v1/responses", "body": {}}
    lines = [call, {**call, "custom_id": "b", "url": "/v1/chat/completions"}, {"variables": {}}]

    assert refusal(tmp_path / "a.jsonl", "\n".join(map(json.dumps, lines)), None) == (
        "FILE was not sent:\n"
        "  line 2: its url is not that of the first line, /v1/responses\n"
        "  line 3: 'body' is missing: lines with variables only need --prompt"
    )


def test_of_many_mistakes_the_first_ten_are_shown(tmp_path: Path) -> None:
    shown = refusal(tmp_path / "a.jsonl", "x\n" * 12).splitlines()

    assert (len(shown), shown[-1]) == (12, "  and 2 more")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "FILE was not sent: it has no lines"),
        ("\n\n", "FILE was not sent: it has no lines"),
        (b'{"variables": {"a": "\xff"}}', "FILE was not sent: it is not UTF-8"),
    ],
)
def test_a_file_that_holds_nothing_to_send_is_refused(tmp_path: Path, text: str | bytes, message: str) -> None:
    assert refusal(tmp_path / "a.jsonl", text) == message


def test_more_lines_than_a_batch_takes_are_not_sent(tmp_path: Path) -> None:
    message = refusal(tmp_path / "a.jsonl", '{"variables": {}}\n' * 50_001)

    assert message.startswith("FILE was not sent: a batch has at most 50,000 lines and 200 MB, and this one 50,001 and")

import subprocess
import sys
from pathlib import Path
from typing import Any

from promptside.providers.registry import MODULES
from scripts.providers import failure_of, fitted, key_header

CHECKOUT = Path(__file__).parents[2]


def test_the_table_has_a_good_line_for_every_provider_whole_and_streamed() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "scripts.providers"],
        cwd=CHECKOUT,
        env={"PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'layers' / 'shared'}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    rows = [line.split() for line in ended.stdout.splitlines() if " whole " in line or " streamed " in line]
    assert [(row[0], row[1]) for row in rows] == [
        (name, form) for name in sorted(MODULES) for form in ("whole", "streamed")
    ]


def test_the_table_never_shows_a_key() -> None:
    assert key_header({"authorization": "Bearer sk-1"}) == "authorization: Bearer"
    assert key_header({"x-api-key": "sk-1"}) == "x-api-key"
    assert key_header({}) == "none"


def test_a_long_cell_loses_its_middle() -> None:
    assert [fitted(text, 5) for text in ("abc", "abcde", "abcdefgh")] == ["abc  ", "abcde", "ab…gh"]


def test_a_stream_without_done_is_a_failure() -> None:
    parts: list[Any] = [{"choices": []}]

    assert failure_of(parts, parts, status=200, text="a", finish="stop", stream=True) is not None
    assert failure_of(parts, [*parts, "[DONE]"], status=200, text="a", finish="stop", stream=True) is None
    assert failure_of([{"message": "no"}], parts, status=400, text="", finish="", stream=False) == "status 400: no"

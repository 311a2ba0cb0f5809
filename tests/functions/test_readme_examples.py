"""What README and `make run` offer to paste works as it stands there; only the port is another one."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.clients.node_sdks import FOLDER
from tests.functions.local_run import CHECKOUT, LocalRun, local_run

README = (CHECKOUT / "README.md").read_text()
EVENTS = (CHECKOUT / "docs" / "events.md").read_text()
# Importing an SDK takes several of them where other tests run beside it.
_SECONDS = 60.0
ANSWER = "Please welcome Ada of Analytical Engines, who wants to test prompts."
NEEDS_NODE = pytest.mark.skipif(
    shutil.which("node") is None or not (FOLDER / "node_modules").exists(), reason="needs node and its packages"
)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    with local_run(tmp_path_factory.mktemp("readme")) as running:
        running.line("console.log")
        yield running


def block(page: str, language: str, mark: str) -> str:
    """The one block of code of a page that holds `mark`."""
    blocks = [text for text in re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL) if mark in text]
    assert len(blocks) == 1
    return str(blocks[0])


def output(demo: LocalRun, command: Sequence[str], code: str, folder: Path) -> str:
    """What a program says that reads `code`, with the run's own port in it."""
    made = subprocess.run(
        command,
        input=code.replace("http://127.0.0.1:8787/v1", demo.base_url),
        cwd=folder,
        env={**os.environ, "PROMPTSIDE_URL": demo.base_url},  # noqa: TID251 - what a process of its own needs
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    return made.stdout


def test_the_lines_for_python_answer_whole_and_streamed(demo: LocalRun, tmp_path: Path) -> None:
    shown = output(demo, [sys.executable, "-"], block(README, "python", "from portkey_ai"), tmp_path)

    assert shown.count(ANSWER) == 2


@NEEDS_NODE
def test_the_lines_for_node_answer(demo: LocalRun) -> None:
    shown = output(demo, ["node", "--input-type=module"], block(README, "js", "portkey-ai"), FOLDER)

    assert ANSWER in shown


@NEEDS_NODE
def test_the_lines_for_node_that_the_start_prints_answer(demo: LocalRun) -> None:
    first = next(number for number, line in enumerate(demo.lines) if line.startswith("  import "))

    shown = output(demo, ["node", "--input-type=module"], "\n".join(demo.lines[first : first + 4]), FOLDER)

    assert "Please welcome Ada of Analytical Engines, who wants to run prompts without redeploying." in shown


def test_the_lines_for_openais_batches_answer_every_line(demo: LocalRun, tmp_path: Path) -> None:
    shown = output(demo, [sys.executable, "-"], block(EVENTS, "python", "client.batches.create"), tmp_path)

    assert [line.split()[0] for line in shown.splitlines() if "demo provider" in line] == ["Ada", "Bob", "Cleo"]

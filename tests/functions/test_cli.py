import json
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.functions.cli_run import Cli
from tests.functions.local_run import CHECKOUT, LocalRun, local_run
from tests.upstream import Fault, Reply, Upstream, sse_reply

GREETING = """\
# Says hello.
name: Greeting
virtual_key: openai
model: gpt-6-luna
parameters:
  max_tokens: 50
messages:
  - role: system
    content: |
      Be kind.
      {{>tone}}
  - "{{chat_history}}"
  - role: user
    content: "Hello, {{name}}."
variables:
  name: Ada
"""


def chunk(content: str | None, finish_reason: str | None = None) -> bytes:
    delta = {} if content is None else {"content": content}
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    data = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-6-luna", "choices": [choice]}
    return b"data: " + json.dumps(data).encode() + b"\n\n"


class Provider:
    """OpenAI as the tests want it: a new reply for each test."""

    def __init__(self) -> None:
        self.reply: Reply = sse_reply([chunk("Hello"), chunk(None, "stop"), b"data: [DONE]\n\n"])

    def __call__(self, *_: Any) -> Reply:
        return self.reply


PROVIDER = Provider()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    with (
        Upstream(*[PROVIDER] * 100) as upstream,
        local_run(
            tmp_path_factory.mktemp("state"), OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=f"{upstream.url}/v1"
        ) as running,
    ):
        yield running


@pytest.fixture
def slug(request: pytest.FixtureRequest) -> str:
    """A slug of the test's own: all tests share the stack."""
    return re.sub(r"[^a-z0-9]+", "-", request.node.name)[:80].strip("-")


@pytest.fixture
def cli(tmp_path: Path, stack: LocalRun, slug: str) -> Cli:
    (tmp_path / "prompts" / "partials").mkdir(parents=True)
    (tmp_path / "prompts" / "partials" / f"{slug}-tone.yaml").write_text("name: Tone\ntext: |\n  Be brief.\n")
    (tmp_path / "prompts" / f"{slug}.yaml").write_text(GREETING.replace("tone", f"{slug}-tone"))
    return Cli(tmp_path, stack.base_url)


def edit(cli: Cli, slug: str, old: str, new: str) -> None:
    path = cli.folder / "prompts" / f"{slug}.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def versions(stack: LocalRun, slug: str) -> list[tuple[int, str, str | None]]:
    """Return number, status and description of each version, newest first."""
    data = stack.call("GET", f"/prompts/{slug}/versions")[1]["data"]
    return [(item["prompt_version"], item["status"], item["prompt_description"]) for item in data]


def test_a_push_sends_what_differs_once_and_publishes_when_told(cli: Cli, stack: LocalRun, slug: str) -> None:
    first = cli.run("push")
    again = cli.run("push")
    edit(cli, slug, "Be kind.", "Be very kind.")
    changed = cli.run("push", "-m", "Kinder")
    before = versions(stack, slug)
    published = cli.run("push", "--publish")

    assert (first.code, again.code, changed.code, published.code) == (0, 0, 0, 0)
    assert [line.split()[:2] for line in first.output.splitlines()[:2]] == [
        ["created", f"partials/{slug}-tone"],
        ["created", slug],
    ]
    assert again.output == f"Nothing to do: 2 files and {stack.base_url} agree\n"
    assert changed.output.splitlines()[-1] == "Calls still get the old versions until 'promptside push --publish'"
    assert before == [
        (2, "archived", "Kinder (pushed from files)"),
        (1, "active", "(pushed from files)"),
    ]
    assert [version[:2] for version in versions(stack, slug)] == [(2, "active"), (1, "archived")]
    assert published.output.splitlines()[-1] == f"1 published, 1 unchanged on {stack.base_url}"


def test_a_diff_shows_what_a_push_would_change_and_a_check_fails(cli: Cli, slug: str) -> None:
    cli.prepare("push")
    edit(cli, slug, "max_tokens: 50", "max_tokens: 60")

    shown = cli.run("diff", slug)
    checked = cli.run("push", "--check", slug)
    cli.prepare("push", slug)
    after = cli.run("push", "--check", slug)

    assert shown.output.splitlines() == [
        f"--- stack: {slug}, version 1",
        f"+++ file: prompts/{slug}.yaml",
        "@@ -2,7 +2,7 @@",
        " virtual_key: openai",
        " model: gpt-6-luna",
        " parameters:",
        "-  max_tokens: 50",
        "+  max_tokens: 60",
        " messages:",
        "   - role: system",
        "     content: |",
    ]
    assert (shown.code, shown.errors) == (0, "0 to create, 1 to change, 0 of 1 file unchanged\n")
    assert (checked.code, checked.errors) == (1, "Error: Files and stack differ: 1 prompt of 1\n")
    assert (after.code, after.output) == (0, "Files and stack agree: 1 file\n")


def test_a_pull_after_a_push_changes_nothing_and_a_new_checkout_pulls_the_same(
    cli: Cli, stack: LocalRun, slug: str, tmp_path: Path
) -> None:
    cli.prepare("push")
    before = {path: path.read_bytes() for path in cli.folder.rglob("*") if path.is_file()}

    pulled = cli.run("pull", slug, f"partials/{slug}-tone")
    other = Cli(tmp_path / "other", stack.base_url)
    other.folder.mkdir()
    fresh = other.run("pull", slug, f"partials/{slug}-tone")
    agrees = other.run("push", "--check")

    assert (pulled.code, pulled.output.splitlines()[0][:16]) == (0, "0 files written,")
    assert {path: path.read_bytes() for path in before} == before
    assert (fresh.code, agrees.code) == (0, 0)
    assert (other.folder / "prompts" / f"{slug}.yaml").read_text() == (
        GREETING.replace("tone", f"{slug}-tone")
        .replace("# Says hello.\n", "")
        .replace('"{{chat_history}}"', "'{{chat_history}}'")
        .replace('"Hello, {{name}}."', "Hello, {{name}}.")
        .partition("variables:")[0]
    )


def test_what_somebody_else_changed_is_not_undone(cli: Cli, stack: LocalRun, slug: str) -> None:
    cli.prepare("push")
    stack.call("PUT", f"/prompts/{slug}", {"parameters": {"max_tokens": 7}})
    edit(cli, slug, "Be kind.", "Be very kind.")

    refused = cli.run("push")
    pulled = cli.run("pull", slug)
    forced = cli.run("push", "--force", slug)

    assert (refused.code, refused.output) == (1, "")
    assert refused.errors.splitlines()[:2] == [
        "Error: Nothing was sent: somebody changed the stack, and this push would undo it.",
        f"  {slug}: version 2 on the stack is not what this checkout last saw",
    ]
    assert (pulled.code, pulled.output.split()[0]) == (1, "conflict")
    assert (forced.code, [version[0] for version in versions(stack, slug)]) == (0, [3, 2, 1])


def test_a_pull_brings_only_what_the_stack_changed(cli: Cli, stack: LocalRun, slug: str) -> None:
    cli.prepare("push")
    before = (cli.folder / "prompts" / f"{slug}.yaml").read_text()
    stack.call("PUT", f"/prompts/{slug}", {"parameters": {"max_tokens": 7}})

    pulled = cli.run("pull", slug)

    assert (pulled.code, pulled.output.split()[0]) == (0, "changed")
    assert (cli.folder / "prompts" / f"{slug}.yaml").read_text() == before.replace("50", "7")


def test_an_interrupted_push_is_finished_by_the_next(cli: Cli, stack: LocalRun, slug: str) -> None:
    cli.prepare("push")
    for number in range(12):
        copy = cli.folder / "prompts" / f"{slug}-{number}.yaml"
        copy.write_text(GREETING.replace("tone", f"{slug}-tone").replace("kind", f"kind {number}"))
    edit(cli, slug, "Be kind.", "Be very kind.")

    process = cli.start("push", "--publish")
    while stack.call("GET", f"/prompts/{slug}-3")[0] == 404:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    during = versions(stack, slug)
    finished = cli.run("push", "--publish")

    assert process.returncode == 1
    assert errors.strip().endswith("Aborted!")
    assert "created" in output
    # Publishing comes last: whatever was sent by then, no call saw a half of it.
    assert [version[1] for version in during if version[0] == 1] == ["active"]
    assert finished.code == 0
    assert [version[:2] for version in versions(stack, slug)] == [(2, "active"), (1, "archived")]
    assert all(len(versions(stack, f"{slug}-{number}")) == 1 for number in range(12))
    assert cli.run("push", "--check", "--publish").code == 0


def test_publish_moves_the_published_version_and_labels(cli: Cli, stack: LocalRun, slug: str) -> None:
    cli.prepare("push")
    edit(cli, slug, "Be kind.", "Be very kind.")
    cli.prepare("push")

    latest = cli.run("publish", slug)
    after = versions(stack, slug)
    back = cli.run("publish", slug, "--version", "1")
    labelled = cli.run("publish", slug, "--label", "staging")
    unknown = cli.run("publish", slug, "--label", "nowhere")
    missing = cli.run("publish", f"{slug}-nothing")

    assert (latest.output, after[0][:2]) == (f"Published version 2 of {slug} on {stack.base_url}\n", (2, "active"))
    assert (back.code, versions(stack, slug)[1][:2]) == (0, (1, "active"))
    assert labelled.output == f"Label staging is on version 2 of {slug} on {stack.base_url}\n"
    assert "very kind" in cli.run("render", f"{slug}@staging").output
    assert (unknown.code, unknown.errors) == (
        1,
        "Error: There is no label 'nowhere'; known are production, staging, development; "
        "POST /v1/labels makes others\n",
    )
    assert (missing.code, missing.errors) == (
        1,
        f"Error: The stack has no '{slug}-nothing': 'promptside push' sends it\n",
    )


def test_errors_say_what_to_do(cli: Cli, slug: str) -> None:
    edit(cli, slug, "Be kind.", "Be {{#kind}}.")

    template = cli.run("push")
    refused = cli.run("--url", "http://127.0.0.1:9/v1", "keys", "list")
    key = cli.run("--api-key", "ps-a-wrong-key-of-mine", "keys", "list")
    target = cli.run("-t", "nowhere", "keys", "list")
    command = cli.run("pull", "--nonsense")

    assert template.errors.splitlines()[1].startswith(f"  prompts/{slug}.yaml:10:10: Unclosed section")
    assert refused.errors == "Error: Nothing answers on http://127.0.0.1:9/v1: is 'make run' running?\n"
    assert key.errors.splitlines()[1].endswith("comes from PROMPTSIDE_API_KEY or --api-key.")
    assert "no target 'nowhere'" in target.errors
    assert [item.code for item in (template, refused, key, target, command)] == [1, 1, 1, 1, 2]
    assert not any("Traceback" in item.errors for item in (template, refused, key, target, command))


def test_a_refusal_of_the_stack_names_the_file(cli: Cli, slug: str) -> None:
    edit(cli, slug, f"{{{{>{slug}-tone}}}}", "{{>nothing-like-it}}")

    result = cli.run("push")

    assert (result.code, result.errors) == (
        1,
        f"Error: prompts/{slug}.yaml: Unknown partial 'nothing-like-it': create it first\n",
    )


def test_a_run_streams_to_a_terminal_as_tokens_come(cli: Cli, slug: str) -> None:
    cli.prepare("push")
    PROVIDER.reply = sse_reply([chunk("One, "), chunk("two."), chunk(None, "stop"), b"data: [DONE]\n\n"])

    result = cli.in_terminal("run", slug, "-v", "name=Grace")

    assert (result.code, result.output) == (0, "One, two.\r\n")


def test_the_first_token_shows_before_the_last_one_is_made(cli: Cli, slug: str) -> None:
    cli.prepare("push")
    seen = threading.Event()
    PROVIDER.reply = sse_reply([chunk("One, "), seen, chunk("two."), chunk(None, "stop"), b"data: [DONE]\n\n"])

    with cli.start("run", slug, "-v", "name=Grace") as process:
        assert process.stdout is not None
        first = process.stdout.read(5)
        seen.set()
        rest = process.stdout.read()

    assert (first, rest, process.returncode) == ("One, ", "two.\n", 0)


def test_a_stream_that_breaks_shows_what_came_and_fails(cli: Cli, slug: str) -> None:
    cli.prepare("push")
    PROVIDER.reply = sse_reply([chunk("One, "), Fault.CUT])

    result = cli.run("run", slug, "-v", "name=Grace")

    assert (result.code, result.output) == (1, "One, \n")
    assert result.errors.startswith("Error: ")
    assert len(result.errors.splitlines()) == 1


def test_a_whole_answer_and_its_json(cli: Cli, slug: str) -> None:
    cli.prepare("push")
    whole = {
        "id": "c", "object": "chat.completion", "created": 1, "model": "gpt-6-luna",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
    }  # fmt: skip
    PROVIDER.reply = Reply(200, {"content-type": "application/json"}, [json.dumps(whole).encode()])

    text = cli.run("run", slug, "--no-stream")
    answer = cli.run("run", slug, "--no-stream", "--json", "-p", "max_tokens=3")

    assert (text.output, text.errors) == (
        "Hi\n",
        f"With the example values of prompts/{slug}.yaml; -v name=value sets others\n",
    )
    assert json.loads(answer.output)["choices"][0]["message"]["content"] == "Hi"


def test_a_rendering_takes_text_json_and_files(cli: Cli, slug: str) -> None:
    cli.prepare("push")
    (cli.folder / "name.txt").write_text("Grace")

    result = cli.run(
        "render", slug, "-v", "name=@name.txt", "-v", 'chat_history:=[{"role": "user", "content": "Before"}]', "--plan"
    )
    bad = cli.run("render", slug, "-v", "name:=[")

    assert "- role: user\n    content: Before\n" in result.output
    assert "Hello, Grace." in result.output
    assert "provider: openai" in result.output
    assert (bad.code, "must be JSON" in bad.errors) == (2, True)


def test_keys_are_made_listed_rotated_and_revoked(cli: Cli, stack: LocalRun, slug: str) -> None:
    created = cli.run("keys", "create", slug, "-s", "prompts.list")
    key = created.output.strip()
    listed = next(line for line in cli.run("keys", "list").output.splitlines() if slug in line)
    identifier = listed.split()[0]
    may = stack.call("GET", "/prompts", key=key)[0]
    rotated = cli.run("keys", "rotate", identifier, "--overlap", "2h").output.strip()
    both = [stack.call("GET", "/prompts", key=one)[0] for one in (key, rotated)]
    kept = cli.in_terminal("keys", "revoke", identifier, typed=[("[y/N]", "n")])
    revoked = cli.run("keys", "revoke", identifier, "--yes")

    assert key.startswith("ps-")
    assert key not in created.errors
    assert (may, both) == (200, [200, 200])
    assert "shut out at once" in kept.output
    assert (kept.code, revoked.code) == (1, 0)
    assert [stack.call("GET", "/prompts", key=one)[0] for one in (key, rotated)] == [401, 401]


def test_long_work_shows_its_progress_in_a_terminal_only(cli: Cli, stack: LocalRun, slug: str) -> None:
    for number in range(5):
        copy = cli.folder / "prompts" / f"{slug}-{number}.yaml"
        copy.write_text(GREETING.replace("tone", f"{slug}-tone"))

    shown = cli.in_terminal("push")
    again = cli.run("push")

    assert shown.code == 0
    assert re.search(rf"Sending {slug}.*\d/7", shown.output)
    assert shown.output.splitlines()[-1] == f"7 created, 0 unchanged on {stack.base_url}"
    assert (again.output, again.errors) == (f"Nothing to do: 7 files and {stack.base_url} agree\n", "")


def test_init_writes_an_example_that_can_be_pushed_and_run(tmp_path: Path, stack: LocalRun) -> None:
    new = Cli(tmp_path, stack.base_url)

    made = new.run("init")
    pushed = new.run("push", "--publish")
    PROVIDER.reply = sse_reply([chunk("A haiku."), chunk(None, "stop"), b"data: [DONE]\n\n"])
    run = new.run("run", "haiku")
    again = new.run("init")

    assert (made.code, pushed.code, run.code, run.output) == (0, 0, 0, "A haiku.\n")
    assert (tmp_path / ".gitignore").read_text() == "promptside.lock\n"
    assert (again.code, "already" in again.errors) == (1, True)


def test_the_script_works_from_any_folder_and_is_not_fooled_by_its_names(tmp_path: Path) -> None:
    (tmp_path / "cli").mkdir()
    (tmp_path / "cli" / "__init__.py").write_text("raise SystemExit('the wrong one')")
    link = tmp_path / "linked"
    link.symlink_to(CHECKOUT / "promptside")

    result = subprocess.run([link, "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)

    assert (result.returncode, result.stdout.splitlines()[0]) == (0, "Usage: promptside [OPTIONS] COMMAND [ARGS]...")


def test_the_prompts_of_this_checkout_agree_with_the_local_run(tmp_path: Path, stack: LocalRun) -> None:
    shutil.copytree(CHECKOUT / "prompts", tmp_path / "prompts")

    result = Cli(tmp_path, stack.base_url).run("push", "--check", "--publish")

    assert (result.code, result.output, result.errors) == (0, "Files and stack agree: 6 files\n", "")

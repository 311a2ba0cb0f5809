import http.client
import json
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.functions.local_run import CHECKOUT, KEY, SECONDS, LocalRun, local_run
from tests.upstream import Fault, Reply, Upstream, json_reply, sse_reply

VARIABLES = {"name": "Grace", "goal": "see it work"}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    """One instance without any provider's key, for the tests that leave it as it is."""
    with local_run(tmp_path_factory.mktemp("demo")) as running:
        running.line("console.log")
        yield running


def chunk(content: str | None, finish_reason: str | None = None) -> bytes:
    delta = {} if content is None else {"content": content}
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    data = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-6-luna", "choices": [choice]}
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def example_stream(*_: Any) -> Reply:
    return sse_reply([chunk("Welcome."), chunk(None, "stop"), b"data: [DONE]\n\n"])


def read_event(answer: http.client.HTTPResponse) -> Any:
    """Return the next event's data."""
    while line := answer.readline():
        if line.startswith(b"data: {"):
            return json.loads(line[6:])
        if line.startswith(b"data: [DONE]"):
            return "[DONE]"
    return None


def test_the_start_shows_a_completion_and_what_to_paste(demo: LocalRun) -> None:
    shown = "\n".join(demo.lines)

    assert "This is the demo provider of promptside" in shown
    assert "Please welcome Ada of Analytical Engines, who wants to run prompts without redeploying." in shown
    assert f'Portkey(base_url="{demo.base_url}", api_key="{KEY}")' in shown
    offered = demo.line("Demo:")
    for provider in ("anthropic (ANTHROPIC_API_KEY)", "bedrock (AWS credentials)", "openai (OPENAI_API_KEY)"):
        assert provider in offered
    assert demo.errors == []


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_printed_curl_line_works_as_it_stands(demo: LocalRun) -> None:
    start = next(number for number, line in enumerate(demo.lines) if line.startswith("  curl"))
    command = "\n".join(demo.lines[start : start + 3])

    result = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=SECONDS, check=True)

    assert result.stdout.startswith("data: {")
    assert result.stdout.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("path", ["/healthz", "/v1/healthz"])
def test_health_is_ok_once_it_is_ready(demo: LocalRun, path: str) -> None:
    status, answer = demo.call("GET", path.removeprefix("/v1"))

    assert (status, answer) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", sorted((CHECKOUT / "prompts").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_runs_on_the_demo_and_says_so(demo: LocalRun, path: Path) -> None:
    from cli.prompt_files import load_prompt

    status, answer = demo.run(path.stem, load_prompt(path).variables)

    assert (status, answer["model"], answer["provider"]) == (200, "demo", "demo")
    assert "demo provider of promptside" in json.dumps(answer["choices"])


def test_a_key_is_needed(demo: LocalRun) -> None:
    status, answer = demo.run("welcome", VARIABLES, key="ps-not-the-right-key-at-all")

    assert (status, answer["error"]["code"]) == (401, "invalid_api_key")


def test_a_body_of_ten_megabytes_is_refused_and_the_next_call_works(demo: LocalRun) -> None:
    status, answer = demo.run("welcome", {"name": "x" * 10_000_000})

    assert (status, answer["error"]["code"]) == (413, "payload_too_large")
    assert demo.run("welcome", VARIABLES)[0] == 200


def test_bad_http_is_answered_and_the_next_call_works(demo: LocalRun) -> None:
    host, port = demo.base_url.removeprefix("http://").removesuffix("/v1").split(":")
    with socket.create_connection((host, int(port)), timeout=SECONDS) as client:
        client.sendall(b"NONSENSE\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 400 Bad Request")

    assert demo.call("GET", "/healthz")[0] == 200


def test_a_port_in_use_is_one_line_and_touches_nothing(demo: LocalRun, tmp_path: Path) -> None:
    port = demo.base_url.removesuffix("/v1").rpartition(":")[2]

    with local_run(tmp_path / "state", PORT=port) as second:
        code = second.wait()

    assert code == 1
    assert second.lines == []
    assert second.errors == [
        f"Port {port} is in use, maybe by another promptside. Stop it, or choose another: make run PORT=9797"
    ]
    assert not (tmp_path / "state").exists()


def test_a_bad_setting_is_one_line(tmp_path: Path) -> None:
    with local_run(tmp_path, PORT="eighty") as running:
        code = running.wait()

    assert (code, running.errors) == (1, ["PORT must be a number from 0 to 65535, where 0 means any free port"])


def test_a_state_directory_serves_one_instance(tmp_path: Path) -> None:
    with local_run(tmp_path) as first:
        assert first.base_url
        with local_run(tmp_path) as second:
            code = second.wait()

    assert code == 1
    assert second.errors == [
        f"Another promptside (process {first.process.pid}) is using {tmp_path}. Stop it, or set PROMPTSIDE_STATE_DIR "
        "to another directory"
    ]


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_cleanly_also_while_a_stream_is_open(tmp_path: Path, signal_number: int) -> None:
    with (
        Upstream(example_stream, sse_reply([chunk("Hello"), Fault.HANG])) as upstream,
        local_run(tmp_path, OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=f"{upstream.url}/v1") as running,
    ):
        running.line("console.log")
        with running.open("POST", "/prompts/welcome/completions", {"variables": VARIABLES, "stream": True}) as answer:
            read_event(answer)
            code = running.end(signal_number)

    assert (code, running.errors, running.lines[-1]) == (0, [], "Stopped.")


def test_keys_and_prompts_survive_a_restart(tmp_path: Path) -> None:
    with local_run(tmp_path, PROMPTSIDE_API_KEY="ps-a-key-of-my-own-choice") as running:
        before = running.run("welcome", VARIABLES, key="ps-a-key-of-my-own-choice")
        assert running.end() == 0

    with local_run(tmp_path) as again:
        after = again.run("welcome", VARIABLES, key="ps-a-key-of-my-own-choice")

    assert (before[0], after[0]) == (200, 200)
    assert before[1]["choices"] == after[1]["choices"]


def test_a_killed_process_loses_nothing_and_leaves_nothing_running(tmp_path: Path) -> None:
    mine = {
        "name": "Mine",
        "string": '[{"role": "user", "content": "Mine, {{name}}"}]',
        "parameters": {},
        "virtual_key": "openai",
        "model": "m",
    }
    with local_run(tmp_path) as running:
        slug = running.call("POST", "/prompts", mine)[1]["slug"]
        running.call("PUT", "/prompts/welcome", {**mine, "name": "Welcome"})
        published = running.call("PUT", "/prompts/welcome/makeDefault", {"version": 2})
        visible = running.run("welcome", VARIABLES)[1]["choices"][0]["message"]["content"]
        running.end(signal.SIGKILL)

        with local_run(tmp_path) as again:
            texts = [again.run(name, VARIABLES)[1]["choices"][0]["message"]["content"] for name in ("welcome", slug)]

    assert published == (200, {})
    assert visible.endswith("It ends: Mine, Grace")
    assert texts == [visible, visible]


def test_management_answers_on_the_same_address(demo: LocalRun) -> None:
    status, prompts = demo.call("GET", "/prompts?search=welc")
    missing = demo.call("GET", "/nowhere")

    assert (status, [prompt["slug"] for prompt in prompts["data"]]) == (200, ["welcome"])
    assert (missing[0], missing[1]["error"]["code"]) == (404, "route_not_found")


def test_a_provider_with_a_key_in_the_environment_is_live(tmp_path: Path) -> None:
    answer = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-6-luna",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
    }
    with (
        Upstream(example_stream, json_reply(answer)) as upstream,
        local_run(tmp_path, OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=f"{upstream.url}/v1") as running,
    ):
        assert running.line("Live:") == "Live:  openai"
        assert running.line("Welcome.") == "Welcome."
        status, completion = running.run("welcome", VARIABLES)
        other = running.run("order-desk", {"chat_history": [], "question": "Hello?"})
        sent = upstream.requests[1]

    assert (status, completion["provider"], completion["model"]) == (200, "openai", "gpt-6-luna")
    assert (sent.path, sent.headers["authorization"]) == ("/v1/chat/completions", "Bearer sk-test")
    assert (other[0], other[1]["provider"]) == (200, "demo")


def test_a_stream_arrives_piece_by_piece_and_its_upstream_closes_with_the_client(tmp_path: Path) -> None:
    first_seen = threading.Event()
    reply = sse_reply([chunk("one"), first_seen, chunk("two"), Fault.HANG])
    with (
        Upstream(example_stream, reply) as upstream,
        local_run(tmp_path, OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=f"{upstream.url}/v1") as running,
    ):
        running.line("console.log")
        with running.open("POST", "/prompts/welcome/completions", {"variables": VARIABLES, "stream": True}) as answer:
            first = read_event(answer)["choices"][0]["delta"]["content"]
            first_seen.set()
            second = read_event(answer)["choices"][0]["delta"]["content"]
        # The client has left now; ticks of a second are how the server notices.
        closed = upstream.requests[1].client_closed.wait(3)

    assert (first, second, closed) == ("one", "two", True)


def test_the_end_of_the_store_is_the_end_of_the_run(tmp_path: Path) -> None:
    with local_run(tmp_path) as running:
        running.line("console.log")
        children = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children")
        if not children.exists():
            pytest.skip("needs /proc")
        subprocess.run(["kill", "-9", *children.read_text().split()], check=True)
        code = running.wait()

    assert code == 1
    assert running.errors[-1].startswith("The local store ended unexpectedly")

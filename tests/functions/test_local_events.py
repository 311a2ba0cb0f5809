"""The local run without callers: messages, events, files and batches, as docs/events.md has them."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.resources import BUCKET, BUS, DEAD_LETTERS, ORDERED_RUNS, RESULTS, RUNS, QueueUrls
from tests.functions.cli_run import Cli
from tests.functions.local_run import LocalRun, local_run
from tests.upstream import Reply, Request, Upstream, json_reply


class Provider:
    """OpenAI, as far as these tests need it: refuses `bad`, holds `slow` until `go` is set, answers all others."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go = threading.Event()
        self.held = threading.Event()

    def __call__(self, request: Request) -> Reply:
        text = json.loads(request.body)["messages"][-1]["content"]
        self.asked.append(text)
        if "slow" in text:
            self.held.set()
            self.go.wait(20)
        if "bad" in text:
            return json_reply({"error": {"message": "No.", "type": "invalid_request_error"}}, status=400)
        message = {"role": "assistant", "content": f"Hello to: {text}"}
        return json_reply(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1,
                "model": "gpt-6-luna",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
            }
        )

    def times(self, name: str) -> int:
        """Return how often it was asked about somebody."""
        return sum(name in text for text in self.asked)


class Stack:
    """A local run with a prompt `hello` for the variable `name`, and clients for what is one port above."""

    def __init__(self, running: LocalRun, state: Path, provider: Provider) -> None:
        self.running = running
        self.state = state
        self.provider = provider
        self.url = running.line("Events:").split()[6]
        self.queues = QueueUrls(self.url)
        # The first call waits until everything is there.
        assert running.call("GET", "/batches")[0] == 200

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )

    def send(self, request: Any, queue: str = RUNS, **more: Any) -> None:
        body = request if isinstance(request, str) else json.dumps(request)
        self.client("sqs").send_message(QueueUrl=self.queues.of(queue), MessageBody=body, **more)

    def take(self, queue: str) -> dict[str, Any]:
        """Return the next message of a queue, which no other test will see."""
        sqs = self.client("sqs")
        url = self.queues.of(queue)
        found = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20, MessageAttributeNames=["All"])["Messages"][0]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=found["ReceiptHandle"])
        message: dict[str, Any] = found
        return message

    def result(self) -> dict[str, Any]:
        """Return the next event that the stack announces."""
        event: dict[str, Any] = json.loads(self.take(RESULTS)["Body"])
        return event


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    provider, state = Provider(), tmp_path_factory.mktemp("state")
    with Upstream() as upstream:
        upstream.default = provider
        with local_run(state, OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=f"{upstream.url}/v1") as running:
            stack = Stack(running, state, provider)
            prompt = {
                "name": "Hello",
                "slug": "hello",
                "virtual_key": "openai",
                "model": "gpt-6-luna",
                "string": json.dumps([{"role": "user", "content": "Greet {{name}}"}]),
                "parameters": {},
            }
            status, answer = running.call("POST", "/prompts", prompt)
            assert status == 200, answer
            provider.asked.clear()
            yield stack
            provider.go.set()


@pytest.fixture
def cli(tmp_path: Path, stack: Stack) -> Cli:
    return Cli(tmp_path, stack.running.base_url)


def ask(name: str, **more: Any) -> dict[str, Any]:
    return {"prompt_id": "hello", "variables": {"name": name}, **more}


def test_a_message_is_run_recorded_and_announced(stack: Stack) -> None:
    stack.send(ask("ann", correlation_id="order-17"))

    event = stack.result()
    status, record = stack.running.call("GET", f"/runs/{event['detail']['run_id']}")

    assert (event["detail-type"], event["detail"]["correlation_id"]) == ("Prompt Run Completed", "order-17")
    assert event["detail"]["response"]["choices"][0]["message"]["content"] == "Hello to: Greet ann"
    assert (status, record["status"], record["source"], record["usage"]["total_tokens"]) == (
        200,
        "completed",
        "sqs",
        12,
    )


def test_two_messages_with_one_key_are_paid_for_once(stack: Stack) -> None:
    stack.send(ask("twice", idempotency_key="k-1"))
    first = stack.result()
    stack.send(ask("twice", idempotency_key="k-1"))
    second = stack.result()

    assert first["detail"]["response"] == second["detail"]["response"]
    assert stack.provider.times("twice") == 1


def test_a_poison_message_is_set_aside_with_its_reason(stack: Stack) -> None:
    stack.send("not json")

    message = stack.take(DEAD_LETTERS)
    reason = json.loads(message["MessageAttributes"]["promptside_reason"]["StringValue"])

    assert message["Body"] == "not json"
    assert (reason["status"], reason["receives"]) == (400, 1)


def test_an_ordered_message_is_run_as_well(stack: Stack) -> None:
    stack.send(ask("ordered"), ORDERED_RUNS, MessageGroupId="g", MessageDeduplicationId="d-1")

    assert stack.result()["detail"]["response"]["choices"][0]["message"]["content"] == "Hello to: Greet ordered"


def test_groups_of_ordered_messages_number_them_for_themselves(stack: Stack) -> None:
    for group in ("ada", "bob"):
        stack.send(ask(group), ORDERED_RUNS, MessageGroupId=group, MessageDeduplicationId="step-1")

    said = {stack.result()["detail"]["response"]["choices"][0]["message"]["content"] for _ in range(2)}
    assert said == {"Hello to: Greet ada", "Hello to: Greet bob"}


def test_an_event_on_the_bus_is_a_request(stack: Stack) -> None:
    entry = {"EventBusName": BUS, "Source": "shop", "DetailType": "Prompt Run Requested"}
    stack.client("events").put_events(Entries=[{**entry, "Detail": json.dumps(ask("eve", correlation_id="e-1"))}])

    assert stack.result()["detail"]["correlation_id"] == "e-1"


def test_a_file_in_the_folder_becomes_a_batch(stack: Stack) -> None:
    folder = stack.state / "inbox" / "hello"
    folder.mkdir(parents=True, exist_ok=True)
    lines = ['{"variables": {"name": "f1"}}', "oops", '{"custom_id": "c", "variables": {"name": "f2 bad"}}']
    (folder / "people.jsonl").write_text("\n".join(lines))

    detail = stack.result()["detail"]
    errors = stack.state / "objects" / "000000000000" / BUCKET / detail["errors"]["key"]

    assert detail["counts"] == {"total": 3, "completed": 1, "failed": 2, "cancelled": 0, "expired": 0, "blank": 0}
    assert [(entry["line"], entry["custom_id"]) for entry in map(json.loads, errors.read_text().splitlines())] == [
        (2, None),
        (3, "c"),
    ]
    assert (stack.provider.times("f1"), stack.provider.times("f2")) == (1, 1)


def test_the_command_line_runs_every_line_of_a_file(stack: Stack, cli: Cli) -> None:
    (cli.folder / "people.csv").write_text("custom_id,name\na,p1\nb,p2\n")

    done = cli.run("batch", "run", "people.csv", "--prompt", "hello", "--output", "out.jsonl")
    stack.result()
    entries = [json.loads(line) for line in (cli.folder / "out.jsonl").read_text().splitlines()]

    assert (done.code, done.output) == (0, "")
    assert done.errors.splitlines()[-1] == "Completed: 2 of 2 lines, 0 failed"
    texts = {e["custom_id"]: e["response"]["body"]["choices"][0]["message"]["content"] for e in entries}
    assert texts == {"a": "Hello to: Greet p1", "b": "Hello to: Greet p2"}
    assert not (cli.folder / "out.errors.jsonl").exists()


def test_a_line_that_fails_is_shown_and_ends_with_code_1(stack: Stack, cli: Cli) -> None:
    (cli.folder / "a.jsonl").write_text('{"variables": {"name": "q1"}}\n{"variables": {"name": "q2 bad"}}\n')

    done = cli.run("batch", "run", "a.jsonl", "--prompt", "hello", "-o", "out.jsonl")
    stack.result()

    assert done.code == 1
    assert done.errors.splitlines()[-2:] == [
        "  line-2: openai error: No. (invalid_request)",
        "Completed: 1 of 2 lines, 1 failed",
    ]
    assert json.loads((cli.folder / "out.errors.jsonl").read_text())["custom_id"] == "line-2"


def test_without_an_output_results_go_to_the_pipe(stack: Stack, cli: Cli) -> None:
    (cli.folder / "a.jsonl").write_text('{"variables": {"name": "r1"}}\n')

    done = cli.run("batch", "run", "a.jsonl", "-p", "hello")
    stack.result()

    assert json.loads(done.output)["response"]["status_code"] == 200


def test_a_batch_goes_on_when_it_is_left_and_can_be_come_back_to(stack: Stack, cli: Cli) -> None:
    (cli.folder / "a.jsonl").write_text('{"variables": {"name": "slow one"}}\n')

    with cli.start("batch", "run", "a.jsonl", "-p", "hello") as left:
        assert stack.provider.held.wait(20)
        left.send_signal(signal.SIGINT)
        errors = left.communicate()[1]
    stack.provider.go.set()
    batch_id = errors.split()[-2]
    back = cli.run("batch", "status", batch_id, "--wait", "-o", "out.jsonl")
    stack.result()

    assert left.returncode == 130
    assert errors.splitlines()[-1] == (f"The batch goes on. Come back with: promptside batch status {batch_id} --wait")
    assert back.code == 0
    assert stack.provider.times("slow one") == 1
    assert cli.run("batch", "status", batch_id).output == "completed: 1 of 1 completed, 0 failed\n"
    assert batch_id in cli.run("batch", "list").output
    runs = cli.run("runs", "list", "--batch", batch_id).output.splitlines()
    assert (len(runs), runs[1].split()[1:5]) == (2, ["completed", "hello", "batch", "1"])
    assert json.loads(cli.run("runs", "get", runs[1].split()[0]).output)["batch_id"] == batch_id


def test_a_batch_is_cancelled_when_that_was_asked_for(stack: Stack, cli: Cli) -> None:
    (cli.folder / "a.jsonl").write_text('{"variables": {"name": "slow two"}}\n')
    stack.provider.held.clear()
    stack.provider.go.clear()

    with cli.start("batch", "run", "a.jsonl", "-p", "hello", "--cancel", "-o", "out.jsonl") as left:
        assert stack.provider.held.wait(20)
        left.send_signal(signal.SIGINT)
        assert left.stderr is not None
        said = [line for line in iter(left.stderr.readline, "Cancelling: what has begun is finished first\n") if line]
        stack.provider.go.set()
        errors = left.communicate()[1]
    stack.result()

    assert said[0].startswith("Batch batch_")
    assert (left.returncode, errors.splitlines()[-1]) == (1, "Cancelled: 1 of 1 lines, 0 failed")


def test_a_terminal_shows_a_bar(stack: Stack, cli: Cli) -> None:
    (cli.folder / "a.jsonl").write_text('{"variables": {"name": "t1"}}\n')

    shown = cli.in_terminal("batch", "run", "a.jsonl", "-p", "hello", "-o", "out.jsonl")
    stack.result()

    assert shown.code == 0
    assert "1/1" in shown.output
    assert shown.output.rstrip().endswith("Completed: 1 of 1 lines, 0 failed")


def test_a_batch_can_be_started_and_left(stack: Stack, cli: Cli) -> None:
    (cli.folder / "a.jsonl").write_text('{"variables": {"name": "u1"}}\n')

    started = cli.run("batch", "run", "a.jsonl", "-p", "hello", "--no-wait")
    event = stack.result()

    assert (started.code, started.output, started.errors) == (0, event["detail"]["batch_id"] + "\n", "")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("batch", "run", "a.jsonl", "-p", "no-such-prompt"), "Error: Prompt 'no-such-prompt' not found"),
        (("batch", "status", "batch_none"), "Error: Batch 'batch_none' not found"),
        (("batch", "cancel", "batch_none"), "Error: Batch 'batch_none' not found"),
        (("runs", "get", "run_none"), "Error: Run 'run_none' not found"),
    ],
)
def test_what_is_not_there_is_named(cli: Cli, arguments: tuple[str, ...], error: str) -> None:
    (cli.folder / "a.jsonl").write_text('{"variables": {"name": "n"}}\n')

    done = cli.run(*arguments)

    assert (done.code, done.errors.splitlines()) == (1, [error])


def test_a_large_file_is_sent_in_parts_and_fetched_by_a_link(stack: Stack, cli: Cli) -> None:
    filling = "x" * 700_000
    (cli.folder / "a.jsonl").write_text(
        "".join(json.dumps({"variables": {"name": f"large{n} {filling}"}}) + "\n" for n in range(7))
    )

    done = cli.run("batch", "run", "a.jsonl", "-p", "hello", "-o", "out.jsonl")
    stack.result()

    assert done.code == 0, done.errors
    assert len((cli.folder / "out.jsonl").read_text().splitlines()) == 7

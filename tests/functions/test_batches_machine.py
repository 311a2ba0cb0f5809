"""The state machine's definition as it is deployed, executed by an engine that knows nothing of it."""

from __future__ import annotations

import io
import json
import re
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from promptside.batches.starting import cancel_batch
from promptside.errors import JsonObject
from tests.batch_runs import BatchRuns, codes, request_line
from tests.engines import Engine
from tests.event_runs import ANSWER
from tests.upstream import Upstream, json_reply

DEFINITION = Path(__file__).parents[2] / "statemachines" / "batch.asl.json"
FORWARDER = """
import json, urllib.request
def handler(event, context):
    request = urllib.request.Request("{url}", json.dumps(event).encode(), method="POST")
    with urllib.request.urlopen(request) as answer:
        found = json.load(answer)
    if "error" in found:
        raise type(found["error"], (Exception,), dict())(found["message"])
    return found["result"]
"""
ROLE = "arn:aws:iam::000000000000:role/tests"
SECONDS = 20.0

Step = Callable[[JsonObject], Any]


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        running.default = json_reply(ANSWER)
        yield running


def test_the_machine_plans_runs_and_finishes_a_batch(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    batch = runs.submit([*(request_line(f"c{number}") for number in range(25)), "bad"])

    seen, status = executed(runs, batch.batch_id)

    record = runs.get(batch.batch_id)
    assert status == "SUCCEEDED"
    assert sorted(seen) == ["finish-batch", "plan-batch", "run-chunk", "run-chunk"]
    assert (record.status, record.tally.completed, record.tally.failed) == ("completed", 25, 1)
    assert len(upstream.requests) == 25


def test_the_machine_invokes_an_unfinished_chunk_again(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    busy = json_reply({"error": {"message": "busy"}}, status=429, headers={"retry-after": "61"})
    upstream.enqueue(busy, busy)
    batch = runs.submit([request_line("a"), request_line("b")])

    seen, status = executed(runs, batch.batch_id)

    assert (status, seen) == ("SUCCEEDED", ["plan-batch", "run-chunk", "run-chunk", "finish-batch"])
    assert runs.get(batch.batch_id).tally.completed == 2


def test_a_batch_without_lines_ends_as_failed(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    batch = runs.submit([])

    seen, status = executed(runs, batch.batch_id)

    record = runs.get(batch.batch_id)
    assert (status, seen) == ("SUCCEEDED", ["plan-batch", "finish-batch"])
    assert (record.status, record.problems[0]["code"]) == ("failed", "empty_file")


def test_a_cancelled_batch_runs_through_the_machine_to_its_end(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    batch = runs.submit([request_line("a")])
    cancel_batch(runs.services, batch.batch_id)

    _, status = executed(runs, batch.batch_id)

    assert status == "SUCCEEDED"
    assert runs.get(batch.batch_id).status == "cancelled"
    assert codes(runs.errors(batch.batch_id)) == [(1, "a", "batch_cancelled")]


def test_a_chunk_that_crashes_for_good_leaves_errors_and_not_a_hanging_batch(
    engine: Engine, upstream: Upstream
) -> None:
    runs = BatchRuns(engine, upstream.url)
    batch = runs.submit([request_line(f"c{number}") for number in range(21)])

    def crash(event: JsonObject) -> Any:
        if event["promptside"] == "run-chunk" and event["chunk"]["chunk"] == 1:
            raise MemoryError
        return step(runs)(event)

    seen, status = executed(runs, batch.batch_id, crash)

    assert status == "SUCCEEDED"
    assert seen.count("run-chunk") == 1 + 1 + 2
    assert codes(runs.errors(batch.batch_id)) == [(21, "c20", "batch_line_unknown")]


def test_a_plan_that_crashes_for_good_fails_the_batch(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    batch = runs.submit([request_line("a")])

    def crash(event: JsonObject) -> Any:
        if event["promptside"] == "plan-batch":
            raise MemoryError
        return step(runs)(event)

    seen, status = executed(runs, batch.batch_id, crash)

    record = runs.get(batch.batch_id)
    assert (status, seen) == ("FAILED", [*["plan-batch"] * 3, "fail-batch"])
    assert (record.status, record.problems[0]["code"]) == ("failed", "batch_failed")
    assert record.problems[0]["message"].startswith("The batch could not be run: ")
    assert [kind for kind, _ in runs.bus.details()] == ["Prompt Batch Failed"]


def step(runs: BatchRuns) -> Step:
    """Return what the events function does with a step."""
    return lambda event: runs.step(event.pop("promptside"), event.pop("batch_id"), **event)


def executed(runs: BatchRuns, batch_id: str, function: Step | None = None) -> tuple[list[str], str]:
    """Execute the definition for a batch; return the steps that were asked for, and the execution's status."""
    seen: list[str] = []

    def answer(event: JsonObject) -> Any:
        seen.append(event["promptside"])
        return (function or step(runs))(event)

    with listening(answer) as url, deployed(runs.engine, url) as arn:
        machines = runs.engine.client("stepfunctions")
        definition = DEFINITION.read_text().replace("${EventsFunctionArn}", arn).replace("${Partition}", "aws")
        # Nobody waits for the pauses between tries.
        definition = definition.replace('"MaxDelaySeconds"', '"IntervalSeconds": 0, "MaxDelaySeconds"')
        definition = re.sub(r'"MaxAttempts": (12|20)\b', '"MaxAttempts": 2', definition)
        machine = machines.create_state_machine(name=f"m-{batch_id}", definition=definition, roleArn=ROLE)
        name = machine["stateMachineArn"]
        execution = machines.start_execution(stateMachineArn=name, input=json.dumps({"batch_id": batch_id}))
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            found = machines.describe_execution(executionArn=execution["executionArn"])
            if found["status"] != "RUNNING":
                return seen, found["status"]
            time.sleep(0.02)
    raise AssertionError(f"the execution had not ended after {SECONDS} s: {seen}")


@contextmanager
def deployed(engine: Engine, url: str) -> Iterator[str]:
    """Deploy a function that forwards its events to `url`; yield its ARN."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", FORWARDER.replace("{url}", url))
    functions = engine.client("lambda")
    name = f"forward-{url.rpartition(':')[2]}"
    made = functions.create_function(
        FunctionName=name, Runtime="python3.11", Role=ROLE, Handler="app.handler", Code={"ZipFile": code.getvalue()}
    )
    yield made["FunctionArn"]
    functions.delete_function(FunctionName=name)


@contextmanager
def listening(answer: Step) -> Iterator[str]:
    """Serve `answer` over HTTP; yield its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            event = json.loads(self.rfile.read(int(self.headers["content-length"])))
            try:
                found = {"result": answer(event)}
            except Exception as exc:  # as Lambda does
                found = {"error": type(exc).__name__, "message": str(exc)}
            body = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()

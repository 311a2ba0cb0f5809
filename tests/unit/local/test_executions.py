import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.executions import MACHINE_ARN, Executions
from local.state_machine import World
from promptside.api.http import HttpRequest

SECONDS = 10.0
DEFINITION = {"StartAt": "Work", "States": {"Work": {"Type": "Task", "Resource": "${EventsFunctionArn}", "End": True}}}
INPUT = '{"batch_id": "batch_1"}'


class Machine:
    """Executions over a folder; `invoke` is the events function."""

    def __init__(self, folder: Path, invoke: Callable[[Any], Any]) -> None:
        path = folder / "machine.json"
        path.write_text(json.dumps(DEFINITION))
        self.kept = folder / "executions"
        self.executions = Executions(self.kept, path, lambda: World(invoke=invoke, read=lambda _bucket, _key: b""))

    def call(self, operation: str, /, **body: Any) -> tuple[int, Any]:
        headers = {"x-amz-target": f"AWSStepFunctions.{operation}"}
        answer = self.executions(HttpRequest("POST", "/", headers, body=json.dumps(body).encode()))
        assert isinstance(answer.body, bytes)
        return answer.status, json.loads(answer.body)

    def start(self, name: str = "batch_1", given: str = INPUT) -> tuple[int, Any]:
        return self.call("StartExecution", stateMachineArn=MACHINE_ARN, name=name, input=given)

    def files(self) -> list[str]:
        return sorted(path.name for path in self.kept.glob("*"))


def end_all() -> None:
    for thread in threading.enumerate():
        if thread.name.startswith("execution-"):
            thread.join(SECONDS)


def test_an_execution_runs_in_the_background_and_leaves_no_file(tmp_path: Path) -> None:
    calls: list[Any] = []
    machine = Machine(tmp_path, calls.append)

    status, started = machine.start()
    end_all()

    assert (status, started["executionArn"].rpartition(":")[2]) == (200, "batch_1")
    assert calls == [{"batch_id": "batch_1"}]
    assert machine.call("DescribeExecution", executionArn=started["executionArn"])[1]["status"] == "SUCCEEDED"
    assert machine.files() == []


def test_a_name_is_started_once_with_one_input(tmp_path: Path) -> None:
    calls: list[Any] = []
    machine = Machine(tmp_path, calls.append)
    machine.start()
    end_all()

    assert machine.start()[0] == 200
    assert machine.start(given="{}") == (
        400,
        {"__type": "ExecutionAlreadyExists", "message": "There is an execution 'batch_1' with another input"},
    )
    assert len(calls) == 1


def test_what_had_not_ended_is_run_again_by_the_next_process(tmp_path: Path) -> None:
    began, never = threading.Event(), threading.Event()

    def hang(_: Any) -> None:
        began.set()
        never.wait(SECONDS)

    killed = Machine(tmp_path, hang)
    killed.start()
    assert began.wait(SECONDS)
    assert killed.files() == ["batch_1.json"]

    calls: list[Any] = []
    machine = Machine(tmp_path, calls.append)
    machine.executions.resume()
    never.set()
    end_all()

    assert calls == [{"batch_id": "batch_1"}]
    assert machine.files() == []


def test_an_execution_that_fails_is_told_of(tmp_path: Path) -> None:
    calls: list[Any] = []

    def fail(event: Any) -> None:
        calls.append(event)
        if "source" not in event:
            raise ValueError

    machine = Machine(tmp_path, fail)
    machine.start()
    end_all()

    assert calls[1]["source"] == "aws.states"
    assert calls[1]["detail"]["status"] == "FAILED"
    assert (calls[1]["detail"]["name"], calls[1]["detail"]["stateMachineArn"]) == ("batch_1", MACHINE_ARN)


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("StartExecution", {"stateMachineArn": "other", "name": "a", "input": "{}"}, "StateMachineDoesNotExist"),
        ("StartExecution", {"stateMachineArn": MACHINE_ARN, "name": "../a", "input": "{}"}, "InvalidName"),
        ("StopExecution", {"executionArn": "arn:nobody"}, "ExecutionDoesNotExist"),
        ("ListExecutions", {}, "UnknownOperationException"),
    ],
)
def test_a_call_that_cannot_be_carried_out_is_refused(
    tmp_path: Path, name: str, body: dict[str, Any], code: str
) -> None:
    status, answer = Machine(tmp_path, lambda _: None).call(name, **body)

    assert (status, answer["__type"]) == (400, code)

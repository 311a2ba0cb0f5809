"""Plays Step Functions for the batches of the local run: StartExecution, StopExecution, DescribeExecution.

An execution that has not ended is a file, so that the next start goes on with it: from the beginning, where every step
finds what is done already.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.state_machine import StateFailed, StateMachine, Stopped, World
from promptside.api.http import HttpRequest, HttpResponse
from promptside.log import log_event, log_failure

JsonObject = dict[str, Any]

MACHINE_ARN = "arn:aws:states:us-east-1:000000000000:stateMachine:promptside-batches"
_FUNCTION_ARN = "arn:aws:lambda:us-east-1:000000000000:function:events"
_TARGET = "AWSStepFunctions."
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")


@dataclass(slots=True)
class Execution:
    """One run of the state machine, and where it is: RUNNING, SUCCEEDED, FAILED, ABORTED."""

    name: str
    input: str
    status: str = "RUNNING"
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def arn(self) -> str:
        """Its address in calls."""
        return f"{MACHINE_ARN.replace(':stateMachine:', ':execution:')}:{self.name}"


class Refusal(Exception):
    """A call that Step Functions would refuse; `code` is its error's name."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Executions:
    """All executions. `directory` keeps those that have not ended; `definition` is the path of the ASL document."""

    def __init__(self, directory: Path, definition: Path, world: Callable[[], World]) -> None:
        self._directory = directory
        self._definition = definition
        self._world = world
        self._lock = threading.Lock()
        self._known: dict[str, Execution] = {}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one call of the Step Functions API."""
        name = request.headers.get("x-amz-target", "").removeprefix(_TARGET)
        try:
            body = json.loads(request.body)
            match name:
                case "StartExecution":
                    return _answer(200, self._start_call(body))
                case "StopExecution":
                    return _answer(200, self._stop_call(body))
                case "DescribeExecution":
                    return _answer(200, self._describe_call(body))
            raise Refusal("UnknownOperationException", f"The local run does not know the call '{name[:100]}'")
        except Refusal as error:
            return _answer(400, {"__type": error.code, "message": str(error)})

    def resume(self) -> None:
        """Go on with what had not ended when the last process did."""
        for path in sorted(self._directory.glob("*.json")):
            self._start(path.stem, path.read_text(encoding="utf-8"))

    def _start_call(self, body: JsonObject) -> JsonObject:
        name, given = body.get("name", ""), body.get("input", "{}")
        if body.get("stateMachineArn") != MACHINE_ARN:
            raise Refusal("StateMachineDoesNotExist", f"There is no state machine {body.get('stateMachineArn')}")
        if not _NAME.fullmatch(name):
            raise Refusal("InvalidName", "The name must have 1 to 80 letters, digits, '-' or '_'")
        execution = self._start(name, given)
        if execution.input != given:
            raise Refusal("ExecutionAlreadyExists", f"There is an execution '{name}' with another input")
        return {"executionArn": execution.arn, "startDate": 0}

    def _stop_call(self, body: JsonObject) -> JsonObject:
        self._find(body).stop.set()
        return {"stopDate": 0}

    def _describe_call(self, body: JsonObject) -> JsonObject:
        found = self._find(body)
        return {"executionArn": found.arn, "name": found.name, "status": found.status, "input": found.input}

    def _find(self, body: JsonObject) -> Execution:
        name = str(body.get("executionArn", "")).rpartition(":")[2]
        with self._lock:
            if name not in self._known:
                raise Refusal("ExecutionDoesNotExist", f"There is no execution '{name[:100]}'")
            return self._known[name]

    def _start(self, name: str, given: str) -> Execution:
        with self._lock:
            if name in self._known:
                return self._known[name]
            execution = self._known[name] = Execution(name, given)
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file(execution).write_text(given, encoding="utf-8")
        threading.Thread(target=self._run, args=(execution,), daemon=True, name=f"execution-{name}").start()
        return execution

    def _run(self, execution: Execution) -> None:
        try:
            text = self._definition.read_text(encoding="utf-8").replace("${Partition}", "aws")
            machine = StateMachine(
                json.loads(text.replace("${EventsFunctionArn}", _FUNCTION_ARN)), self._world(), execution.stop
            )
            machine.run(json.loads(execution.input), name=execution.name)
            execution.status = "SUCCEEDED"
        except Stopped:
            execution.status = "ABORTED"
        except StateFailed as error:
            execution.status = "FAILED"
            log_event("execution_failed", execution=execution.name, code=error.error)
        except Exception as error:  # the edge: a thread's failure would be seen by nobody
            execution.status = "FAILED"
            log_failure("execution_crashed", error, execution=execution.name)
        if execution.status != "SUCCEEDED":
            self._tell(execution)
        self._file(execution).unlink(missing_ok=True)

    def _tell(self, execution: Execution) -> None:
        """Send the event that EventBridge sends of an execution without a last step."""
        detail = {
            "executionArn": execution.arn,
            "stateMachineArn": MACHINE_ARN,
            "name": execution.name,
            "status": execution.status,
            "input": execution.input,
        }
        event = {"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail": detail}
        try:
            self._world().invoke(event)
        except Exception as error:  # the edge: a thread's failure would be seen by nobody
            log_failure("execution_not_wound_up", error, execution=execution.name)

    def _file(self, execution: Execution) -> Path:
        return self._directory / f"{execution.name}.json"


def _answer(status: int, body: JsonObject) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/x-amz-json-1.0"}, json.dumps(body).encode())

"""Runs a state machine as Step Functions would, in this process: tasks, distributed maps, choices, retries, catches.

Only what `statemachines/` uses is known; anything else fails by name. Between two states it looks whether to stop.
https://states-language.net/spec.html (2026-11-23)
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from local.state_choices import chosen
from local.state_paths import BadPath, Scope, fill, place, read_path

JsonObject = dict[str, Any]

_INVOKE = "arn:aws:states:::lambda:invoke"
_GET_OBJECT = "arn:aws:states:::s3:getObject"
_TASK_FAILED = "States.TaskFailed"
# A laptop has fewer processors than Lambda has environments.
_MOST_SIDE_BY_SIDE = 4


class StateFailed(Exception):
    """A state has failed: `error` is the name that Retry and Catch go by, `cause` says more."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}" if cause else error)
        self.error = error
        self.cause = cause


class Stopped(Exception):
    """The execution has been stopped from outside."""


@dataclass(frozen=True, slots=True)
class World:
    """What tasks and readers need: `invoke` calls the events function and may raise anything, `read` gets an object."""

    invoke: Callable[[Any], Any]
    read: Callable[[str, str], bytes]


class StateMachine:
    """One execution. `definition` is the ASL document; `stop` may be set at any time."""

    def __init__(self, definition: JsonObject, world: World, stop: threading.Event) -> None:
        self._definition = definition
        self._world = world
        self._stop = stop

    def run(self, data: Any, *, name: str) -> Any:
        """Return the output for an input. Raises StateFailed, Stopped."""
        context = {"Execution": {"Name": name, "Input": data}}
        return self._run_states(self._definition, data, context)

    def _run_states(self, machine: JsonObject, data: Any, context: JsonObject) -> Any:
        current: str | None = machine["StartAt"]
        while current is not None:
            if self._stop.is_set():
                raise Stopped
            state = machine["States"][current]
            data, current = self._run_state(state, data, context)
        return data

    def _run_state(self, state: JsonObject, data: Any, context: JsonObject) -> tuple[Any, str | None]:
        """Return the state's output and the state that follows, None at the end."""
        tries: dict[int, int] = {}
        while True:
            try:
                return self._enter(state, data, context)
            except BadPath as exc:
                failure = StateFailed("States.Runtime", str(exc))
            except StateFailed as error:
                failure = error
            pause = _pause(state, failure, tries)
            if pause is not None:
                if self._stop.wait(pause):
                    raise Stopped
                continue
            catcher = _matching(state.get("Catch", ()), failure.error)
            if catcher is None:
                raise failure
            caught = {"Error": failure.error, "Cause": failure.cause}
            return place(caught, catcher.get("ResultPath", "$"), data), catcher["Next"]

    def _enter(self, state: JsonObject, data: Any, context: JsonObject) -> tuple[Any, str | None]:
        scope = Scope(data, context)
        taken = read_path(state["InputPath"], scope) if state.get("InputPath") else data
        scope = Scope(taken, context)
        match state["Type"]:
            case "Succeed":
                return taken, None
            case "Fail":
                raise StateFailed(state.get("Error", "Failed"), state.get("Cause", ""))
            case "Choice":
                return taken, chosen(state, scope)
            case "Wait":
                self._wait(state, scope)
                return taken, state.get("Next")
            case _:
                result = self._result(state, scope)
        if "ResultSelector" in state:
            result = fill(state["ResultSelector"], Scope(result, context))
        output = place(result, state.get("ResultPath", "$"), data)
        if state.get("OutputPath"):
            output = read_path(state["OutputPath"], Scope(output, context))
        return output, state.get("Next")

    def _wait(self, state: JsonObject, scope: Scope) -> None:
        seconds = read_path(state["SecondsPath"], scope) if "SecondsPath" in state else state["Seconds"]
        if self._stop.wait(seconds):
            raise Stopped

    def _result(self, state: JsonObject, scope: Scope) -> Any:
        match state["Type"]:
            case "Pass":
                return state["Result"] if "Result" in state else _parameters(state, scope)
            case "Task":
                return self._task(state, scope)
            case "Map":
                return self._map(state, scope)
            case unknown:
                raise StateFailed("States.Runtime", f"States of type {unknown} are not known here")

    def _task(self, state: JsonObject, scope: Scope) -> Any:
        asked = _parameters(state, scope)
        if state["Resource"] == _INVOKE:
            return {"Payload": self._invoke(asked.get("Payload", {})), "StatusCode": 200}
        if ":lambda:" in state["Resource"]:
            return self._invoke(asked)
        raise StateFailed("States.Runtime", f"The resource {state['Resource']} is not known here")

    def _invoke(self, payload: Any) -> Any:
        try:
            answer = self._world.invoke(json.loads(json.dumps(payload)))
        except Exception as exc:  # the edge: Lambda turns whatever a function raises into an error of its class's name
            name = type(exc).__name__
            raise StateFailed(name, json.dumps({"errorMessage": str(exc), "errorType": name})) from exc
        return json.loads(json.dumps(answer))

    def _map(self, state: JsonObject, scope: Scope) -> list[Any]:
        items = self._items(state, scope)
        limit = state.get("MaxConcurrency") or _MOST_SIDE_BY_SIDE
        if "MaxConcurrencyPath" in state:
            limit = read_path(state["MaxConcurrencyPath"], scope)
        with ThreadPoolExecutor(max(1, min(limit, _MOST_SIDE_BY_SIDE)), thread_name_prefix="map") as pool:
            running = [pool.submit(self._item, state, scope, index, item) for index, item in enumerate(items)]
        outputs: list[Any] = []
        failures: list[StateFailed] = []
        for item in running:
            try:
                outputs.append(item.result())
            except StateFailed as failure:
                failures.append(failure)
        if len(failures) * 100 > state.get("ToleratedFailurePercentage", 0) * len(items):
            raise StateFailed("States.ExceedToleratedFailureThreshold", str(failures[0]))
        return outputs

    def _items(self, state: JsonObject, scope: Scope) -> list[Any]:
        if "ItemReader" not in state:
            items: list[Any] = read_path(state.get("ItemsPath", "$"), scope)
            return items
        reader = state["ItemReader"]
        if reader["Resource"] != _GET_OBJECT or reader["ReaderConfig"]["InputType"] != "JSON":
            raise StateFailed("States.ItemReaderFailed", "Only JSON objects of S3 are known here")
        where = _parameters(reader, scope)
        found: list[Any] = json.loads(self._world.read(where["Bucket"], where["Key"]))
        return found

    def _item(self, state: JsonObject, scope: Scope, index: int, item: Any) -> Any:
        context = {**scope.context, "Map": {"Item": {"Index": index, "Value": item}}}
        data = fill(state["ItemSelector"], Scope(scope.data, context)) if "ItemSelector" in state else item
        return self._run_states(state["ItemProcessor"], data, context)


def _parameters(state: Mapping[str, Any], scope: Scope) -> Any:
    given = state.get("Parameters", state.get("Arguments"))
    return scope.data if given is None else fill(given, scope)


def _pause(state: JsonObject, failure: StateFailed, tries: dict[int, int]) -> float | None:
    """Return the seconds until the state is tried again, None when it is not; counts for each of its retriers."""
    retriers = state.get("Retry", [])
    retrier = _matching(retriers, failure.error)
    if retrier is None:
        return None
    number = retriers.index(retrier)
    before = tries.get(number, 0)
    if before >= retrier.get("MaxAttempts", 3):
        return None
    tries[number] = before + 1
    pause: float = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** before
    pause = min(pause, retrier.get("MaxDelaySeconds", pause))
    return random.uniform(0, pause) if retrier.get("JitterStrategy") == "FULL" else pause  # noqa: S311 - no secret


def _matching(rules: Any, error: str) -> JsonObject | None:
    """Return the first retrier or catcher that names an error, also as all or as any failure of a task."""
    ours = not error.startswith("States.")
    for rule in rules:
        names = rule["ErrorEquals"]
        if error in names or (_TASK_FAILED in names and ours) or ("States.ALL" in names and error != "States.Runtime"):
            found: JsonObject = rule
            return found
    return None

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from local.state_machine import StateFailed, StateMachine, Stopped, World

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:events"
BATCH = Path(__file__).parents[3] / "statemachines" / "batch.asl.json"


class Unfinished(Exception):
    pass


class Function:
    """Stands for the events function: answers and raises what it is given, in order, then repeats the last."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls: list[Any] = []
        self.lock = threading.Lock()

    def __call__(self, event: Any) -> Any:
        with self.lock:
            self.calls.append(event)
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def run(definition: dict[str, Any], function: Function, data: Any = None, *, read: Any = None) -> Any:
    world = World(invoke=function, read=read or (lambda _bucket, _key: b"[]"))
    return StateMachine(definition, world, threading.Event()).run({} if data is None else data, name="e-1")


def task(**more: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": FUNCTION, "End": True, **more}


def alone(state: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": "Only", "States": {"Only": state}}


def test_a_task_gets_its_parameters_and_its_answer_is_placed() -> None:
    function = Function({"status": "ok", "more": 1})
    state = task(
        Parameters={"step": "a", "id.$": "$.id"}, ResultSelector={"s.$": "$.status"}, ResultPath="$.r", OutputPath="$.r"
    )

    assert run(alone(state), function, {"id": 7}) == {"s": "ok"}
    assert function.calls == [{"step": "a", "id": 7}]


def test_the_lambda_integration_wraps_payload_and_answer() -> None:
    function = Function("answer")
    state = task(Resource="arn:aws:states:::lambda:invoke", Parameters={"FunctionName": FUNCTION, "Payload": {"a": 1}})

    assert run(alone(state), function) == {"Payload": "answer", "StatusCode": 200}
    assert function.calls == [{"a": 1}]


def test_what_a_function_raises_is_tried_again_and_then_caught() -> None:
    function = Function(Unfinished("later"))
    definition = {
        "StartAt": "Work",
        "States": {
            "Work": task(
                Retry=[{"ErrorEquals": ["Unfinished"], "IntervalSeconds": 0, "MaxAttempts": 2}],
                Catch=[{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Note"}],
            ),
            "Note": {"Type": "Pass", "End": True},
        },
    }

    output = run(definition, function, {"id": 1})

    assert len(function.calls) == 3
    cause = json.dumps({"errorMessage": "later", "errorType": "Unfinished"})
    assert output == {"id": 1, "error": {"Error": "Unfinished", "Cause": cause}}


def test_retriers_count_for_themselves() -> None:
    function = Function(Unfinished(), ValueError(), Unfinished(), "done")
    retriers = [
        {"ErrorEquals": ["Unfinished"], "IntervalSeconds": 0, "MaxAttempts": 2},
        {"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 0, "MaxAttempts": 1},
    ]

    assert run(alone(task(Retry=retriers)), function) == "done"


def test_an_error_that_nobody_catches_ends_the_execution() -> None:
    with pytest.raises(StateFailed) as failed:
        run(alone(task(Catch=[{"ErrorEquals": ["Other"], "Next": "Only"}])), Function(Unfinished("why")))

    assert failed.value.error == "Unfinished"


def test_a_failed_path_is_no_failed_task() -> None:
    with pytest.raises(StateFailed, match=r"States.Runtime"):
        run(
            alone(task(Parameters={"a.$": "$.x"}, Retry=[{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 0}])),
            Function("never"),
        )


def test_a_distributed_map_runs_every_item_of_an_object() -> None:
    function = Function("part")
    state = {
        "Type": "Map",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket.$": "$.bucket", "Key": "chunks.json"},
        },
        "ItemSelector": {"batch.$": "$.batch", "chunk.$": "$$.Map.Item.Value", "index.$": "$$.Map.Item.Index"},
        "ItemProcessor": alone(task()),
        "ResultPath": "$.parts",
        "End": True,
    }
    read: list[tuple[str, str]] = []

    def give(bucket: str, key: str) -> bytes:
        read.append((bucket, key))
        return b'["x", "y"]'

    output = run(alone(state), function, {"bucket": "b", "batch": "1"}, read=give)

    assert read == [("b", "chunks.json")]
    assert output == {"bucket": "b", "batch": "1", "parts": ["part", "part"]}
    assert sorted(function.calls, key=lambda call: call["index"]) == [
        {"batch": "1", "chunk": "x", "index": 0},
        {"batch": "1", "chunk": "y", "index": 1},
    ]


@pytest.mark.parametrize(("tolerated", "fails"), [(0, True), (49, True), (50, False), (100, False)])
def test_a_map_tolerates_so_many_failed_items(tolerated: int, fails: bool) -> None:
    states = {
        "Tell": {
            "Type": "Choice",
            "Choices": [{"Variable": "$", "BooleanEquals": True, "Next": "Good"}],
            "Default": "Bad",
        },
        "Good": {"Type": "Succeed"},
        "Bad": {"Type": "Fail", "Error": "Bad"},
    }
    state = {
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemProcessor": {"StartAt": "Tell", "States": states},
        "ToleratedFailurePercentage": tolerated,
        "ResultPath": None,
        "End": True,
    }
    data = {"items": [True, False]}

    if fails:
        with pytest.raises(StateFailed, match=r"ExceedToleratedFailureThreshold"):
            run(alone(state), Function("never"), data)
    else:
        assert run(alone(state), Function("never"), data) == data


def test_an_execution_that_is_stopped_ends_in_its_pause() -> None:
    stop = threading.Event()

    def fail(_: Any) -> Any:
        stop.set()
        raise Unfinished

    state = task(Retry=[{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 600}])
    machine = StateMachine(alone(state), World(invoke=fail, read=lambda _bucket, _key: b""), stop)

    with pytest.raises(Stopped):
        machine.run({}, name="e-1")


@pytest.mark.parametrize("kind", ["Parallel", "Activity"])
def test_a_kind_of_state_that_is_not_known_fails_by_name(kind: str) -> None:
    with pytest.raises(StateFailed, match=kind):
        run(alone({"Type": kind, "End": True}), Function("never"))


def test_the_batch_machine_plans_runs_every_chunk_and_finishes() -> None:
    plan = {"status": "in_progress", "batch_id": "b-1", "bucket": "b", "index_key": "k", "max_concurrency": 3}
    seen: list[Any] = []

    def events_function(event: Any) -> Any:
        seen.append((event["promptside"], event.get("chunk")))
        return plan if event["promptside"] == "plan-batch" else {"status": "completed"}

    definition = json.loads(BATCH.read_text().replace("${EventsFunctionArn}", FUNCTION).replace("${Partition}", "aws"))
    world = World(invoke=events_function, read=lambda _bucket, _key: b'[{"chunk": 0}, {"chunk": 1}]')

    output = StateMachine(definition, world, threading.Event()).run({"batch_id": "b-1"}, name="b-1")

    assert output == {"status": "completed"}
    assert (seen[0], seen[-1]) == (("plan-batch", None), ("finish-batch", None))
    assert sorted(chunk["chunk"] for _, chunk in seen[1:-1]) == [0, 1]

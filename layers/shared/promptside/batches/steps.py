"""The steps that the state machine asks for, each an invoke of the events function.

{"promptside": "plan-batch", "batch_id": "batch_..."}
{"promptside": "run-chunk", "batch_id": "batch_...", "chunk": {"chunk": 0, "start": 0, "end": 4711, ...}}
{"promptside": "finish-batch", "batch_id": "batch_..."}
{"promptside": "fail-batch", "batch_id": "batch_...", "error": {"Error": "States.Timeout", "Cause": "..."}}
"""

from __future__ import annotations

from typing import Any

from promptside.batches.base import BatchServices
from promptside.batches.chunks import chunk_of, run_chunk
from promptside.batches.finishing import fail_batch, finish_batch
from promptside.batches.planning import plan_batch
from promptside.errors import InvalidRequest, JsonObject

STEP = "promptside"
"""The field of an event that names the step."""
_STATES = "aws.states"


def run_step(services: BatchServices, event: JsonObject, *, deadline: float) -> JsonObject:
    """Do one step. `deadline` is on `time.monotonic()`.

    Raises ChunkUnfinished, and PromptsideError: the state machine tries again, and at last ends the batch.
    """
    if event.get("source") == _STATES:
        return _wind_up(services, event["detail"])
    batch_id = event.get("batch_id")
    if not isinstance(batch_id, str):
        raise InvalidRequest("'batch_id' is missing", param="batch_id")
    match event.get(STEP):
        case "plan-batch":
            return plan_batch(services, batch_id)
        case "run-chunk":
            return run_chunk(services, batch_id, chunk_of(event["chunk"]), deadline=deadline)
        case "finish-batch":
            return finish_batch(services, batch_id, reopen=True)
        case "fail-batch":
            return {"batch_id": batch_id, "status": _failed(services, batch_id, event.get("error"))}
    raise InvalidRequest("There is no such step", param=STEP)


def _failed(services: BatchServices, batch_id: str, error: Any) -> str:
    # The cause may hold whatever a library has said; its name is enough, and the log has the rest.
    name = error.get("Error") if isinstance(error, dict) else None
    message = f"The batch could not be run: {str(name)[:100]}; the events function's log has the details"
    return fail_batch(services, batch_id, "batch_failed", message).status


def _wind_up(services: BatchServices, execution: JsonObject) -> JsonObject:
    """End the batch of an execution that ended without doing so: with its files if it was planned."""
    batch_id, status = execution["name"], execution["status"]
    if status in ("RUNNING", "SUCCEEDED") or services.batches.find(batch_id) is None:
        return {"batch_id": batch_id}
    if services.batches.get(batch_id).status == "validating":
        return {"batch_id": batch_id, "status": _failed(services, batch_id, {"Error": status})}
    return finish_batch(services, batch_id)

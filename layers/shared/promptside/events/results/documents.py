"""What is sent of a run: one document, the same for every target.

`events/schemas/prompt-run-result.json` describes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from promptside.errors import JsonObject
from promptside.events.base import Order, Outcome
from promptside.events.summaries import begun_of, ended_of, status_of

LARGEST_INLINE = 240_000
"""Bytes of a document that travels whole; older queues, SNS and Step Functions take 256 KB, all around it included."""
_MOMENTS = ("started_at", "completed_at", "duration_ms")
_OBJECT = "run.result"


@dataclass(frozen=True, slots=True)
class Result:
    """One run's result, ready to be sent. `text` is the whole document as ASCII JSON."""

    order: Order
    status: Literal["completed", "failed", "cancelled"]
    completed_at: int
    document: JsonObject = field(repr=False)
    text: str = field(repr=False)

    @property
    def run_id(self) -> str:
        """The run's id, which is the same for every delivery."""
        return self.order.run_id

    @property
    def message_id(self) -> str:
        """Tell repeated deliveries: a run that failed and completes when it ordered again sends two messages."""
        return self.run_id if self.status == "completed" else f"{self.run_id}-{self.status}"


def result_of(outcome: Outcome, earlier: Mapping[str, Any] | None = None) -> Result:
    """Return the result of a run that has ended. `earlier` are the times of the run that this one only repeats."""
    ended = ended_of(outcome)
    if earlier is not None:
        ended |= {name: earlier[name] for name in _MOMENTS if earlier.get(name) is not None}
    error: Any = outcome.body.get("error") if not outcome.succeeded else None
    status = status_of(outcome)
    document = {
        "object": _OBJECT,
        "run_id": outcome.order.run_id,
        "status": status,
        **begun_of(outcome.order),
        **ended,
        "error": None if error is None and outcome.succeeded else _error(error, ended["error"]),
        "response": outcome.body if outcome.succeeded else None,
        "response_location": None,
    }
    return Result(outcome.order, status, ended["completed_at"], document, json.dumps(document))


def referring(result: Result, *, bucket: str, key: str) -> str:
    """Return the document with a reference to where it stands whole, instead of the answer or the error's details."""
    location = {"bucket": bucket, "key": key, "bytes": len(result.text)}
    document = {**result.document, "response": None, "response_location": location}
    if document["error"] is not None:
        document["error"] = {**document["error"], "message": None, "param": None}
    text = json.dumps(document)
    if len(text) > LARGEST_INLINE:
        # Only metadata or usage can be that large, and they are in the document as well.
        text = json.dumps({**document, "metadata": {}, "usage": None})
    return text


def _error(error: Any, known: JsonObject) -> JsonObject:
    """Return an error with what a caller would have been told: the message and the field are for whoever ordered."""
    given = error if isinstance(error, dict) else {}
    return {**known, "message": given.get("message"), "param": given.get("param")}

"""What batches need from outside, and where their objects are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from promptside.batches.objects import Objects
from promptside.errors import JsonObject
from promptside.events.base import Order, Outcome, ResultSink
from promptside.services import Services
from promptside.store.batches import BatchStore
from promptside.store.files import FileStore


class RunOrder(Protocol):
    """Runs one order, at most once for each key. `deadline` is on `time.monotonic()`."""

    def __call__(self, order: Order, *, deadline: float) -> Outcome:
        """Return what came of it; a failure is an outcome as well."""
        ...


@dataclass(frozen=True, slots=True)
class BatchServices:
    """The outside world of a batch; `batch_services` builds it.

    `run` runs a line and records it, `give_up` records that a line which might be tried again is not, `has_ended` tells
    whether a line was run to its end before. `start_execution` starts the state machine under a name and with an input;
    a name that has been started before is left as it is. `announce` puts an event, by its detail type, on the stack's
    bus. `files` knows the files that callers see, `sink` delivers the results of lines that ask for it.
    """

    runs: Services
    batches: BatchStore
    files: FileStore
    objects: Objects
    run: RunOrder
    give_up: Callable[[Outcome], None]
    has_ended: Callable[[Order], bool]
    start_execution: Callable[[str, JsonObject], None]
    announce: Callable[[str, JsonObject], None]
    sink: ResultSink | None = None


class ChunkUnfinished(Exception):
    """Lines of a chunk are left for another invocation, which will replay those that have ended."""


def index_key(batch_id: str) -> str:
    """Return the key of the list of chunks."""
    return f"batches/{batch_id}/chunks.json"


def parts_prefix(batch_id: str) -> str:
    """Return what the keys of all parts of a batch begin with."""
    return f"batches/{batch_id}/parts/"


def part_key(batch_id: str, chunk: int, kind: str) -> str:
    """Return the key of a chunk's `output` or `errors`."""
    return f"{parts_prefix(batch_id)}{chunk:06}.{kind}.jsonl"


def result_key(batch_id: str, name: str) -> str:
    """Return the key of a file that stays: `output.jsonl`, `errors.jsonl`, `summary.json`."""
    return f"batches/{batch_id}/{name}"

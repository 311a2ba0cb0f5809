"""A batch of runs: what it reads, how far it has come, and what has come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

from promptside.schema.prompt import JsonObject

Status = Literal["validating", "in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled"]
Shape = Literal["orders", "openai"]
"""How a line is written: an envelope of an event-driven run, or a request of OpenAI's batch API."""
Layout = Literal["jsonl", "csv"]

ENDED: frozenset[Status] = frozenset({"completed", "failed", "expired", "cancelled"})


@dataclass(frozen=True, slots=True)
class Tally:
    """What lines have come to: how many, their tokens, and their cost in billionths of a US dollar.

    `unpriced` are completed lines whose price is not known; `expired` and `cancelled` are failed lines that were not
    run any more.
    """

    completed: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    cost_nano_usd: int = 0
    unpriced: int = 0
    expired: int = 0
    cancelled: int = 0

    def __add__(self, other: Tally) -> Tally:
        """Return the sum, field by field."""
        return Tally(*(getattr(self, part.name) + getattr(other, part.name) for part in fields(Tally)))


@dataclass(frozen=True, slots=True)
class InputFile:
    """The object that a batch reads, in the stack's bucket unless `bucket` names another.

    `etag` and `version` pin what it held when the batch was planned. `columns` and `delimiter` are those of a CSV's
    first row.
    """

    key: str
    bucket: str | None = None
    layout: Layout = "jsonl"
    etag: str | None = None
    version: str | None = None
    size: int = 0
    columns: tuple[str, ...] = ()
    delimiter: str = ","


@dataclass(frozen=True, slots=True)
class ResultFile:
    """A file that a batch has written: its key in the stack's bucket, and its size in bytes."""

    key: str
    size: int


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """One batch. Times are unix seconds.

    `defaults` stand in for what a line leaves out; `details` belong to whoever started the batch. `moments` has the
    time at which each status was reached. `total` counts the lines that are requests, `blank` the empty ones; both are
    known once the batch is planned. `problems` say why it failed as a whole: `{"code", "message", "line", "param"}`.
    """

    batch_id: str
    status: Status
    shape: Shape
    input: InputFile
    created_at: int
    window_ends_at: int
    endpoint: str = ""
    completion_window: str = "24h"
    key_digest: str | None = field(default=None, repr=False)
    defaults: JsonObject = field(default_factory=dict, repr=False)
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)
    details: JsonObject = field(default_factory=dict, repr=False)
    moments: Mapping[str, int] = field(default_factory=dict)
    chunks: int = 0
    total: int = 0
    blank: int = 0
    tally: Tally = Tally()
    problems: tuple[JsonObject, ...] = ()
    output: ResultFile | None = None
    errors: ResultFile | None = None
    announced: bool = False
    """Whether the end of the batch has been put on the bus."""

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in ENDED

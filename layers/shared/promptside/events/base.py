"""A run that nobody waits for: the order, what came of it, and where that goes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from promptside.errors import JsonObject, PromptsideError

TargetKind = Literal["eventbridge", "s3", "sqs", "webhook"]
NOBODY_READS = frozenset({"stream", "stream_options"})
"""Fields of a body that mean nothing where nobody reads the answer while it is made."""
_CHOOSING_HEADERS = (
    "x-portkey-config",
    "x-portkey-custom-host",
    "x-portkey-provider",
    "x-portkey-strict-open-ai-compliance",
    "x-portkey-virtual-key",
)
"""Headers that make another request of the same body; a claim tells requests apart by the same ones."""


@dataclass(frozen=True, slots=True)
class ResultTarget:
    """Where a result goes. `address` is a key prefix in the stack's bucket, a queue's URL or a webhook's URL."""

    kind: TargetKind
    address: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """Where an order stands in a batch: lines count from 1 as in the file."""

    batch_id: str
    number: int
    custom_id: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What an event asks for, whatever brought it.

    `key` is the idempotency key: the same event gives the same one however often it is delivered. `path` is the HTTP
    route that would take `body` (`/v1/prompts/welcome@3/completions`, `/v1/responses`), `headers` are the ones that
    would come with it, lower case. `key_digest` is the SHA-256 of the API key on whose behalf it runs; None means that
    IAM let the order in. `results` are the order's own targets; None means the stack's default.
    """

    key: str
    path: str
    body: JsonObject = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    key_digest: str | None = field(default=None, repr=False)
    source: str = "direct"
    correlation_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)
    results: tuple[ResultTarget, ...] | None = None
    line: Line | None = None

    @property
    def run_id(self) -> str:
        """The run's id: the same for every delivery of the same order.

        Two prompts that run for one event have two, though both have the event's key. So have two requests of which
        the second is refused because the first has used its key: its failure must not take the place of a result.
        Every line of a batch has its own: lines that share a key share an answer, and each has a record in its batch.
        """
        asked = {name: value for name, value in self.body.items() if name not in NOBODY_READS}
        chosen = [self.headers.get(name) for name in _CHOOSING_HEADERS]
        place = None if self.line is None else [self.line.batch_id, self.line.number]
        identity = json.dumps([self.path, self.key, asked, chosen, place], sort_keys=True)
        return f"run_{hashlib.sha256(identity.encode()).hexdigest()[:32]}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an order: the HTTP answer that a caller would have got, as data.

    `retryable` says that nothing was paid for and the same order may do better later, `retry_after` (seconds) when.
    `replayed` says that an earlier delivery had already been answered. Times are unix seconds.
    """

    order: Order
    status: int
    body: JsonObject = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    started_at: float = 0.0
    ended_at: float = 0.0
    retryable: bool = False
    retry_after: float | None = None
    replayed: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether the body is a completion."""
        return self.status < 400


class DeliveryFailed(PromptsideError):
    """A result did not reach its target. The run itself is over, and its answer is kept for the next try.

    `final` says that the target refuses for good.
    """

    status = 502
    type = "api_error"
    code = "result_not_delivered"
    final: bool = False


class RunRecords(Protocol):
    """Run records, written at the start and at the end of a run. A record that cannot be written stops no run."""

    def start(self, order: Order, *, now: float) -> None:
        """Note that the run has begun; an ended run stays as it is."""
        ...

    def end(self, outcome: Outcome) -> None:
        """Note what came of it: status, version, model, usage, cost, times, the error without any content."""
        ...


class ResultSink(Protocol):
    """Takes results to where they are wanted."""

    def deliver(self, outcome: Outcome, *, deadline: float) -> None:
        """Deliver to every target of the order, or of the stack.

        `deadline` is on `time.monotonic()`. Raises DeliveryFailed when a target refuses for good or for too long; what
        was delivered before is delivered again with the next try, under the same id.
        """
        ...

"""Event-driven runs without their front door: real claims, a real provider on loopback, results in memory."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from promptside.errors import JsonObject
from promptside.events.base import Order, Outcome
from promptside.events.queue import answer_batch
from promptside.events.services import EventServices
from promptside.store.claims import ClaimStore
from promptside.store.patience import Patience
from tests.engines import Engine
from tests.product import Product
from tests.upstream import Upstream

ANN: JsonObject = {"prompt_id": "hi", "variables": {"name": "Ann"}}
ANSWER: JsonObject = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1795300000, "model": "m1-2026",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello Ann"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}  # fmt: skip


@dataclass
class MemoryRecords:
    """Run records as (run id, status or "started")."""

    written: list[tuple[str, int | str]] = field(default_factory=list)

    def start(self, order: Order, *, now: float) -> None:
        self.written.append((order.run_id, "started"))

    def end(self, outcome: Outcome) -> None:
        self.written.append((outcome.order.run_id, outcome.status))


@dataclass
class MemoryResults:
    """Results that were delivered; each of `refusals` fails one delivery."""

    delivered: list[Outcome] = field(default_factory=list)
    refusals: list[Exception] = field(default_factory=list)

    def deliver(self, outcome: Outcome, *, deadline: float) -> None:
        assert deadline > time.monotonic()
        if self.refusals:
            raise self.refusals.pop(0)
        self.delivered.append(outcome)


class EventRuns:
    """What the events function is, over one run table; `url` leads the claims through a proxy."""

    def __init__(self, engine: Engine, upstream: Upstream, *, url: str | None = None, **settings: Any) -> None:
        self.engine = engine
        self.now = 1_795_300_000.0
        self.records = MemoryRecords()
        self.results = MemoryResults()
        table = settings.pop("run_table", None) or engine.new_table()
        patience = Patience(attempts=2, first_pause_seconds=0.001)
        claims = ClaimStore(engine.new_client("dynamodb", url=url), table=table, workspace="default", patience=patience)
        self.product = Product(upstream.url, **settings)
        # Claims are told apart by these ids, and several of these may share a table.
        services = replace(
            self.product.services, claims=claims, clock=lambda: self.now, new_id=lambda: uuid.uuid4().hex
        )
        self._clients: dict[str, Any] = {}
        self.events = EventServices(services, self.records, self.results, client=self._client, random=lambda: 0.0)

    def use_client(self, service: str, client: Any) -> None:
        """Let the product speak to AWS through a client that a test watches."""
        self._clients[service] = client

    def _client(self, service: str) -> Any:
        return self._clients.get(service) or self.engine.client(service)

    def handler(self, seconds: float = 300.0) -> Callable[[dict[str, Any]], dict[str, Any]]:
        """Return the function that a queue invokes, with so many seconds for each batch."""
        return lambda event: answer_batch(self.events, event, deadline=time.monotonic() + seconds)

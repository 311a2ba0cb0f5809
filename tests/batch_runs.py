"""Batches without a state machine: a real bucket, a real run table, a real provider on loopback, steps one by one."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from promptside.batches.base import BatchServices, ChunkUnfinished, index_key
from promptside.batches.outside import batch_services
from promptside.batches.starting import start_batch, start_batch_of_object
from promptside.batches.steps import run_step
from promptside.errors import JsonObject
from promptside.events.base import RunRecords
from promptside.events.recording import StoredRunRecords
from promptside.schema.batch import BatchRecord, InputFile
from promptside.services import Services
from promptside.store.claims import ClaimStore
from promptside.store.runs import RunStore
from tests.engines import Engine
from tests.event_runs import MemoryRecords, MemoryResults
from tests.product import Product

HI = "/v1/prompts/hi/completions"


@dataclass
class Started:
    """A client of Step Functions that remembers what it was asked to start."""

    executions: list[JsonObject] = field(default_factory=list)
    error: Exception | None = None

    def start_execution(self, **request: Any) -> JsonObject:
        if self.error is not None:
            raise self.error
        self.executions.append(request)
        return {}


@dataclass
class Announced:
    """A client of EventBridge that keeps the events."""

    events: list[JsonObject] = field(default_factory=list)
    failures: int = 0

    def put_events(self, Entries: list[JsonObject]) -> JsonObject:
        if self.failures:
            self.failures -= 1
            return {"FailedEntryCount": 1}
        self.events += Entries
        return {"FailedEntryCount": 0}

    def details(self) -> list[tuple[str, JsonObject]]:
        """Return each event's type and detail."""
        return [(event["DetailType"], json.loads(event["Detail"])) for event in self.events]


class BatchRuns:
    """One bucket, one run table, one prompt `hi`. Nothing sleeps; `slept` counts the pauses.

    Run records are in memory unless it `stores_records`.
    """

    def __init__(self, engine: Engine, upstream_url: str, **settings: Any) -> None:
        self.engine = engine
        self.now = 1_795_300_000.0
        self.machine, self.bus = Started(), Announced()
        self.records, self.results = MemoryRecords(), MemoryResults()
        self._stores_records = settings.pop("stores_records", False)
        self.table = settings.pop("run_table", None) or engine.new_table()
        self.bucket = settings.pop("bucket", None) or new_bucket(engine)
        self._sleeping = threading.Lock()
        self._slept = 0.0
        self.product = Product(
            upstream_url,
            run_table=self.table,
            bucket=self.bucket,
            state_machine="arn:of:the:machine",
            event_bus="bus",
            **settings,
        )
        self.services = self._services(self.product.services)

    def _services(self, services: Services) -> BatchServices:
        claims = ClaimStore(self.engine.new_client("dynamodb"), table=self.table, workspace="default")
        runs = replace(
            services,
            claims=claims,
            clock=lambda: self.now,
            sleep=self._sleep,
            monotonic=lambda: time.monotonic() + self._slept,
            new_id=lambda: secrets.token_hex(8),
        )
        records: RunRecords = self.records
        if self._stores_records:
            store = RunStore(self.engine.client("dynamodb"), table=self.table, now=runs.clock)
            records = StoredRunRecords(store, runs.settings)
        return batch_services(runs, self._client, records=records, sink=self.results)

    def _sleep(self, seconds: float) -> None:
        with self._sleeping:
            self._slept += seconds

    @property
    def slept(self) -> float:
        """Seconds of all pauses together."""
        return self._slept

    def _client(self, service: str) -> Any:
        match service:
            case "stepfunctions":
                return self.machine
            case "events":
                return self.bus
        return self.engine.client(service)

    def put(self, key: str, content: bytes | str) -> None:
        """Put an object into the bucket."""
        body = content.encode() if isinstance(content, str) else content
        self.engine.client("s3").put_object(Bucket=self.bucket, Key=key, Body=body)

    def content(self, key: str) -> bytes:
        """Return an object of the bucket."""
        found: bytes = self.engine.client("s3").get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return found

    def drop(self, content: bytes | str, key: str = "inbox/hi/names.jsonl", event_id: str = "e1") -> BatchRecord:
        """Drop a file and start its batch."""
        self.put(key, content)
        record = start_batch_of_object(self.services, bucket=self.bucket, key=key, event_id=event_id)
        assert record is not None
        return record

    def submit(self, lines: Iterable[Any], *, endpoint: str = HI, **options: Any) -> BatchRecord:
        """Start a batch of OpenAI's shape; lines that are no text become JSON."""
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        self.put("files/input", "\n".join(texts))
        return start_batch(
            self.services, input_file=InputFile("files/input"), shape="openai", endpoint=endpoint, **options
        )

    def step(self, name: str, batch_id: str, *, seconds: float = 800.0, **more: Any) -> JsonObject:
        """Invoke one step."""
        deadline = self.services.runs.monotonic() + seconds
        return run_step(self.services, {"promptside": name, "batch_id": batch_id, **more}, deadline=deadline)

    def tell(self, status: str, name: str) -> JsonObject:
        """Bring what EventBridge tells of an execution that has ended."""
        event = {
            "source": "aws.states",
            "detail-type": "Step Functions Execution Status Change",
            "detail": {"name": name, "status": status, "stateMachineArn": "arn:of:the:machine"},
        }
        return run_step(self.services, event, deadline=0.0)

    def chunks(self, batch_id: str) -> list[JsonObject]:
        """Return the index of a planned batch."""
        found: list[JsonObject] = json.loads(self.content(index_key(batch_id)))
        return found

    def run(self, batch_id: str, *, side_by_side: int = 4, tries: int = 60) -> JsonObject:
        """Do what the state machine does, and return the summary."""
        planned = self.step("plan-batch", batch_id)
        if planned["status"] in ("in_progress", "cancelling"):
            with ThreadPoolExecutor(side_by_side) as pool:
                list(pool.map(lambda chunk: self.run_chunk(batch_id, chunk, tries=tries), self.chunks(batch_id)))
        return self.step("finish-batch", batch_id)

    def run_chunk(self, batch_id: str, chunk: JsonObject, *, tries: int = 60) -> None:
        """Invoke a chunk until it is done."""
        for _ in range(tries):
            try:
                self.step("run-chunk", batch_id, chunk=chunk)
            except ChunkUnfinished:
                continue
            return

    def get(self, batch_id: str) -> BatchRecord:
        """Read the batch."""
        return self.services.batches.get(batch_id)

    def output(self, batch_id: str) -> list[JsonObject]:
        """Return the lines of the output file."""
        return self._lines(self.get(batch_id).output)

    def errors(self, batch_id: str) -> list[JsonObject]:
        """Return the lines of the errors file."""
        return self._lines(self.get(batch_id).errors)

    def _lines(self, file: Any) -> list[JsonObject]:
        if file is None:
            return []
        content = self.content(file.key)
        assert len(content) == file.size
        return [json.loads(line) for line in content.splitlines()]


def new_bucket(engine: Engine) -> str:
    """Make an empty bucket that no other test uses and return its name."""
    name = f"promptside-{secrets.token_hex(6)}"
    engine.client("s3").create_bucket(Bucket=name)
    return name


def request_line(custom_id: str, *, url: str = HI, **body: Any) -> JsonObject:
    """Return one line of OpenAI's shape."""
    return {"custom_id": custom_id, "method": "POST", "url": url, "body": {"variables": {"name": custom_id}, **body}}


def codes(errors: Iterable[Mapping[str, Any]]) -> list[tuple[int, str | None, str]]:
    """Return line, custom_id and code of each error."""
    return [(entry["line"], entry["custom_id"], entry["error"]["code"]) for entry in errors]

"""`functions/events/app.py` as it is deployed, over an engine: queues, a bucket, the prompt `welcome`, a provider."""

from __future__ import annotations

import json
import secrets
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from promptside.store.runs import RunRecord, RunStore
from tests.engines import REGION, Engine
from tests.function_modules import import_function
from tests.queues import Queue
from tests.stored import Stored
from tests.upstream import Upstream

WELCOME = '[{"role":"user","content":"Welcome {{name}}"}]'


@dataclass(frozen=True)
class Context:
    """What Lambda tells a function of its invoke."""

    seconds: float = 300.0
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    began: float = field(default_factory=time.monotonic)

    def get_remaining_time_in_millis(self) -> int:
        return round((self.seconds - (time.monotonic() - self.began)) * 1000)


@dataclass
class EventStack:
    """The resources of one stack; `environment` is that of its function."""

    engine: Engine
    upstream: Upstream
    fifo: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Create the tables, the queues, the bucket, the prompt and the provider's secret."""
        stored = Stored(self.engine)
        stored.prompt("welcome", WELCOME, virtual_key="openai")
        prefix = self.engine.new_prefix()
        secret = {"api_key": "sk-provider", "custom_host": f"{self.upstream.url}/v1"}
        self.engine.client("ssm").put_parameter(
            Name=f"{prefix}/providers/openai", Type="SecureString", Value=json.dumps(secret)
        )
        self.dead = Queue(self.engine)
        self.queue, self.results = Queue(self.engine, fifo=self.fifo), Queue(self.engine)
        self.bucket = f"b-{secrets.token_hex(6)}"
        self.engine.client("s3").create_bucket(Bucket=self.bucket)
        states = self.engine.client("stepfunctions")
        definition = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
        self.machine: str = states.create_state_machine(
            name=f"m-{secrets.token_hex(6)}",
            definition=json.dumps(definition),
            roleArn="arn:aws:iam::000000000000:role/r",
        )["stateMachineArn"]
        self.environment = {
            "PROMPTSIDE_TABLE": stored.table,
            "PROMPTSIDE_RUN_TABLE": self.engine.new_table(),
            "PROMPTSIDE_SECRETS_PREFIX": prefix,
            "PROMPTSIDE_STORE_ENDPOINT": self.engine.url,
            "PROMPTSIDE_ALLOW_PRIVATE_HOSTS": "true",
            "PROMPTSIDE_BUCKET": self.bucket,
            "PROMPTSIDE_QUEUE_URL": self.queue.url,
            "PROMPTSIDE_DEAD_LETTER_QUEUE_URL": self.dead.url,
            "PROMPTSIDE_RESULT_TARGETS": f"sqs:{self.results.url}",
            "PROMPTSIDE_STATE_MACHINE": self.machine,
            "AWS_REGION": REGION,
            **self.settings,
        }

    def delivered(self) -> list[dict[str, Any]]:
        """Take the results out of their queue."""
        received = self.results.receive()
        for message in received:
            self.results.delete(message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in received]

    def started(self) -> list[str]:
        """Return the names of what the state machine was asked to run."""
        answer = self.engine.client("stepfunctions").list_executions(stateMachineArn=self.machine)
        return [execution["name"] for execution in answer["executions"]]

    def record(self, run_id: str) -> RunRecord | None:
        """Return a run's record."""
        table = self.environment["PROMPTSIDE_RUN_TABLE"]
        return RunStore(self.engine.client("dynamodb"), table=table).find(run_id)

    @contextmanager
    def function(self) -> Iterator[Callable[..., Any]]:
        """Import the function afresh; what is given calls it with an event and a context."""
        with pytest.MonkeyPatch.context() as patch:
            for variable, value in self.environment.items():
                patch.setenv(variable, value)
            module = import_function("events")

        def invoke(event: Any, context: Context | None = None) -> Any:
            return module.handler(event, context or Context())

        try:
            yield invoke
        finally:
            # A function leaves its connections to the end of its process.
            module.events.services.transport.close()
            module.events.results.close()
            module.events.services.claims._client._http.close()

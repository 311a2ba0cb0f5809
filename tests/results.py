"""Results on their way: targets on a real engine, and a clock that nobody waits for."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import botocore.session
from botocore.validate import ParamValidator
from jsonschema import Draft202012Validator

from promptside.config import Settings
from promptside.errors import JsonObject
from promptside.events.base import Order, Outcome, ResultTarget
from promptside.events.results.dispatch import ResultDispatch
from promptside.events.results.tries import Clock
from promptside.events.results.webhook import Webhooks
from promptside.store.runs import RunStore
from promptside.transport.client import HttpClient
from tests.engines import Engine
from tests.product import MemorySecrets

SCHEMA: JsonObject = json.loads(
    (Path(__file__).parents[1] / "events" / "schemas" / "prompt-run-result.json").read_text()
)
KEY = base64.b64decode("c2VjcmV0LXRoYXQtaXMtbG9uZy1lbm91Z2gtZm9yLWl0")
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
NOW = 1_795_300_000.0
COMPLETION: JsonObject = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1795300000, "model": "gpt-4o-mini",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Grüße, Ann"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200},
}  # fmt: skip
FAILURE: JsonObject = {
    "status": "failure",
    "message": "The model is overloaded",
    "error": {"message": "The model is overloaded", "type": "api_error", "param": None, "code": "provider_error"},
    "provider": "openai",
}


def order(*results: ResultTarget, **fields: Any) -> Order:
    """Return an order with these targets; every field has a plain default."""
    given = {
        "key": "order-17",
        "path": "/v1/prompts/welcome%40production/completions",
        "body": {"variables": {"name": "Ann"}},
        "source": "sqs",
        "correlation_id": "c-17",
        "metadata": {"user": "7"},
        "results": results,
        **fields,
    }
    return Order(**given)


def outcome(of: Order, **fields: Any) -> Outcome:
    """Return a completion unless fields say otherwise."""
    headers = {"x-portkey-provider": "openai", "x-promptside-prompt-version": "3", "x-portkey-trace-id": of.run_id}
    given = {
        "status": 200, "body": COMPLETION, "headers": headers, "started_at": NOW, "ended_at": NOW + 2.5, **fields
    }  # fmt: skip
    return Outcome(of, **given)


@dataclass
class FakeTime:
    """A clock on which only pauses take time."""

    slept: list[float] = field(default_factory=list)

    def clock(self) -> Clock:
        return Clock(monotonic=self.monotonic, sleep=self.slept.append, random=lambda: 0.0, unix=lambda: NOW + 9)

    def monotonic(self) -> float:
        return time.monotonic() + sum(self.slept)


class Targets:
    """Everything that results go to, for one test: a bucket, a queue behind the bus, a queue of results."""

    def __init__(self, engine: Engine, **settings: Any) -> None:
        self.engine = engine
        name = f"results-{secrets.token_hex(6)}"
        self.time = FakeTime()
        self.secret = MemorySecrets([{"api_key": SECRET}])
        self.http = HttpClient(allow_private_hosts=True)
        self.asked: list[str] = []
        self.calls: list[tuple[str, JsonObject]] = []
        self.clients: dict[str, Any] = {}
        self.bucket = self.bus = name
        engine.client("s3").create_bucket(Bucket=name)
        engine.client("events").create_event_bus(Name=name)
        self.queue_url = self.new_queue(name)
        self.bus_queue_url = self.new_queue(f"{name}-bus")
        given: dict[str, Any] = {
            "table": "t",
            "secrets_prefix": "/p",
            "bucket": name,
            "event_bus": name,
            "result_queues": (self.queue_url,),
            "webhook_hosts": ("127.0.0.1",),
            "allow_private_hosts": True,
        }
        self.settings = Settings(**{**given, **settings})
        self.run_table = engine.new_table()
        self.runs = RunStore(engine.client("dynamodb"), table=self.run_table, now=lambda: NOW)
        self.sink = ResultDispatch(
            self.settings,
            client=self._client,
            webhooks=lambda: Webhooks(self.http, self.secret),
            runs=self.runs,
            clock=self.time.clock(),
        )

    def new_queue(self, name: str) -> str:
        attributes = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
        url: str = self.engine.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url

    def listen(self, pattern: JsonObject) -> None:
        """Let the bus send what fits a pattern to a queue."""
        sqs, events = self.engine.client("sqs"), self.engine.client("events")
        asked = sqs.get_queue_attributes(QueueUrl=self.bus_queue_url, AttributeNames=["QueueArn"])
        events.put_rule(Name=self.bus, EventBusName=self.bus, EventPattern=json.dumps(pattern))
        target = {"Id": "queue", "Arn": asked["Attributes"]["QueueArn"]}
        events.put_targets(Rule=self.bus, EventBusName=self.bus, Targets=[target])

    def deliver(self, what: Outcome, *, seconds: float = 60.0) -> None:
        self.sink.deliver(what, deadline=self.time.monotonic() + seconds)

    def messages(self, url: str | None = None, *, wait: int = 0) -> list[Any]:
        """Take what is in a queue."""
        answer = self.engine.client("sqs").receive_message(
            QueueUrl=url or self.queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=wait, MessageAttributeNames=["All"]
        )
        found: list[Any] = answer.get("Messages", [])
        return found

    def events(self) -> list[Any]:
        """Take the events that the bus has sent on."""
        return [json.loads(message["Body"]) for message in self.messages(self.bus_queue_url, wait=1)]

    def objects(self) -> dict[str, Any]:
        """Return everything in the bucket by key."""
        s3 = self.engine.client("s3")
        keys = [found["Key"] for found in s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])]
        return {key: json.loads(s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()) for key in keys}

    def close(self) -> None:
        self.http.close()

    def _client(self, service: str) -> Any:
        self.asked.append(service)
        return self.clients.get(service) or Watched(self, service, self.engine.client(service))


class Watched:
    """A client whose requests are held to the service's own model, and noted."""

    def __init__(self, targets: Targets, service: str, client: Any) -> None:
        self._targets = targets
        self._client = client
        self._model = botocore.session.Session().get_service_model(service)

    def __getattr__(self, name: str) -> Any:
        operation = next(known for known in self._model.operation_names if _snake(known) == name)

        def call(**request: Any) -> Any:
            report = ParamValidator().validate(request, self._model.operation_model(operation).input_shape)
            assert not report.has_errors(), report.generate_report()
            self._targets.calls.append((name, request))
            return getattr(self._client, name)(**request)

        return call


def assert_valid(document: Any, part: str | None = None) -> None:
    """Hold a document, an `event` or a `webhook` to the published schema."""
    schema = SCHEMA if part is None else {**SCHEMA["$defs"][part], "$defs": {"document": SCHEMA}}
    if part is not None:
        schema = json.loads(json.dumps(schema).replace('{"$ref": "#"}', '{"$ref": "#/$defs/document"}'))
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(document)


def signatures(key: bytes, headers: dict[str, str], body: bytes) -> list[str]:
    """Return what Standard Webhooks wants the signature to be, computed from what arrived."""
    content = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    return ["v1", base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()]


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")

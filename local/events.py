"""The local run without callers: queues, bus, bucket, inbox and state machine, started behind everything else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from local.executions import Executions
from local.functions import LocalContext
from local.inbox import Inbox
from local.invokes import Invokes
from local.lazy import LazyFunction
from local.pollers import Poller, Source
from local.resources import BUCKET, INBOX, ORDERED_RUNS, RUNS, QueueUrls, create_resources
from local.state_machine import World
from promptside.log import log_failure

FUNCTION_SECONDS = 900.0
_CALL_SECONDS = 40
_REGION = "us-east-1"


class LocalEvents:
    """Everything that brings orders to the events function.

    `store_url` is where the engine answers, `directory` the state's, `definition` the state machine's document.
    """

    def __init__(self, store_url: str, directory: Path, function: LazyFunction, definition: Path) -> None:
        self._store_url = store_url
        self._directory = directory
        self._function = function
        self._ready = threading.Event()
        self._stop = threading.Event()
        self.inbox = directory / "inbox"
        self.executions = Executions(directory / "executions", definition, self._world)
        self.answer = Invokes(self.invoke, self.executions)

    def start(self) -> None:
        """Start in the background; `wait` tells when all of it is there."""
        threading.Thread(target=self._start, daemon=True, name="events").start()

    def stop(self) -> None:
        """Take nothing more; what is running is left to the next start."""
        self._stop.set()

    def wait(self, seconds: float) -> bool:
        """Wait until the bucket and the queues are there; False when they are not in time."""
        return self._ready.wait(seconds)

    def invoke(self, event: Any) -> Any:
        """Call the events function as Lambda would. Raises what it raises."""
        return self._function.handler()(event, LocalContext("events", time.monotonic() + FUNCTION_SECONDS))

    def _start(self) -> None:
        try:
            clients = _clients(self._store_url)
            create_resources(clients)
            self._ready.set()
            self.executions.resume()
            for source in _sources(QueueUrls(self._store_url)):
                _run(Poller(clients("sqs"), source, self.invoke, self._stop).run, source.name)
            _run(Inbox(self.inbox, self._put).run, "inbox")
        except Exception as error:  # the edge: prompts can be run without any of it
            log_failure("events_not_started", error)

    def _world(self) -> World:
        return World(invoke=self.invoke, read=self._read)

    def _read(self, bucket: str, key: str) -> bytes:
        body: bytes = _clients(self._store_url)("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def _put(self, key: str, path: Path) -> None:
        with path.open("rb") as file:
            _clients(self._store_url)("s3").put_object(Bucket=BUCKET, Key=key, Body=file)


def _sources(urls: QueueUrls) -> list[Source]:
    return [
        Source(RUNS, urls.of(RUNS)),
        Source(ORDERED_RUNS, urls.of(ORDERED_RUNS)),
        Source(INBOX, urls.of(INBOX), batched=False),
    ]


def _run(work: Callable[[], None], name: str) -> None:
    threading.Thread(target=work, daemon=True, name=name).start()


@cache
def _clients(store_url: str) -> Callable[[str], Any]:
    from botocore.config import Config
    from botocore.session import Session

    session = Session()
    # The user's own credentials are for Bedrock: the local store must neither need nor see them.
    session.set_credentials("local", "local")
    config = Config(read_timeout=_CALL_SECONDS, max_pool_connections=16, s3={"addressing_style": "path"})
    lock = threading.Lock()
    made: dict[str, Any] = {}

    def client(service: str) -> Any:
        # Sessions are not safe to share while they make clients; clients are.
        with lock:
            if service not in made:
                made[service] = session.create_client(
                    service, region_name=_REGION, endpoint_url=store_url, config=config
                )
            return made[service]

    return client

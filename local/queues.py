"""The engine's SQS, EventBridge and S3 as the local run offers them: with what they hold kept on disk.

Objects are files below `objects/`, written with each call. Messages and rules are two small files below `queues/`,
written half a second after a change and at the end: a machine that loses power may forget what was sent in that time,
or deliver again what was deleted in it. Runs are claimed in the store, which forgets nothing, so none is paid twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from local.containers import HOST as CONTAINERS_HOST

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

SQS = "AmazonSQS."
EVENTS = "AWSEvents."
REGION = "us-east-1"

_READS = frozenset({f"{SQS}GetQueueUrl", f"{SQS}GetQueueAttributes", f"{SQS}ListQueues", f"{EVENTS}ListRules"})
_SIGNATURE = (b"X-Amz-", b"AWSAccessKeyId=", b"Signature=", b"Expires=")
"""Parts of a signed link, of both versions that S3 takes."""
_SAVE_SECONDS = 0.5


def keep_below(directory: Path) -> dict[str, str]:
    """Return the variables that make the engine keep objects and queues below a directory."""
    return {
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(directory / "objects"),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(directory / "queues"),
    }


class QueueServices:
    """An ASGI application: the engine's SQS, EventBridge and S3 for whoever is on this machine.

    They are imported with the first call, which takes the engine a moment: nobody who only runs prompts waits for it.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._restored = False
        self._last_seconds = 0.0
        self._saving: asyncio.Task[None] | None = None

    def knows(self, scope: Message, target: str) -> bool:
        """Tell whether a call is for one of the three services."""
        return target.startswith((SQS, EVENTS)) or (not target and _is_for_s3(scope))

    async def __call__(self, scope: Message, receive: Receive, send: Send, *, target: str) -> None:
        """Answer one call."""
        if not self._restored:
            self._restore()
        service = "sqs" if target.startswith(SQS) else "events" if target else "s3"
        local = {**scope, "headers": _local_headers(scope, service), "query_string": _unsigned(scope)}
        await self._application(local, receive, send)
        if target not in _READS and (target or scope["method"] not in {"GET", "HEAD"}):
            self._save_soon()

    def save(self) -> None:
        """Write messages and rules now."""
        from ministack.core.persistence import save_state
        from ministack.services import eventbridge, sqs

        if self._restored:
            save_state("sqs", sqs.get_state())
            save_state("eventbridge", eventbridge.get_state())

    def _restore(self) -> None:
        from ministack.core.persistence import load_state
        from ministack.services import eventbridge, sqs

        for name, module in (("sqs", sqs), ("eventbridge", eventbridge)):
            if (state := load_state(name)) is not None:
                module.load_persisted_state(state)
        # Whoever held a message has gone with the process before.
        messages = [message for queue in sqs._queues._data.values() for message in queue["messages"]]
        for message in messages:
            if message["receive_count"]:
                message["visible_at"] = 0.0
        self._restored = True

    def _save_soon(self) -> None:
        if self._saving is None or self._saving.done():
            self._saving = asyncio.create_task(self._save_later())

    async def _save_later(self) -> None:
        # Nothing else is answered meanwhile, so that a long queue is written less often.
        await asyncio.sleep(max(_SAVE_SECONDS, self._last_seconds * 10))
        started = time.monotonic()
        self.save()
        self._last_seconds = time.monotonic() - started


def refuses_browsers(scope: Message) -> bool:
    """Tell whether a call comes from a web page: from elsewhere, or by a name that only points here."""
    headers = dict(scope["headers"])
    host = headers.get(b"host", b"").decode("latin-1").rpartition(":")[0] or headers.get(b"host", b"").decode("latin-1")
    ours = host in {"127.0.0.1", "localhost", CONTAINERS_HOST} or host.endswith(".localhost")
    return b"origin" in headers or b"sec-fetch-site" in headers or not ours


def _is_for_s3(scope: Message) -> bool:
    headers = dict(scope["headers"])
    query = scope.get("query_string", b"").replace(b"%2F", b"/")
    return b"/s3/aws4_request" in headers.get(b"authorization", b"") + query or b"AWSAccessKeyId=" in query


def _unsigned(scope: Message) -> bytes:
    """Return the query without a link's signature, which may be for another region."""
    query: bytes = scope.get("query_string", b"")
    return b"&".join(part for part in query.split(b"&") if not part.startswith(_SIGNATURE))


def _local_headers(scope: Message, service: str) -> list[tuple[bytes, bytes]]:
    """Replace callers' regions and keys: the engine keeps a separate store for each of them."""
    credential = f"AWS4-HMAC-SHA256 Credential=local/20260101/{REGION}/{service}/aws4_request"
    kept = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
    return [*kept, (b"authorization", f"{credential}, SignedHeaders=host, Signature=0".encode())]

"""What the engine's port answers: the durable store, queues and objects, and, through the parent, state machines."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request

from local.queues import Application, Message, QueueServices, Receive, Send, refuses_browsers

STATES = "AWSStepFunctions."
_PARENT_SECONDS = 30.0


class Doors:
    """An ASGI application that tells by the call who answers it. `machines_url` is where the parent runs them."""

    def __init__(self, durable: Application, queues: QueueServices, machines_url: str) -> None:
        self._durable = durable
        self._queues = queues
        self._machines_url = machines_url

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one ASGI request."""
        if scope["type"] != "http":
            await self._durable(scope, receive, send)
            return
        target = dict(scope["headers"]).get(b"x-amz-target", b"").decode("latin-1")
        if refuses_browsers(scope) or scope["path"].startswith("/_"):
            await _answer(send, 403, b'{"__type": "AccessDenied", "message": "Only programs of this machine may ask"}')
        elif target.startswith(STATES):
            status, body = await asyncio.to_thread(self._ask_parent, target, await _read(receive))
            await _answer(send, status, body)
        elif self._queues.knows(scope, target):
            await self._queues(scope, receive, send, target=target)
        else:
            await self._durable(scope, receive, send)

    def _ask_parent(self, target: str, body: bytes) -> tuple[int, bytes]:
        if not self._machines_url:
            return 503, b'{"__type": "ServiceUnavailable", "message": "There are no state machines here"}'
        headers = {"x-amz-target": target, "content-type": "application/x-amz-json-1.0"}
        request = urllib.request.Request(self._machines_url, body, headers, method="POST")  # noqa: S310 - our own URL
        try:
            with urllib.request.urlopen(request, timeout=_PARENT_SECONDS) as answer:  # noqa: S310
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError as error:
            text = {"__type": "ServiceUnavailable", "message": f"State machines do not answer: {type(error).__name__}"}
            return 503, json.dumps(text).encode()


async def _read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/x-amz-json-1.0"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})

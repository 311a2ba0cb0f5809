"""What the engine's port answers: the durable store, queues and objects, and what it passes on to its parent.

That is Step Functions and Lambda's Invoke: the functions run in the parent.
"""

from __future__ import annotations

import asyncio
import json
import re
import urllib.error
import urllib.request
from email.message import Message as MailHeaders
from urllib.parse import quote

from local.queues import Application, Message, QueueServices, Receive, Send, refuses_browsers

Headers = MailHeaders | dict[str, str]

STATES = "AWSStepFunctions."
PATH = re.compile(r"/2015-03-31/functions/(?P<name>[^/]+)/invocations")
"""Where Lambda's Invoke is called; it is passed on to the same path."""
# As long as a function may run.
_PARENT_SECONDS = 900.0
_ASKED = (b"x-amz-target", b"x-amz-invocation-type")
_TOLD = ("content-type", "x-amz-function-error", "x-amzn-errortype")
_JSON = {"content-type": "application/x-amz-json-1.0"}


class Doors:
    """An ASGI application that tells by the call who answers it. `parent_url` is where the parent does."""

    def __init__(self, durable: Application, queues: QueueServices, parent_url: str) -> None:
        self._durable = durable
        self._queues = queues
        self._parent_url = parent_url

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one ASGI request."""
        if scope["type"] != "http":
            await self._durable(scope, receive, send)
            return
        target = dict(scope["headers"]).get(b"x-amz-target", b"").decode("latin-1")
        if refuses_browsers(scope) or scope["path"].startswith("/_"):
            text = b'{"__type": "AccessDenied", "message": "Only programs of this machine may ask"}'
            await _answer(send, 403, _JSON, text)
        elif target.startswith(STATES) or PATH.fullmatch(scope["path"]):
            await _answer(send, *await asyncio.to_thread(self._ask_parent, scope, await _read(receive)))
        elif self._queues.knows(scope, target):
            await self._queues(scope, receive, send, target=target)
        else:
            await self._durable(scope, receive, send)

    def _ask_parent(self, scope: Message, body: bytes) -> tuple[int, Headers, bytes]:
        if not self._parent_url:
            return _unavailable("there is no parent")
        given = dict(scope["headers"])
        headers = {name.decode(): given[name].decode("latin-1") for name in _ASKED if name in given}
        url = self._parent_url + quote(scope["path"])
        request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310 - our own URL
        try:
            with urllib.request.urlopen(request, timeout=_PARENT_SECONDS) as answer:  # noqa: S310
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()
        except OSError as error:
            return _unavailable(type(error).__name__)


def _unavailable(why: str) -> tuple[int, Headers, bytes]:
    text = {"__type": "ServiceUnavailable", "message": f"Functions and state machines do not answer: {why}"}
    return 503, _JSON, json.dumps(text).encode()


async def _read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _answer(send: Send, status: int, given: Headers, body: bytes) -> None:
    told = [(name.encode(), given[name].encode("latin-1")) for name in _TOLD if name in given]
    headers = [*told, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})

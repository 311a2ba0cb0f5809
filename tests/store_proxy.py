"""An HTTP proxy in front of a DynamoDB or SSM engine that counts calls and breaks them as told.

with StoreProxy(engine.url) as proxy:
    client = engine.new_client("dynamodb", url=proxy.url)
    proxy.next_answers.append(throttled)
    ...
    assert proxy.operations == ["BatchGetItem", "BatchGetItem"]
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

Answer = tuple[int, bytes]
Forward = Callable[[bytes], Answer]
Fault = Callable[[bytes, Forward], Answer | None]
"""Gets the request's body and the way to the engine; None cuts the connection without an answer."""


def refused(status: int, code: str) -> Fault:
    """Answer with one of AWS's errors."""
    body = json.dumps({"__type": f"com.amazonaws.fault#{code}", "message": "as the test wants it"}).encode()
    return lambda _request, _forward: (status, body)


throttled = refused(400, "ProvisionedThroughputExceededException")
broken = refused(500, "InternalServerError")


def cut(_request: bytes, _forward: Forward) -> Answer | None:
    """Close the connection without a word."""
    return None


def lost_answer(request: bytes, forward: Forward) -> Answer | None:
    """Let the engine do its work and lose what it says."""
    forward(request)
    return None


def hold_back(request: bytes, forward: Forward) -> Answer | None:
    """Answer for the first key of a BatchGetItem only and name the others as unprocessed."""
    asked = json.loads(request)
    ((table, wanted),) = asked["RequestItems"].items()
    first, rest = wanted["Keys"][:1], wanted["Keys"][1:]
    status, body = forward(json.dumps({"RequestItems": {table: {**wanted, "Keys": first}}}).encode())
    answer = json.loads(body)
    if rest:
        answer["UnprocessedKeys"] = {table: {**wanted, "Keys": rest}}
    return status, json.dumps(answer).encode()


class StoreProxy:
    """Forwards to `target`; `next_answers` are used up one per call, `always` (if set) answers every call."""

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self.operations: list[str] = []
        self.next_answers: deque[Fault | None] = deque()
        self.always: Fault | None = None
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Headers and body are two writes; without this the second waits for the first's acknowledgement.
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                proxy._answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length", "0")))
        self.operations.append(handler.headers.get("x-amz-target", "").rpartition(".")[2])
        fault = self.next_answers.popleft() if self.next_answers else self.always

        def forward(request: bytes) -> Answer:
            return self._forward(handler, request)

        answer = forward(body) if fault is None else fault(body, forward)
        if answer is None:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        handler.send_response(answer[0])
        handler.send_header("content-type", "application/x-amz-json-1.0")
        handler.send_header("content-length", str(len(answer[1])))
        handler.end_headers()
        handler.wfile.write(answer[1])

    def _forward(self, handler: BaseHTTPRequestHandler, body: bytes) -> Answer:
        dropped = ("host", "content-length", "connection", "expect")
        headers = {name: value for name, value in handler.headers.items() if name.lower() not in dropped}
        connection = http.client.HTTPConnection(str(self._target.hostname), self._target.port, timeout=20)
        try:
            connection.request("POST", "/", body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

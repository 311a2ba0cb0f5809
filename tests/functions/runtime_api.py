"""A loopback Lambda Runtime API: serves invocations, shows each chunk as it arrives, can drop the caller."""

from __future__ import annotations

import base64
import json
import os
import queue
import socket
import socketserver
import struct
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedIOBase
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 10.0
_PREFIX = "/2018-06-01/runtime"
_END = None


@dataclass
class Exchange:
    """One invocation and what the runtime did with it."""

    event: bytes
    deadline_ms: int
    headers: Mapping[str, str]
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    drop_after_parts: int | None = None
    answer_headers: dict[str, str] = field(default_factory=dict)
    trailers: dict[str, str] = field(default_factory=dict)
    failed: bool = False
    parts: list[bytes] = field(default_factory=list)
    _arriving: queue.Queue[bytes | None] = field(default_factory=queue.Queue)

    def next_part(self) -> bytes:
        """Wait for the next chunk; an empty one stands for the end."""
        part = self._arriving.get(timeout=PATIENCE_SECONDS)
        if part is _END:
            return b""
        self.parts.append(part)
        return part

    def finish(self) -> Exchange:
        """Wait for the end of the answer."""
        while self.next_part():
            pass
        return self

    @property
    def payload(self) -> bytes:
        """Everything sent so far, prelude included."""
        return b"".join(self.parts)

    @property
    def prelude(self) -> dict[str, Any]:
        """The JSON before the eight NUL bytes."""
        prelude, delimiter, _ = self.payload.partition(b"\x00" * 8)
        assert delimiter, f"no prelude in {self.payload[:200]!r}"
        value: dict[str, Any] = json.loads(prelude)
        return value

    @property
    def body(self) -> bytes:
        """What a client of an HTTP front end gets."""
        return self.payload.partition(b"\x00" * 8)[2]

    @property
    def error(self) -> tuple[str, Any]:
        """Type and document of an error that came in the trailers."""
        document = json.loads(base64.b64decode(self.trailers["lambda-runtime-function-error-body"]))
        return self.trailers["lambda-runtime-function-error-type"], document

    def arrived(self, part: bytes | None) -> None:
        """Called by the server."""
        self._arriving.put(part)


class RuntimeApi(socketserver.ThreadingTCPServer):
    """`with RuntimeApi() as api: api.invoke({...}).finish().body`."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self.waiting: queue.Queue[Exchange | None] = queue.Queue()
        self.exchanges: dict[str, Exchange] = {}
        self.calls: list[str] = []
        self.reports: queue.Queue[tuple[str, dict[str, str], Any]] = queue.Queue()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def server_close(self) -> None:
        """Stop serving; called at the end of the `with`."""
        self.waiting.put(None)
        self.shutdown()
        super().server_close()

    def invoke(
        self,
        event: Any,
        *,
        seconds: float = 60.0,
        headers: Mapping[str, str] | None = None,
        drop_after_parts: int | None = None,
    ) -> Exchange:
        """Queue an invocation that has `seconds` to run; raw bytes are sent as they are."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        exchange = Exchange(body, int((time.time() + seconds) * 1000), headers or {}, drop_after_parts=drop_after_parts)
        self.exchanges[exchange.request_id] = exchange
        self.waiting.put(exchange)
        return exchange

    def report(self) -> tuple[str, dict[str, str], Any]:
        """Wait for a call to an init or restore error route: path, headers, document."""
        return self.reports.get(timeout=PATIENCE_SECONDS)


class _Connection(socketserver.StreamRequestHandler):
    server: RuntimeApi

    def handle(self) -> None:
        while line := self.rfile.readline():
            method, path, _ = line.decode().split(" ", 2)
            headers = _read_fields(self.rfile)
            self.server.calls.append(f"{method} {path.removeprefix(_PREFIX)}")
            if not self._route(path.removeprefix(_PREFIX), headers) or headers.get("connection") == "close":
                return

    def _route(self, path: str, headers: dict[str, str]) -> bool:
        if path == "/invocation/next":
            return self._next()
        if path == "/restore/next":
            return self._reply(200, b"")
        if path.startswith("/invocation/"):
            _, _, request_id, kind = path.split("/")
            return self._answer(self.server.exchanges[request_id], headers, failed=kind == "error")
        document = json.loads(self.rfile.read(int(headers["content-length"])))
        self.server.reports.put((path, headers, document))
        return self._reply(202, b"{}")

    def _next(self) -> bool:
        exchange = self.server.waiting.get()
        if exchange is None:
            self.server.waiting.put(None)
            return False
        fields = {
            "Lambda-Runtime-Aws-Request-Id": exchange.request_id,
            "Lambda-Runtime-Deadline-Ms": str(exchange.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:loopback",
            **exchange.headers,
        }
        return self._reply(200, exchange.event, fields)

    def _answer(self, exchange: Exchange, headers: dict[str, str], *, failed: bool) -> bool:
        exchange.answer_headers = headers
        exchange.failed = failed
        try:
            if "content-length" in headers:
                exchange.arrived(self.rfile.read(int(headers["content-length"])))
                return self._reply(202, b"{}")
            for count, part in enumerate(self._chunks(), start=1):
                exchange.arrived(part)
                if count == exchange.drop_after_parts:
                    # No lingering: the runtime sees a reset connection, as when Lambda gives up on an answer.
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return False
            exchange.trailers = _read_fields(self.rfile)
            return self._reply(202, b"{}")
        finally:
            exchange.arrived(_END)

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            assert self.rfile.read(2) == b"\r\n"

    def _reply(self, status: int, body: bytes, fields: Mapping[str, str] | None = None) -> bool:
        lines = [f"HTTP/1.1 {status} Fine", f"Content-Length: {len(body)}", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in (fields or {}).items()]
        self.wfile.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        return True


def _read_fields(source: BufferedIOBase) -> dict[str, str]:
    fields: dict[str, str] = {}
    while line := source.readline().decode().rstrip("\r\n"):
        name, _, value = line.partition(":")
        fields[name.lower()] = value.strip()
    return fields


@dataclass
class Runtime:
    """A running runtime process; `log` is its stdout and stderr."""

    process: subprocess.Popen[bytes]
    log_path: Path

    @property
    def log(self) -> str:
        """What the process has written so far."""
        return self.log_path.read_text()

    def exit_code(self) -> int:
        """Wait for the process to end by itself."""
        return self.process.wait(PATIENCE_SECONDS)


@contextmanager
def running_runtime(
    api: RuntimeApi,
    task_root: Path,
    log_path: Path,
    *,
    command: list[str],
    environment: Mapping[str, str] | None = None,
) -> Iterator[Runtime]:
    """Start `command` as Lambda starts a runtime, with only the variables Lambda sets, and end it afterwards."""
    variables = {
        "PATH": os.defpath,
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "_HANDLER": "app.handler",
        "LAMBDA_TASK_ROOT": str(task_root),
        "AWS_LAMBDA_FUNCTION_NAME": "loopback",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/loopback",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/22/[$LATEST]1",
        "AWS_REGION": "us-east-1",
        **(environment or {}),
    }
    with log_path.open("wb") as log:
        process = subprocess.Popen(command, cwd=task_root, env=variables, stdout=log, stderr=log)
    try:
        yield Runtime(process, log_path)
    finally:
        process.kill()
        process.wait()


def interpreter() -> str:
    """The Python below the virtual environment: what it imports is only what PYTHONPATH names."""
    return str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())

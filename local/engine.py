"""The child process behind the local run: DynamoDB and SSM on a loopback port, durable through a journal.

Started as `python -m local.engine JOURNAL [PORT [URL]]`: the port it would like to have, and where its parent answers
for state machines. Queues, rules and objects are in `local/queues.py`. It prints one line, `{"port": 40123}`, when it
answers, and leaves when its standard input ends: that is how it notices that its parent is gone, however the parent
went.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from local.changes import DYNAMODB, READS, SSM, WRITES, changes_of, replay_calls
from local.doors import Doors
from local.journal import Change, Journal, JournalDamaged, JsonObject, State, read_state, write_state
from local.queues import REGION, Application, Message, QueueServices, Receive, Send, keep_below

_ENGINE_ENVIRONMENT = {
    # Otherwise it opens a port on every interface.
    "IOT_MTLS_ENABLED": "0",
    "SFTP_ENABLED": "0",
    "LOG_LEVEL": "ERROR",
    # The keys that the functions have here: links to objects are checked against them.
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
}


class DurableEngine:
    """An ASGI application: the engine's, with DynamoDB and SSM only, one call at a time, writes kept on disk.

    One lock around everything makes the order of the file the order of execution, and keeps readers from seeing what
    is not on the disk yet.
    """

    def __init__(self, application: Application, journal: Journal, state: State, give_up: Callable[[], None]) -> None:
        self._application = application
        self._journal = journal
        # The tables' keys; items are left to the engine.
        self._tables = State(tables=dict(state.tables), items={name: {} for name in state.tables})
        self._give_up = give_up
        self._lock = asyncio.Lock()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one ASGI request."""
        if scope["type"] == "lifespan":
            # The engine's own start looks for Docker and for scripts to run; none of that is wanted here.
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            headers = dict(scope["headers"])
            body = await _read_body(receive)
            for message in await self._answer(headers.get(b"x-amz-target", b"").decode("latin-1"), body):
                await send(message)

    async def _answer(self, target: str, body: bytes) -> list[Message]:
        if target not in READS and target not in WRITES:
            return _refusal(target)
        async with self._lock:
            messages = await call(self._application, target, body)
            if target in WRITES and messages[0]["status"] == 200:
                await self._keep(target, json.loads(body))
        return messages

    async def _keep(self, target: str, body: JsonObject) -> None:
        try:
            changes = await changes_of(target, body, state=self._tables, read=self._read)
            for change in changes:
                if change["op"] in {"create-table", "delete-table"}:
                    self._tables.apply(change)
            self._journal.append(changes)
        except Exception as error:  # the edge between memory and disk
            # The memory is ahead of the disk now. Leaving without an answer puts both back in step.
            reason = error.strerror if isinstance(error, OSError) else type(error).__name__
            print(f"The local store cannot write its journal: {reason}", file=sys.stderr, flush=True)
            self._give_up()

    async def _read(self, target: str, body: JsonObject) -> JsonObject:
        return await call_json(self._application, target, body)


async def call(application: Application, target: str, body: bytes) -> list[Message]:
    """Make one AWS call in process and return the ASGI messages of the answer."""
    messages: list[Message] = []
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return pending.pop() if pending else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        messages.append(message)

    await application(_scope(target), receive, send)
    return messages


async def call_json(application: Application, target: str, body: JsonObject) -> JsonObject:
    """Make one AWS call in process and return its JSON. Raises RuntimeError if the engine refuses."""
    messages = await call(application, target, json.dumps(body).encode())
    answer = b"".join(message.get("body", b"") for message in messages)
    if messages[0]["status"] != 200:
        raise RuntimeError(f"{target} was refused: {answer.decode('utf-8', 'replace')[:500]}")
    decoded: JsonObject = json.loads(answer)
    return decoded


async def restore(application: Application, changes: Iterable[Change]) -> None:
    """Bring a compacted state back into an empty engine."""
    for target, body in replay_calls(changes):
        await call_json(application, target, body)


async def serve(path: Path, port: int = 0, machines_url: str = "") -> None:
    """Restore the state, answer on a loopback port, and end with the standard input. Raises JournalDamaged."""
    from hypercorn.asyncio import serve as serve_asgi
    from hypercorn.config import Config

    state = read_state(path)
    now = time.time()
    write_state(path, state, now=now)
    application = _engine(path.parent)
    # The engine imports a service at its first call; nobody is waiting for it yet.
    await call_json(application, SSM + "DescribeParameters", {})
    await call_json(application, DYNAMODB + "ListTables", {})
    await restore(application, state.changes(now=now))
    listener = _listener(port)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: _report(loop, context, stop))
    _watch_parent(loop, stop)
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.loglevel = "ERROR"
    config.keep_alive_timeout = 3600
    config.graceful_timeout = 0.2
    config.shutdown_timeout = 0.5
    durable = DurableEngine(application, Journal(path), state, lambda: os._exit(1))
    queues = QueueServices(application)
    print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
    await serve_asgi(Doors(durable, queues, machines_url), config, shutdown_trigger=stop.wait)
    queues.save()


def main() -> int:
    """Run until the parent leaves; exit code 1 and one line on standard error if the journal cannot be used."""
    try:
        path, port, machines_url = [*sys.argv[1:], "0", ""][:3]
        asyncio.run(serve(Path(path), int(port or 0), machines_url))
    except JournalDamaged as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    except OSError as error:
        print(f"{sys.argv[1]}: {error.strerror}", file=sys.stderr, flush=True)
        return 1
    return 0


def _listener(port: int) -> socket.socket:
    """Bind the port that was asked for, or any other when it is taken."""
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError:
        return socket.create_server(("127.0.0.1", 0))


def _engine(directory: Path) -> Application:
    # The engine reads these when it is imported. Its own snapshots are never written but by `QueueServices`.
    os.environ.update({**_ENGINE_ENVIRONMENT, **keep_below(directory)})  # noqa: TID251 - the child process' own environment
    from ministack.app import app

    application: Application = app
    return application


def _scope(target: str) -> Message:
    service = "ssm" if target.startswith(SSM) else "dynamodb"
    # Callers' regions and keys are replaced: the engine keeps a separate store for each of them.
    credential = f"AWS4-HMAC-SHA256 Credential=local/20260101/{REGION}/{service}/aws4_request"
    version = "1.0" if target.startswith(DYNAMODB) else "1.1"
    headers = {
        "authorization": f"{credential}, SignedHeaders=host, Signature=0",
        "content-type": f"application/x-amz-json-{version}",
        "host": f"{service}.{REGION}.amazonaws.com",
        "x-amz-target": target,
    }
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 0),
    }


def _refusal(target: str) -> list[Message]:
    text = f"The local store does not know the call '{target[:100]}'"
    body = json.dumps({"__type": "UnknownOperationException", "message": text}).encode()
    headers = [(b"content-type", b"application/x-amz-json-1.0"), (b"content-length", str(len(body)).encode())]
    return [
        {"type": "http.response.start", "status": 400, "headers": headers},
        {"type": "http.response.body", "body": body, "more_body": False},
    ]


async def _read_body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _report(loop: asyncio.AbstractEventLoop, context: Message, stop: asyncio.Event) -> None:
    """Report what nobody handles, but not that the end cuts off who waits for messages."""
    if not (stop.is_set() and isinstance(context.get("exception"), asyncio.CancelledError)):
        loop.default_exception_handler(context)


def _watch_parent(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    def wait() -> None:
        while sys.stdin.buffer.read(4096):
            pass
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait, daemon=True, name="parent-watch").start()


if __name__ == "__main__":
    sys.exit(main())

"""DynamoDB and SSM engines on loopback, one of each per pytest process; `tests/conftest.py` has the fixtures.

    def test_something(engine: Engine) -> None:
        table = engine.new_table()
        reader = DynamoPromptReader(engine.client("dynamodb"), table=table, workspace="default")

`engine` is ministack (small and fast), `moto_engine` is moto, and `any_engine` runs a test against both.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from promptside.store.tables import create_tables
from promptside.transport.client import HttpClient
from promptside.transport.dynamodb import BatchReader

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

REGION = "us-east-1"
START_SECONDS = 30.0


@dataclass(frozen=True)
class Engine:
    """A running engine: its URL answers DynamoDB's and SSM's protocols."""

    name: str
    url: str
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)
    _opened: list[HttpClient] = field(default_factory=list, repr=False)

    def client(self, service: str) -> Any:
        """Return the boto3 client shared by this process's tests."""
        if service not in self._clients:
            self._clients[service] = self.new_client(service)
        return self._clients[service]

    def new_client(self, service: str, *, url: str | None = None, **options: Any) -> Any:
        """Return a client of its own, whose events a test may hook; `url` leads it through a proxy."""
        config = Config(
            connect_timeout=5,
            read_timeout=20,
            retries={"total_max_attempts": 1},
            max_pool_connections=64,
            parameter_validation=False,
        ).merge(Config(**options))
        return boto3.client(
            service,
            endpoint_url=url or self.url,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=config,
        )

    def new_reads(self, *, url: str | None = None) -> BatchReader:
        """Return what a run reads through; `url` leads it through a proxy."""
        session = boto3.session.Session(aws_access_key_id="local", aws_secret_access_key="local")
        http = HttpClient(allow_private_hosts=True)
        self._opened.append(http)
        return BatchReader(self.new_client("dynamodb", url=url), session, http, seconds=2)

    def close(self) -> None:
        """Close the connections of what `new_reads` has made."""
        for http in self._opened:
            http.close()

    def new_table(self) -> str:
        """Create an empty table that no other test uses and return its name."""
        name = f"promptside-{secrets.token_hex(6)}"
        create_tables(self.client("dynamodb"), name)
        return name

    def new_prefix(self) -> str:
        """Return a parameter path that no other test uses."""
        return f"/promptside/{secrets.token_hex(6)}"


@contextlib.contextmanager
def ministack() -> Iterator[Engine]:
    """Run ministack as a child process that keeps nothing on disk."""
    port = free_port()
    environment = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "ERROR",
        "PYTHONDONTWRITEBYTECODE": "1",
        # Links to objects are checked against the keys of `new_client`.
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "ministack.log")
        with log.open("wb") as output:
            child = subprocess.Popen(
                [sys.executable, "-m", "ministack"],
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            _wait_until_listening(child, port, log)
            with contextlib.closing(Engine("ministack", f"http://127.0.0.1:{port}")) as engine:
                yield engine
        finally:
            child.terminate()
            try:
                child.wait(timeout=10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


@contextlib.contextmanager
def moto() -> Iterator[Engine]:
    """Run moto's server in a thread of this process."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = _one_at_a_time(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with contextlib.closing(Engine("moto", f"http://127.0.0.1:{server.server_port}")) as engine:
            yield engine
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _one_at_a_time(application: WSGIApplication) -> WSGIApplication:
    """Make each request whole, as DynamoDB's are: two updates of one item at the same moment lose one in moto."""
    lock = threading.Lock()

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with lock:
            return application(environ, start_response)

    return answer


def free_port() -> int:
    """Return a loopback port that is free right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_listening(child: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise RuntimeError(f"ministack ended with status {child.returncode}:\n{log.read_text()[-2000:]}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"ministack did not listen within {START_SECONDS} s:\n{log.read_text()[-2000:]}")

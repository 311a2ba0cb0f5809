"""Plain HTTP, for what no SDK can send or show."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from tests.clients.running import KEY, Running

_SECONDS = 20.0


@contextmanager
def open_request(
    running: Running, method: str, path: str, body: bytes | None = None
) -> Iterator[http.client.HTTPResponse]:
    """Give the answer to a request; `path` comes after the origin."""
    connection = http.client.HTTPConnection(urlsplit(running.origin).netloc, timeout=_SECONDS)
    try:
        connection.request(method, path, body, {"x-portkey-api-key": KEY, "content-type": "application/json"})
        yield connection.getresponse()
    finally:
        connection.close()


@contextmanager
def open_stream(running: Running, prompt: str, body: dict[str, Any]) -> Iterator[http.client.HTTPResponse]:
    """Give the answer to a run of a prompt."""
    path = f"/v1/prompts/{prompt}/completions"
    with open_request(running, "POST", path, json.dumps(body).encode()) as answer:
        yield answer


def call(running: Running, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
    """Return status and JSON of an answer."""
    with open_request(running, method, path, body) as answer:
        return answer.status, json.loads(answer.read())

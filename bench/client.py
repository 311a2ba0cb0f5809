"""A client that measures: one connection, one call at a time, as little work of its own as possible."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any


@dataclass
class Side:
    """One side of a comparison: where it calls, and what it measured, in milliseconds."""

    name: str
    port: int
    path: str
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)
    plain: list[float] = field(default_factory=list)
    burst: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Open the connection that all calls use."""
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        self.headers = {"content-type": "application/json", **self.headers}

    def call(self) -> None:
        """Time one whole answer."""
        started = time.perf_counter()
        response = self._request(model="plain", stream=False)
        body = response.read()
        self.plain.append(_since(started))
        if response.status != 200:
            raise RuntimeError(f"{self.name} answered {response.status}: {body[:300]!r}")

    def stream_burst(self, events: int) -> None:
        """Time a stream whose events come as fast as they can, decoding each as any client does."""
        started = time.perf_counter()
        response = self._request(model="burst", stream=True)
        seen = [line[6:] for line in response if line.startswith(b"data: ")]
        chunks = [json.loads(data) for data in seen[:-1]]
        self.burst.append(_since(started))
        if len(chunks) != events or seen[-1].strip() != b"[DONE]":
            raise RuntimeError(f"{self.name} lost events: {len(chunks)} of {events}")

    def stream_paced(self) -> None:
        """Time the first event and the gaps of a stream with a steady pace."""
        started = time.perf_counter()
        response = self._request(model="paced", stream=True)
        arrivals: list[float] = []
        while True:
            part = response.read1(65_536)
            if not part:
                break
            arrivals.append(time.perf_counter())
        self.first.append((arrivals[0] - started) * 1000)
        # The last event and what follows it may come together.
        self.gaps += [(after - before) * 1000 for before, after in pairwise(arrivals[:-1])]

    def _request(self, *, model: str, stream: bool) -> http.client.HTTPResponse:
        body = json.dumps({**self.body, "model": model, "stream": stream})
        self._connection.request("POST", self.path, body, self.headers)
        return self._connection.getresponse()


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000

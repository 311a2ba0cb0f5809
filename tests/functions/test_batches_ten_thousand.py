"""Ten thousand lines against a provider that fails in every way it can: each is accounted for once, and paid once.

For each line a small model says how often the provider is called and what is written about it.
"""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.batch_runs import BatchRuns, codes, request_line
from tests.batch_worker import start_worker
from tests.engines import Engine
from tests.event_runs import ANSWER
from tests.upstream import Fault, Reply, Request, Upstream, json_reply, raw_reply

KINDS = {
    # What happens to the line: (out of a thousand, calls of the provider, code of the error)
    "fine": (600, 1, None),
    "busy": (12, 2, None),
    "down": (8, 3, None),
    "slow": (2, 1, None),
    "failing": (20, 1, "provider_error"),
    "refused": (20, 1, "invalid_request"),
    "reset": (12, 1, "provider_invalid_response"),
    "cut": (12, 1, "provider_invalid_response"),
    "garbage": (12, 1, "provider_invalid_response"),
    "not-json": (100, 0, "invalid_json_line"),
    "nameless": (60, 0, "missing_custom_id"),
    "elsewhere": (60, 0, "invalid_url"),
    "repeated": (60, 0, "duplicate_custom_id"),
    "wrong": (22, 0, "invalid_type"),
}
LINES = 10_000
GOOD = json_reply(ANSWER)
LARGEST_PROCESS = 120 * 1024 * 1024
"""Bytes, however many lines there are; a process that only imports the product has 60 MB."""


@dataclass
class Provider:
    """Fails as the line that it is called for says: `Hi busy-17`."""

    calls: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, request: Request) -> Reply:
        name: str = json.loads(request.body)["messages"][0]["content"].removeprefix("Hi ")
        with self.lock:
            self.calls[name] += 1
            count = self.calls[name]
        match name.partition("-")[0]:
            case "busy" if count < 2:
                return json_reply({"error": {"message": "busy"}}, status=429, headers={"retry-after": "1"})
            case "down" if count < 3:
                return json_reply({"error": {"message": "down"}}, status=503)
            case "slow":
                return Reply(steps=[0.05, json.dumps(ANSWER).encode()], framing="close")
            case "failing":
                return json_reply({"error": {"message": "broken"}}, status=500)
            case "refused":
                return json_reply({"error": {"message": "no", "code": "invalid_request"}}, status=400)
            case "reset":
                # Not before the first byte: the transport repeats what has hardly arrived.
                return raw_reply(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{", Fault.RESET)
            case "cut":
                return Reply(steps=[b'{"id": "chatcmpl', Fault.CUT], headers={"content-length": "900"})
            case "garbage":
                return Reply(steps=[b"<html>"])
        return GOOD


def line_of(kind: str, name: str) -> Any:
    """Return a line that will have the fate of its kind."""
    match kind:
        case "not-json":
            return '{"custom_id": "' + name
        case "nameless":
            return {**request_line(name), "custom_id": None}
        case "elsewhere":
            return request_line(name, url="/v1/embeddings")
        case "repeated":
            return request_line("first")
        case "wrong":
            return {**request_line(name), "body": {"variables": [name]}}
    return request_line(name)


def test_every_line_is_accounted_for_and_paid_once(engine: Engine) -> None:
    draw = random.Random(LINES)
    kinds = draw.choices(list(KINDS), [weight for weight, _, _ in KINDS.values()], k=LINES - 1)
    names = ["first", *(f"{kind}-{number}" for number, kind in enumerate(kinds, start=2))]
    lines = [request_line("first"), *(line_of(kind, name) for kind, name in zip(kinds, names[1:], strict=True))]
    provider = Provider()
    with Upstream() as upstream:
        upstream.default = provider
        runs = BatchRuns(engine, upstream.url)
        batch = runs.submit(lines)
        worker = start_worker(runs, upstream.url, "whole", batch.batch_id)
        peak, _ = worker.communicate(timeout=300)

    fates = dict(zip(range(1, LINES + 1), ["fine", *kinds], strict=True))
    failed = {number: KINDS[kind][2] for number, kind in fates.items() if KINDS[kind][2] is not None}
    written = {number: code for number, _, code in codes(runs.errors(batch.batch_id))}
    done = [line["line"] for line in runs.output(batch.batch_id)]
    assert done == [number for number in fates if number not in failed]
    assert written == failed
    record = runs.get(batch.batch_id)
    tally = record.tally
    assert (record.status, record.total, tally.completed, tally.failed) == (
        "completed", LINES, len(done), len(failed)
    )  # fmt: skip
    assert tally.total_tokens == 5 * len(done)
    assert provider.calls == {
        name: KINDS[kind][1] for name, kind in zip(names, fates.values(), strict=True) if KINDS[kind][1]
    }
    assert int(peak) < LARGEST_PROCESS

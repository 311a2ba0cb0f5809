"""Workers that die and come again: what was paid is counted where it is paid, at the provider.

Each worker is a real process, killed with SIGKILL; the queue then delivers its message again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.engines import Engine
from tests.event_runs import ANSWER
from tests.events_function import EventStack
from tests.infra.stack import ROOT
from tests.store_proxy import Answer, Forward, StoreProxy
from tests.upstream import Reply, Request, Upstream, json_reply

SECONDS = 60.0
"""The function's time. A claim holds as long as a run may take, and 30 seconds."""
LONGEST_CLAIM = SECONDS + 30
ORDER = {"prompt_id": "welcome", "variables": {"name": "Ann"}}


class Worker:
    """One process that runs the events function."""

    def __init__(self, stack: EventStack, *, ahead_seconds: float = 0.0, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.functions.events_child"],
            cwd=ROOT,
            env={
                **stack.environment,
                **environment,
                "AHEAD_SECONDS": str(ahead_seconds),
                "PATH": os.defpath,
                "PYTHONPATH": f"{ROOT}:{ROOT / 'layers' / 'shared'}",
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, event: dict[str, Any]) -> None:
        """Hand over an event."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"event": event, "seconds": SECONDS}) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """Return the next answer; everything else that it writes is its log."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            value = json.loads(line) if line.startswith("{") else {}
            if "batchItemFailures" in value:
                return dict(value)
        raise AssertionError("the worker has ended without an answer")

    def run(self, event: dict[str, Any]) -> dict[str, Any]:
        """Hand over an event and return what the function answers."""
        self.start(event)
        return self.answer()

    def kill(self) -> None:
        """Let it die at once."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def worker(stack: EventStack, **options: Any) -> Iterator[Worker]:
    running = Worker(stack, **options)
    try:
        yield running
    finally:
        running.kill()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        running.default = json_reply(ANSWER)
        yield running


@pytest.fixture
def stack(engine: Engine, upstream: Upstream) -> EventStack:
    return EventStack(engine, upstream)


def ordered(stack: EventStack) -> tuple[str, dict[str, Any]]:
    """Send an order and take it from the queue; return the message's id and the event that Lambda makes of it."""
    sent = stack.queue.send(ORDER)
    return sent, stack.queue.event(stack.queue.receive())


def returned(*ids: str) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": identity} for identity in ids]}


def test_killed_after_the_answer_and_before_the_acknowledgement_nothing_is_paid_twice(
    stack: EventStack, upstream: Upstream
) -> None:
    _, event = ordered(stack)
    with worker(stack) as first:
        assert first.run(event) == returned()
    (before,) = stack.delivered()

    with worker(stack) as second:
        assert second.run(event) == returned()

    assert len(upstream.requests) == 1
    (after,) = stack.delivered()
    assert (after["run_id"], after["response"]) == (before["run_id"], before["response"])


def test_killed_during_the_call_the_message_comes_back_when_the_claim_has_run_out(
    stack: EventStack, upstream: Upstream
) -> None:
    never = threading.Event()
    upstream.enqueue(Reply(200, {"content-type": "application/json"}, [never, b"{}"], "close"))
    sent, event = ordered(stack)
    with worker(stack) as first:
        first.start(event)
        upstream.wait_for_requests(1, 30)
        first.kill()

        with worker(stack) as second, worker(stack, ahead_seconds=LONGEST_CLAIM) as third:
            # As long as the claim holds nobody knows whether the first is still at it.
            assert second.run(event) == returned(sent)
            assert stack.queue.left() == (0, 1)
            assert len(upstream.requests) == 1
            assert third.run(event) == returned()

    assert len(upstream.requests) == 2
    assert [result["status"] for result in stack.delivered()] == ["completed"]


def test_killed_between_the_paid_call_and_keeping_its_answer_it_is_not_paid_again_while_the_claim_holds(
    stack: EventStack, upstream: Upstream
) -> None:
    reached, never = threading.Event(), threading.Event()

    def hold_answers(request: bytes, forward: Forward) -> Answer | None:
        if b'"finished"' in request:
            reached.set()
            never.wait(30)
            return None
        return forward(request)

    sent, event = ordered(stack)
    with StoreProxy(stack.engine.url) as proxy:
        proxy.always = hold_answers
        with worker(stack, PROMPTSIDE_STORE_ENDPOINT=proxy.url) as first:
            first.start(event)
            assert reached.wait(30)
        never.set()
    with worker(stack) as second, worker(stack, ahead_seconds=LONGEST_CLAIM) as third:
        assert second.run(event) == returned(sent)
        assert len(upstream.requests) == 1
        # Only the provider knows of the first answer: docs/events.md says what can be done about it.
        assert third.run(event) == returned()

    assert len(upstream.requests) == 2


def test_one_message_delivered_to_two_workers_at_once_is_paid_once(stack: EventStack, upstream: Upstream) -> None:
    both_asked = threading.Event()

    def answer(_: Request) -> Reply:
        return Reply(200, {"content-type": "application/json"}, [both_asked, json.dumps(ANSWER).encode()], "close")

    upstream.default = answer
    sent, event = ordered(stack)
    with worker(stack) as first, worker(stack) as second:
        first.start(event)
        second.start(event)
        answers: list[dict[str, Any]] = []
        threads = [
            threading.Thread(target=lambda running=running: answers.append(running.answer()))
            for running in (first, second)
        ]
        for thread in threads:
            thread.start()
        upstream.wait_for_requests(1, 30)
        # The other one answers while the first is still at it.
        while not answers:
            threads[0].join(0.02)
        both_asked.set()
        for thread in threads:
            thread.join(30)

    assert answers == [returned(sent), returned()]
    assert len(upstream.requests) == 1
    assert [result["status"] for result in stack.delivered()] == ["completed"]

"""Some thousand mixed runs against providers that fail at random: every one is accounted for.

For each case a small model says what the caller must see and how often each provider must have been called. The rule
that no case may break: who sees `[DONE]` has the whole text, who sees an error knows it, and nothing else ends a run.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from promptside.api.http import HttpResponse
from promptside.routing.breakers import Breakers
from promptside.store.answers import AnswerStore
from promptside.store.breakers import BreakerStore
from promptside.store.claims import ClaimStore
from tests.engines import Engine
from tests.functions.test_completions import chunk
from tests.product import Product, events_of, json_of, whole
from tests.upstream import Fault, Reply, Request, Upstream, json_reply, raw_reply, sse_reply

CASES = 2_500
THREADS = 8
FAULTS = ("ok", "status-500", "status-429", "status-400", "reset", "garbage", "cut")
WEIGHTS = (70, 8, 5, 4, 4, 4, 5)
STATUS = {
    "status-500": 500,
    "status-429": 429,
    "status-400": 400,
    "reset": 502,
    "garbage": 502,
    "cut": 502,
    "hang": 502,
}
RETRIED = frozenset({429, 500, 502})
HEDGED_AFTER_MS = {True: 60, False: 60_000}
"""How long the second target of a hedged run waits for a first one that hangs, and for one that does not."""
OPENS_AT = 2
"""Failures after which a guarded target is left out."""


@dataclass(frozen=True)
class Case:
    """One run. `first` and `second` are what the two providers do, call by call; `retries` those of the first.

    In the mode `hedged` the first may `hang`; in the mode `guarded` each does the same at every call.
    """

    number: int
    stream: bool
    mode: str
    retries: int
    first: tuple[str, ...]
    second: tuple[str, ...]
    once: bool

    @property
    def runs(self) -> int:
        """How often it is run: a second time where that must not be paid for again, and until circuits are open."""
        if self.mode == "guarded":
            return 2 * OPENS_AT
        return 2 if self.once or self.mode == "cached" else 1

    @property
    def text(self) -> str:
        """What the provider says, of a different length each time."""
        return f"Answer {self.number} " + "word " * (self.number % 40)


@dataclass(frozen=True)
class Expected:
    """What the caller sees, run by run, and the calls of each provider."""

    seen: list[tuple[str, Any]]
    calls: tuple[int, int]


def cases() -> Iterator[Case]:
    """Return always the same cases."""
    dice = random.Random(20261123)
    for number in range(CASES):
        faults = [dice.choices(FAULTS, WEIGHTS)[0] for _ in range(4)]
        mode = dice.choice(("plain", "single", "fallback", "cached", "hedged", "guarded"))
        retries = dice.randrange(3) if mode in ("single", "fallback") else 0
        if mode in ("cached", "guarded"):
            # All runs meet the same provider.
            faults[:3] = [faults[0]] * 3
        if mode == "hedged" and dice.random() < 0.3:
            faults[0], faults[3] = "hang", "ok"
        once = mode not in ("cached", "guarded") and dice.random() < 0.2
        if once:
            # With a key, what the provider certainly did not do is run again by design: that is another test.
            faults = [fault if fault != "status-429" else "status-500" for fault in faults]
        yield Case(number, dice.random() < 0.5, mode, retries, tuple(faults[:3]), (faults[3],), once)


def expected(case: Case) -> Expected:
    """Return what must come of a case, by the rules of docs/routing.md and decisions 0013, 0015 and 0016."""
    if case.mode == "guarded":
        return expected_behind_circuits(case)
    calls, result = first_target(case)
    second = 0
    if result[0] == "error" and case.mode in ("fallback", "hedged"):
        second, result = 1, one_call(case, case.second[0])
    if case.mode == "cached" and result[0] != "text":
        return Expected([result, result], (2 * calls, 0))
    again = ("error", 410) if case.once and result[0] == "cut" else result
    return Expected([result, again][: case.runs], (calls, second))


def expected_behind_circuits(case: Case) -> Expected:
    """Return the same for targets that are left out once they have failed too often, as long as one is left."""
    faults, failures, calls = (case.first[0], case.second[0]), [0, 0], [0, 0]
    answers: list[tuple[str, Any]] = []
    for _ in range(case.runs):
        closed = [target for target in (0, 1) if failures[target] < OPENS_AT]
        for target in closed or (0, 1):
            result = one_call(case, faults[target])
            calls[target] += 1
            failures[target] += result[0] == "cut" or (result[0] == "error" and result[1] >= 500)
            if result[0] != "error":
                break
        answers.append(result)
    return Expected(answers, (calls[0], calls[1]))


def first_target(case: Case) -> tuple[int, tuple[str, Any]]:
    """Return the calls of the first target, and what the last of them gives."""
    calls = 0
    result: tuple[str, Any] = ("", None)
    for fault in case.first[: case.retries + 1]:
        calls += 1
        result = one_call(case, fault)
        if result[0] != "error" or result[1] not in RETRIED:
            break
    return calls, result


def one_call(case: Case, fault: str) -> tuple[str, Any]:
    """Return what a single call gives: the text, an error's status, or a stream that was cut after some text.

    One that hangs has failed for whoever waits for it no longer.
    """
    if fault == "ok":
        return "text", case.text
    if fault == "cut" and case.stream:
        return "cut", case.text[:5]
    return "error", STATUS[fault]


class Provider:
    """Answers each case as it says, and counts."""

    def __init__(self, side: str, plans: dict[int, tuple[str, ...]], texts: dict[int, str]) -> None:
        self._plans = plans
        self._texts = texts
        self._lock = threading.Lock()
        self.calls: Counter[int] = Counter()
        self.side = side

    def __call__(self, request: Request) -> Reply:
        """Answer one request."""
        body = request.json()
        number = int(body["messages"][0]["content"].rpartition(" ")[2])
        with self._lock:
            fault = self._plans[number][min(self.calls[number], len(self._plans[number]) - 1)]
            self.calls[number] += 1
        return self._reply(fault, self._texts[number], stream=body.get("stream", False))

    @staticmethod
    def _reply(fault: str, text: str, *, stream: bool) -> Reply:
        if fault.startswith("status-"):
            return json_reply({"error": {"message": "no"}}, status=int(fault.removeprefix("status-")))
        if fault == "reset" or (fault == "cut" and not stream):
            # A connection that ends without any byte may be one that was idle for too long: the client opens another.
            return raw_reply(b"HTTP/1.1 2", Fault.CUT)
        if fault == "hang":
            return raw_reply(Fault.HANG)
        if fault == "garbage":
            return Reply(200, {"content-type": "application/json"}, [b'{"choices": [{"mess'])
        if not stream:
            message = {"role": "assistant", "content": text}
            return json_reply({"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
        if fault == "cut":
            return sse_reply([chunk({"role": "assistant", "content": text[:5]}), Fault.CUT])
        parts = [chunk({"content": text[start : start + 7]}) for start in range(0, len(text), 7)]
        return sse_reply([*parts, chunk({}, "stop"), b"data: [DONE]\n\n"])


def seen(response: HttpResponse, *, stream: bool) -> tuple[str, Any]:
    """Return what the caller has at the end; anything that is neither a whole answer nor an error fails the test."""
    if response.status != 200:
        assert json_of(response)["status"] == "failure"
        return "error", response.status
    if not stream:
        return "text", json_of(response)["choices"][0]["message"]["content"]
    *events, last = events_of(whole(response))
    text = "".join(event["choices"][0]["delta"].get("content", "") for event in events)
    if last == "[DONE]":
        return "text", text
    assert last[0] == "error"
    return "cut", text


class Soak:
    """Runs cases against one product and two providers."""

    def __init__(self, product: Product, first: Upstream, second: Upstream) -> None:
        self._product = product
        self._config = [
            {"provider": "openai", "api_key": "sk-own", "custom_host": upstream.url} for upstream in (first, second)
        ]

    def run(self, case: Case) -> list[tuple[str, Any]]:
        """Run a case as often as it wants."""
        answers = []
        for _ in range(case.runs):
            response = self._product.post(
                {"variables": {"name": f"case {case.number}"}, "stream": case.stream}, headers=self._headers(case)
            )
            answers.append(seen(response, stream=case.stream))
        return answers

    def _headers(self, case: Case) -> dict[str, str]:
        headers = {"x-portkey-trace-id": f"case-{case.number}"}
        if case.once:
            headers["idempotency-key"] = f"case {case.number}"
        first, second = self._config
        retry = {"attempts": case.retries}
        if case.mode == "cached":
            headers["x-portkey-config"] = json.dumps({**first, "cache": {"mode": "simple"}})
        elif case.mode == "single":
            headers["x-portkey-config"] = json.dumps({**first, "retry": retry})
        elif case.mode == "fallback":
            targets = [{**first, "retry": retry}, second]
            headers["x-portkey-config"] = json.dumps({"strategy": {"mode": "fallback"}, "targets": targets})
        elif case.mode == "hedged":
            hedge = {"after_ms": HEDGED_AFTER_MS[case.first[0] == "hang"]}
            config = {"strategy": {"mode": "fallback"}, "hedge": hedge, "targets": [first, second]}
            headers["x-portkey-config"] = json.dumps(config)
        elif case.mode == "guarded":
            # The text of a config is the name of its circuits: each case has its own.
            config = {"strategy": {"mode": "fallback"}, "request_timeout": 60_000 + case.number}
            guarded = {"cb_config": {"failure_threshold": OPENS_AT, "cooldown_interval": 600_000}}
            headers["x-portkey-config"] = json.dumps({**config, **guarded, "targets": [first, second]})
        return headers


def test_every_one_of_some_thousand_mixed_runs_is_accounted_for(engine: Engine) -> None:
    plan = list(cases())
    texts = {case.number: case.text for case in plan}
    first = Provider("first", {case.number: case.first for case in plan}, texts)
    second = Provider("second", {case.number: case.second for case in plan}, texts)
    table, client = engine.new_table(), engine.client("dynamodb")
    with Upstream() as first_host, Upstream() as second_host:
        first_host.default, second_host.default = first, second
        product = Product(first_host.url, allowed_custom_hosts=("127.0.0.1",))
        product.services = replace(
            product.services,
            claims=ClaimStore(client, table=table, workspace="default"),
            answers=AnswerStore(client, table=table, workspace="default", new_id=product.services.new_id),
            breakers=Breakers(BreakerStore(client, table=table, workspace="default")),
            clock=time.time,
            monotonic=time.monotonic,
            sleep=lambda _seconds: None,
        )
        soak = Soak(product, first_host, second_host)
        with ThreadPoolExecutor(THREADS) as threads:
            answers = list(threads.map(soak.run, plan))

    wrong = []
    for case, got in zip(plan, answers, strict=True):
        wanted = expected(case)
        calls = (first.calls[case.number], second.calls[case.number])
        if got != wanted.seen or calls != wanted.calls:
            wrong.append((case, got, calls, wanted))
    assert wrong == []
    assert sum(first.calls.values()) + sum(second.calls.values()) > CASES

"""Orders go the way of a call, and their outcomes say whether another try is worth it."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from promptside.events.base import Order, Outcome
from promptside.events.envelope import order_of
from promptside.events.running import in_progress, run_order
from promptside.services import Services
from tests.engines import Engine
from tests.event_runs import ANSWER, EventRuns
from tests.product import KEY, json_of
from tests.store_proxy import StoreProxy, broken
from tests.upstream import Fault, Reply, Upstream, json_reply

ORDER = Order("k-1", "/v1/prompts/hi/completions", {"variables": {"name": "Ann"}})


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        running.default = json_reply(ANSWER)
        yield running


@pytest.fixture
def runs(engine: Engine, upstream: Upstream) -> EventRuns:
    return EventRuns(engine, upstream)


def run(runs: EventRuns, order: Order = ORDER, *, services: Services | None = None) -> Outcome:
    return run_order(services or runs.events.services, order, deadline=time.monotonic() + 30)


def test_an_order_has_the_answer_that_a_caller_would_have(runs: EventRuns) -> None:
    outcome = run(runs)
    called = runs.product.post({"variables": {"name": "Ann"}}, headers={"x-portkey-trace-id": ORDER.run_id})

    assert outcome.body == {**json_of(called), "id": outcome.body["id"]}
    assert outcome.headers == called.headers
    assert (outcome.status, outcome.retryable, outcome.replayed, outcome.succeeded) == (200, False, False, True)
    assert (outcome.started_at, outcome.ended_at) == (runs.now, runs.now)


def test_nobody_reads_a_stream(runs: EventRuns, upstream: Upstream) -> None:
    body = {"variables": {"name": "Ann"}, "stream": True, "stream_options": {"include_usage": True}}

    assert run(runs, replace(ORDER, body=body)).body["object"] == "chat.completion"
    assert "stream" not in upstream.requests[0].json()


def test_openais_own_paths_are_run_too(runs: EventRuns) -> None:
    body = {"prompt": {"id": "hi", "variables": {"name": "Ann"}}}

    assert run(runs, replace(ORDER, key="a", path="/v1/responses", body=body)).body["object"] == "response"
    chat = replace(ORDER, key="b", path="/v1/chat/completions", body=body)
    assert run(runs, chat).body["object"] == "chat.completion"


def test_an_order_runs_on_behalf_of_a_key(runs: EventRuns) -> None:
    own, strange = (sha256(key.encode()).hexdigest() for key in (KEY, "wrong"))

    assert run(runs, replace(ORDER, key="a", key_digest=own)).status == 200
    refused = run(runs, replace(ORDER, key="b", key_digest=strange))
    assert (refused.status, refused.body["error"]["code"]) == (401, "invalid_api_key")
    on_openais = replace(ORDER, key="c", key_digest=strange, path="/v1/responses", body={"prompt": {"id": "hi"}})
    assert run(runs, on_openais).status == 401


def test_two_prompts_that_run_for_one_event_have_ids_of_their_own() -> None:
    first, again, second = (
        order_of({"prompt_id": prompt}, key="event:1", source="sqs").run_id
        for prompt in ("welcome", "welcome", "digest")
    )

    assert first == again != second


def test_two_requests_under_one_key_have_ids_of_their_own_and_a_repeated_one_keeps_its_id() -> None:
    first = {"prompt_id": "welcome", "variables": {"name": "Ann"}, "max_tokens": 5}
    again = {"max_tokens": 5, "prompt_id": "welcome", "variables": {"name": "Ann"}, "stream": True, "trace_id": "t-2"}
    others: list[dict[str, Any]] = [{"variables": {"name": "Bob"}}, {"max_tokens": 6}, {"config": "pc-other"}]
    others += [{"provider": "openai"}, {"virtual_key": "other"}]

    ids = [
        order_of(asked, key="k", source="sqs").run_id for asked in (first, *({**first, **other} for other in others))
    ]

    assert order_of(again, key="k", source="sqs").run_id == ids[0]
    assert len(set(ids)) == len(ids)


def test_two_keys_have_their_own_runs_under_the_same_idempotency_key(runs: EventRuns, upstream: Upstream) -> None:
    run(runs)
    run(runs, replace(ORDER, key_digest=sha256(KEY.encode()).hexdigest()))

    assert len(upstream.requests) == 2


def test_a_second_delivery_is_replayed(runs: EventRuns, upstream: Upstream) -> None:
    first, second = run(runs), run(runs)

    assert second.replayed
    assert (second.status, second.body) == (first.status, first.body)
    assert len(upstream.requests) == 1


def test_the_same_key_for_another_order_is_refused(runs: EventRuns) -> None:
    run(runs)
    other = run(runs, replace(ORDER, body={"variables": {"name": "Bob"}}))

    assert (other.status, other.retryable) == (422, False)
    assert other.order.run_id != ORDER.run_id


def error(status: int, *, code: str = "x", **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return json_reply({"error": {"message": "no", "type": "x", "code": code}}, status=status, headers=named)


@pytest.mark.parametrize(
    ("reply", "retryable"),
    [
        (error(429, retry_after="7"), True),
        (error(429), True),
        (error(503), True),
        (error(529), True),
        (error(429, code="insufficient_quota", retry_after="7"), False),
        (error(429, x_should_retry="false"), False),
        (error(400), False),
        (error(401), False),
        (error(403), False),
        (error(500), False),
        (error(504), False),
        (Reply(200, {}, [Fault.CUT]), False),
    ],
    ids=["429 after", "429", "503", "529", "no money", "not again", "400", "401", "403", "500", "504", "cut"],
)
def test_only_what_was_not_paid_and_may_pass_can_be_tried_again(
    runs: EventRuns, upstream: Upstream, reply: Reply, retryable: bool
) -> None:
    upstream.enqueue(reply)

    outcome = run(runs)

    assert (outcome.retryable, outcome.succeeded) == (retryable, False)


def test_the_provider_says_when_to_come_back(runs: EventRuns, upstream: Upstream) -> None:
    upstream.enqueue(error(429, retry_after="7"))

    assert run(runs).retry_after == 7.0


@pytest.mark.parametrize("status", [400, 500, 504])
def test_what_may_have_been_paid_is_the_same_failure_the_next_time(
    runs: EventRuns, upstream: Upstream, status: int
) -> None:
    upstream.enqueue(error(status))
    first, second = run(runs), run(runs)

    assert (first.status, first.replayed, second.replayed) == (status, False, True)
    assert (second.body, second.retryable) == (first.body, False)
    assert len(upstream.requests) == 1


def test_nothing_is_paid_while_the_run_table_is_down_and_another_try_may_help(
    engine: Engine, upstream: Upstream
) -> None:
    with StoreProxy(engine.url) as proxy:
        proxy.always = broken
        outcome = run(EventRuns(engine, upstream, url=proxy.url))

    assert (outcome.status, outcome.retryable, outcome.retry_after) == (503, True, 1.0)
    assert not upstream.requests


def test_an_order_that_runs_elsewhere_can_be_tried_when_that_claim_is_over(engine: Engine) -> None:
    go_on = threading.Event()
    slow = Reply(200, {"content-type": "application/json"}, [go_on, json.dumps(ANSWER).encode()], "close")
    with Upstream(slow) as upstream, ThreadPoolExecutor() as pool:
        runs = EventRuns(engine, upstream)
        first = pool.submit(run, runs)
        try:
            upstream.wait_for_requests(1)
            second = run(runs)
        finally:
            go_on.set()
        assert first.result().status == 200

    assert (second.status, second.retryable, in_progress(second)) == (409, True, True)
    # The run's own time, and 30 seconds.
    assert second.retry_after == pytest.approx(60, abs=2)
    assert len(upstream.requests) == 1


def test_of_many_deliveries_at_once_to_two_workers_exactly_one_is_paid(engine: Engine, upstream: Upstream) -> None:
    table = engine.new_table()
    workers = [EventRuns(engine, upstream, run_table=table) for _ in range(2)]
    together = threading.Barrier(16, timeout=10)

    def deliver(number: int) -> Outcome:
        together.wait()
        return run(workers[number % 2])

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(deliver, range(16)))

    assert len(upstream.requests) == 1
    assert {outcome.status for outcome in outcomes} <= {200, 409}
    assert sum(outcome.succeeded and not outcome.replayed for outcome in outcomes) == 1
    assert all(outcome.retryable for outcome in outcomes if outcome.status == 409)


def test_a_crash_of_ours_is_an_outcome_and_is_not_tried_again(runs: EventRuns) -> None:
    def die() -> Any:
        raise ZeroDivisionError

    outcome = run(runs, services=replace(runs.events.services, new_id=die))

    assert (outcome.status, outcome.body["error"]["code"], outcome.retryable) == (500, "internal_error", False)


def test_a_trace_id_is_passed_on_and_the_run_id_stands_in_for_one(runs: EventRuns) -> None:
    named = replace(ORDER, key="k-2", headers={"x-portkey-trace-id": "t-9"})

    assert run(runs, named).headers["x-portkey-trace-id"] == "t-9"
    assert run(runs).headers["x-portkey-trace-id"] == ORDER.run_id

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from promptside.batches.base import ChunkUnfinished
from promptside.events.base import DeliveryFailed
from tests.batch_runs import BatchRuns, request_line
from tests.engines import Engine
from tests.event_runs import ANSWER
from tests.upstream import Reply, Request, Upstream, json_reply

GOOD = json_reply(ANSWER)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        running.default = GOOD
        yield running


def busy(status: int, **headers: str) -> Reply:
    return json_reply({"error": {"message": "busy"}}, status=status, headers=headers)


def planned(runs: BatchRuns, lines: list[Any]) -> tuple[str, Callable[[], Any]]:
    """Return a batch of one chunk, and how to invoke that."""
    batch = runs.submit(lines)
    runs.step("plan-batch", batch.batch_id)
    (chunk,) = runs.chunks(batch.batch_id)
    return batch.batch_id, lambda: runs.step("run-chunk", batch.batch_id, chunk=chunk)


@pytest.mark.parametrize("status", [429, 503, 529])
def test_a_busy_provider_is_asked_again_when_it_said(engine: Engine, upstream: Upstream, status: int) -> None:
    runs = BatchRuns(engine, upstream.url)
    upstream.enqueue(busy(status, **{"retry-after": "7"}))
    batch_id, run = planned(runs, [request_line("a")])

    run()
    runs.step("finish-batch", batch_id)

    assert [line["custom_id"] for line in runs.output(batch_id)] == ["a"]
    assert (len(upstream.requests), runs.slept) == (2, 7.0)


def test_pauses_grow_when_the_provider_says_nothing(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    upstream.enqueue(*[busy(503)] * 4)
    _, run = planned(runs, [request_line("a")])

    run()

    # Half of 1, 2, 4 and 8 seconds, as chance gives nothing more here.
    assert (len(upstream.requests), runs.slept) == (5, 7.5)


def test_one_line_that_is_told_to_wait_holds_the_others_back(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url, event_concurrency=1)
    upstream.enqueue(busy(429, **{"retry-after": "61"}))
    batch_id, run = planned(runs, [request_line(name) for name in "abc"])

    with pytest.raises(ChunkUnfinished, match="3 of 3 lines have not ended"):
        run()
    assert len(upstream.requests) == 1
    run()
    runs.step("finish-batch", batch_id)

    assert len(upstream.requests) == 4
    assert [line["custom_id"] for line in runs.output(batch_id)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (busy(400), "invalid_request"),
        (busy(401), "provider_auth"),
        (busy(500, **{"retry-after": "1"}), "provider_error"),
        (json_reply({"error": {"message": "x", "code": "insufficient_quota"}}, status=429), "insufficient_quota"),
    ],
)
def test_what_another_try_cannot_mend_or_might_pay_twice_ends_at_once(
    engine: Engine, upstream: Upstream, reply: Reply, code: str
) -> None:
    runs = BatchRuns(engine, upstream.url)
    upstream.default = reply
    batch_id, run = planned(runs, [request_line("a")])

    run()
    runs.step("finish-batch", batch_id)

    (error,) = runs.errors(batch_id)
    assert (error["error"]["line"], len(upstream.requests), runs.slept) == (1, 1, 0.0)
    assert error["error"]["code"] == error["response"]["body"]["error"]["code"] == code


def test_a_result_that_could_not_be_delivered_is_delivered_by_the_next_invocation(
    engine: Engine, upstream: Upstream
) -> None:
    runs = BatchRuns(engine, upstream.url)
    runs.results.refusals.append(DeliveryFailed("down"))
    batch = runs.drop(json.dumps({"variables": {"name": "Ann"}, "result": {"type": "s3"}}))
    runs.step("plan-batch", batch.batch_id)
    (chunk,) = runs.chunks(batch.batch_id)

    with pytest.raises(ChunkUnfinished):
        runs.step("run-chunk", batch.batch_id, chunk=chunk)
    runs.step("run-chunk", batch.batch_id, chunk=chunk)
    runs.step("finish-batch", batch.batch_id)

    assert (len(runs.results.delivered), len(upstream.requests)) == (1, 1)
    assert "delivery_error" not in runs.output(batch.batch_id)[0]


def test_a_target_that_refuses_for_good_does_not_take_the_answer_away(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    refusal = DeliveryFailed("The target refused the result")
    refusal.final = True
    runs.results.refusals.append(refusal)
    batch = runs.drop(json.dumps({"variables": {"name": "Ann"}, "result": {"type": "s3"}}))

    runs.run(batch.batch_id)

    (line,) = runs.output(batch.batch_id)
    assert line["delivery_error"] == {"code": "result_not_delivered", "message": "The target refused the result"}
    assert line["response"]["status_code"] == 200


def test_a_delivery_that_crashes_takes_neither_the_answer_nor_the_other_lines_away(
    engine: Engine, upstream: Upstream
) -> None:
    runs = BatchRuns(engine, upstream.url, event_concurrency=1)
    runs.results.refusals.append(ValueError("a mistake of ours"))
    line = json.dumps({"variables": {"name": "Ann"}, "result": {"type": "s3"}})
    batch = runs.drop(f"{line}\n{line}\n")

    runs.run(batch.batch_id)

    first, second = runs.output(batch.batch_id)
    assert first["delivery_error"]["code"] == "result_not_delivered"
    assert (first["response"]["status_code"], "delivery_error" in second) == (200, False)
    assert len(upstream.requests) == 2


def test_a_line_that_is_given_up_has_a_record_that_says_so(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    upstream.default = busy(503, **{"retry-after": "61"})

    batch = runs.submit([request_line("a")])
    runs.run(batch.batch_id)

    run_id = runs.records.written[0][0]
    assert runs.records.written[-2:] == [(run_id, 503), (run_id, 503)]
    # Once in each invocation, and once more at the end of the last.
    assert len(upstream.requests) == 25


def test_the_status_of_a_batch_is_asked_for_every_two_seconds(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url, event_concurrency=1)
    reads: list[str] = []
    engine_client = engine.client("dynamodb")
    event = "before-call.dynamodb.GetItem"

    def note(params: Any, **_: Any) -> None:
        body = json.loads(params["body"])
        if body["TableName"] == runs.table and body["Key"]["sk"] == {"S": "batch"}:
            reads.append(body["Key"]["pk"]["S"])

    def second(request: Request) -> Reply:
        runs.services.runs.sleep(1.01)
        return GOOD

    upstream.default = second
    _, run = planned(runs, [request_line(str(number)) for number in range(8)])
    engine_client.meta.events.register(event, note)
    try:
        run()
    finally:
        engine_client.meta.events.unregister(event, note)

    # Once at the start of the chunk, then with every other line.
    assert len(reads) == 1 + 3

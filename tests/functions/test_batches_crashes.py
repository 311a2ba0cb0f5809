"""Batches whose workers die, come twice, or are told to stop: who was paid, and what is written about each line."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from promptside.batches.base import ChunkUnfinished, part_key
from promptside.batches.entries import ended_entry
from promptside.batches.finishing import finish_batch
from promptside.batches.objects import Objects
from promptside.batches.parts import write_parts
from promptside.batches.starting import cancel_batch
from promptside.errors import Conflict, JsonObject, StoreUnavailable
from promptside.events.base import Line, Order, Outcome
from tests.batch_runs import BatchRuns, codes, request_line
from tests.batch_worker import start_worker
from tests.engines import Engine
from tests.event_runs import ANSWER
from tests.upstream import Fault, Reply, Request, Upstream, json_reply, raw_reply

GOOD = json_reply(ANSWER)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        running.default = GOOD
        yield running


def test_lines_that_a_killed_worker_had_finished_are_not_paid_again(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url, event_concurrency=1)
    batch = runs.submit([request_line(f"c{number}") for number in range(5)])
    runs.step("plan-batch", batch.batch_id)
    (chunk,) = runs.chunks(batch.batch_id)
    upstream.default = lambda request: raw_reply(Fault.HANG) if said(request) == "c2" else GOOD

    worker = start_worker(runs, upstream.url, "run-chunk", batch.batch_id, chunk=chunk)
    upstream.wait_for_requests(3, 20.0)
    worker.kill()
    worker.communicate()
    upstream.default = GOOD
    with pytest.raises(ChunkUnfinished):
        runs.step("run-chunk", batch.batch_id, chunk=chunk)
    # The dead worker's claim holds until its time would have been over.
    runs.now += 900
    runs.step("run-chunk", batch.batch_id, chunk=chunk)
    found = runs.step("finish-batch", batch.batch_id)

    assert calls(upstream) == {"c0": 1, "c1": 1, "c2": 2, "c3": 1, "c4": 1}
    assert [line["custom_id"] for line in runs.output(batch.batch_id)] == ["c0", "c1", "c2", "c3", "c4"]
    assert (found["status"], found["counts"]["completed"]) == ("completed", 5)


def test_what_a_killed_worker_had_finished_is_not_cancelled(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    batch = runs.submit([request_line(f"c{number}") for number in range(3)])
    runs.step("plan-batch", batch.batch_id)
    (chunk,) = runs.chunks(batch.batch_id)
    upstream.default = lambda request: raw_reply(Fault.HANG) if said(request) == "c1" else GOOD

    worker = start_worker(runs, upstream.url, "run-chunk", batch.batch_id, chunk=chunk)
    upstream.wait_for_requests(2, 20.0)
    worker.kill()
    worker.communicate()
    cancel_batch(runs.services, batch.batch_id)
    found = runs.run(batch.batch_id)

    assert [line["custom_id"] for line in runs.output(batch.batch_id)] == ["c0"]
    assert codes(runs.errors(batch.batch_id)) == [(2, "c1", "batch_cancelled"), (3, "c2", "batch_cancelled")]
    assert (found["status"], calls(upstream)) == ("cancelled", {"c0": 1, "c1": 1})


def test_a_chunk_that_is_invoked_again_pays_nothing_and_counts_once(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    batch = runs.submit([request_line("a"), "bad"])
    runs.step("plan-batch", batch.batch_id)
    (chunk,) = runs.chunks(batch.batch_id)

    runs.step("run-chunk", batch.batch_id, chunk=chunk)
    engine.client("s3").delete_object(Bucket=runs.bucket, Key=part_key(batch.batch_id, 0, "output"))
    runs.step("run-chunk", batch.batch_id, chunk=chunk)
    runs.step("run-chunk", batch.batch_id, chunk=chunk)

    tally = runs.get(batch.batch_id).tally
    assert (tally.completed, tally.failed, tally.total_tokens) == (1, 1, 5)
    assert calls(upstream) == {"a": 1}


@pytest.mark.parametrize(
    ("service", "operation"), [("dynamodb", "TransactWriteItems"), ("s3", "PutObject"), ("dynamodb", "GetItem")]
)
def test_a_store_that_fails_in_a_chunk_costs_another_invocation_and_no_money(
    engine: Engine, upstream: Upstream, service: str, operation: str
) -> None:
    runs = BatchRuns(engine, upstream.url)
    batch = runs.submit([request_line("a"), "bad"])
    runs.step("plan-batch", batch.batch_id)
    (chunk,) = runs.chunks(batch.batch_id)

    with failing(engine, service, operation), pytest.raises(StoreUnavailable):
        runs.step("run-chunk", batch.batch_id, chunk=chunk)
    runs.step("run-chunk", batch.batch_id, chunk=chunk)
    found = runs.step("finish-batch", batch.batch_id)

    assert (found["counts"]["completed"], found["counts"]["failed"]) == (1, 1)
    assert calls(upstream) == {"a": 1}


def test_a_status_that_cannot_be_read_for_a_while_stops_no_line(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url, event_concurrency=1)
    batch = runs.submit([request_line("a"), request_line("b")])
    runs.step("plan-batch", batch.batch_id)
    (chunk,) = runs.chunks(batch.batch_id)

    with contextlib.ExitStack() as faults:

        def break_reads(request: Request) -> Reply:
            if said(request) == "a":
                faults.enter_context(failing(engine, "dynamodb", "GetItem"))
                runs.services.runs.sleep(3.0)
            return GOOD

        upstream.default = break_reads
        runs.step("run-chunk", batch.batch_id, chunk=chunk)

    assert runs.get(batch.batch_id).tally.completed == 2


def test_planning_and_finishing_twice_changes_nothing(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    batch = runs.submit([request_line("a"), "bad"])

    assert runs.step("plan-batch", batch.batch_id) == runs.step("plan-batch", batch.batch_id)
    first = runs.run(batch.batch_id)
    record = runs.get(batch.batch_id)
    assert runs.step("plan-batch", batch.batch_id)["status"] == "completed"
    assert runs.step("finish-batch", batch.batch_id) == first
    assert runs.step("fail-batch", batch.batch_id) == {"batch_id": batch.batch_id, "status": "completed"}

    assert runs.get(batch.batch_id) == record
    assert len(runs.bus.events) == 1
    assert len(upstream.requests) == 1


def test_an_end_that_could_not_be_announced_is_announced_by_the_next_try(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    runs.bus.failures = 1
    batch = runs.submit([request_line("a")])

    with pytest.raises(StoreUnavailable):
        runs.run(batch.batch_id)
    found = runs.step("finish-batch", batch.batch_id)

    assert runs.bus.details() == [("Prompt Batch Completed", found)]
    assert found["status"] == "completed"


def test_a_cancelled_batch_keeps_what_has_run_and_says_so_of_the_rest(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    batch = runs.submit([request_line(f"c{number}") for number in range(45)])
    runs.step("plan-batch", batch.batch_id)
    first, *rest = runs.chunks(batch.batch_id)
    runs.step("run-chunk", batch.batch_id, chunk=first)

    assert cancel_batch(runs.services, batch.batch_id).status == "cancelling"
    # Coming again after the request to stop must not turn finished lines into cancelled ones.
    for chunk in (first, *rest):
        runs.step("run-chunk", batch.batch_id, chunk=chunk)
    found = runs.step("finish-batch", batch.batch_id)

    assert found["status"] == "cancelled"
    assert found["counts"] == {"total": 45, "completed": 20, "failed": 25, "cancelled": 25, "expired": 0, "blank": 0}
    assert codes(runs.errors(batch.batch_id)) == [(n, f"c{n - 1}", "batch_cancelled") for n in range(21, 46)]
    assert len(upstream.requests) == 20
    assert cancel_batch(runs.services, batch.batch_id).status == "cancelled"


def test_a_batch_is_cancelled_in_the_middle_of_a_chunk(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url, event_concurrency=1)
    batch = runs.submit([request_line(f"c{number}") for number in range(4)])
    runs.step("plan-batch", batch.batch_id)
    (chunk,) = runs.chunks(batch.batch_id)

    def cancel_meanwhile(request: Request) -> Reply:
        if said(request) == "c1":
            cancel_batch(runs.services, batch.batch_id)
            # The status is asked for every two seconds.
            runs.services.runs.sleep(3.0)
        return GOOD

    upstream.default = cancel_meanwhile
    runs.step("run-chunk", batch.batch_id, chunk=chunk)
    runs.step("finish-batch", batch.batch_id)

    assert [line["custom_id"] for line in runs.output(batch.batch_id)] == ["c0", "c1"]
    assert codes(runs.errors(batch.batch_id)) == [(3, "c2", "batch_cancelled"), (4, "c3", "batch_cancelled")]


def test_a_batch_that_is_cancelled_before_it_is_planned_accounts_for_every_line(
    engine: Engine, upstream: Upstream
) -> None:
    runs = BatchRuns(engine, upstream.url)
    batch = runs.submit([request_line("a"), request_line("b")])

    cancel_batch(runs.services, batch.batch_id)
    found = runs.run(batch.batch_id)

    assert (found["status"], found["counts"]["total"], found["counts"]["cancelled"]) == ("cancelled", 2, 2)
    assert upstream.requests == []


def test_an_ended_batch_cannot_be_cancelled(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    batch = runs.submit([request_line("a")])
    runs.run(batch.batch_id)

    with pytest.raises(Conflict) as caught:
        cancel_batch(runs.services, batch.batch_id)

    assert (caught.value.status, caught.value.code) == (409, "batch_ended")


def test_lines_that_are_left_when_the_window_ends_expire(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    batch = runs.submit([request_line(f"c{number}") for number in range(21)], completion_window="1h")
    runs.step("plan-batch", batch.batch_id)
    first, second = runs.chunks(batch.batch_id)
    runs.step("run-chunk", batch.batch_id, chunk=first)

    runs.now += 3600
    runs.step("run-chunk", batch.batch_id, chunk=second)
    found = runs.step("finish-batch", batch.batch_id)

    assert (found["status"], found["counts"]["completed"], found["counts"]["expired"]) == ("expired", 20, 1)
    assert codes(runs.errors(batch.batch_id)) == [(21, "c20", "batch_expired")]


def test_lines_of_a_chunk_that_nobody_finished_are_errors(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    batch = runs.submit([*(request_line(f"c{number}") for number in range(20)), request_line("x"), "bad"])
    runs.step("plan-batch", batch.batch_id)
    runs.step("run-chunk", batch.batch_id, chunk=runs.chunks(batch.batch_id)[0])

    found = runs.step("finish-batch", batch.batch_id)

    assert codes(runs.errors(batch.batch_id)) == [(21, "x", "batch_line_unknown"), (22, None, "invalid_json_line")]
    assert (found["counts"]["completed"], found["counts"]["failed"], len(upstream.requests)) == (20, 2, 20)


def test_near_the_deadline_lines_are_left_and_what_has_ended_is_kept(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url, event_concurrency=1)
    batch = runs.submit([request_line(f"c{number}") for number in range(3)])
    runs.step("plan-batch", batch.batch_id)
    (chunk,) = runs.chunks(batch.batch_id)

    def slow(request: Request) -> Reply:
        runs.services.runs.sleep(301.0)
        return GOOD

    upstream.default = slow
    with pytest.raises(ChunkUnfinished) as caught:
        runs.step("run-chunk", batch.batch_id, chunk=chunk)
    upstream.default = GOOD
    runs.step("run-chunk", batch.batch_id, chunk=chunk)
    runs.step("finish-batch", batch.batch_id)

    assert str(caught.value) == "1 of 3 lines have not ended"
    assert calls(upstream) == {"c0": 1, "c1": 1, "c2": 1}
    assert [line["custom_id"] for line in runs.output(batch.batch_id)] == ["c0", "c1", "c2"]


def test_a_line_that_only_ever_fails_ends_with_its_last_failure(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    upstream.default = json_reply({"error": {"message": "busy"}}, status=503, headers={"retry-after": "50"})
    batch = runs.submit([request_line("a")])

    found = runs.run(batch.batch_id)

    (error,) = runs.errors(batch.batch_id)
    assert (error["response"]["status_code"], error["error"]["message"]) == (503, "openai error: busy")
    assert found["counts"]["failed"] == 1
    # Fifty seconds at a time, and no call in between.
    assert 25 <= len(upstream.requests) <= 50


def test_an_input_that_is_replaced_meanwhile_is_not_run(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    batch = runs.submit([request_line("a"), request_line("b")])
    runs.step("plan-batch", batch.batch_id)

    runs.put("files/input", "something else")
    runs.run_chunk(batch.batch_id, runs.chunks(batch.batch_id)[0])
    found = runs.step("finish-batch", batch.batch_id)

    assert codes(runs.errors(batch.batch_id)) == [(1, None, "input_changed"), (2, None, "input_changed")]
    assert (found["counts"]["failed"], upstream.requests) == (2, [])


def test_memory_stays_flat_however_large_the_input_is(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    line = json.dumps({"variables": {"name": "x" * 2_000}}) + "\n"
    small = runs.drop(line * 20, key="inbox/hi/small.jsonl")
    large = runs.drop(line * 40_000, key="inbox/hi/large.jsonl")

    sizes = [peak(runs, upstream, batch.batch_id) for batch in (small, large)]

    # 80 MB of input; what grows is the index of its chunks.
    assert sizes[1] - sizes[0] < 24 * 1024 * 1024
    assert runs.get(large.batch_id).total == 40_000


@contextlib.contextmanager
def failing(engine: Engine, service: str, operation: str) -> Iterator[None]:
    """Let no call of an operation through, as if there were no network."""
    events = engine.client(service).meta.events

    def fail(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="http://nowhere")

    events.register(f"before-send.{service}.{operation}", fail)
    try:
        yield
    finally:
        events.unregister(f"before-send.{service}.{operation}", fail)


def peak(runs: BatchRuns, upstream: Upstream, batch_id: str) -> int:
    """Return the highest size in bytes of a process that plans a batch."""
    worker = start_worker(runs, upstream.url, "plan-batch", batch_id)
    written, _ = worker.communicate(timeout=60)
    return int(written)


def said(request: Request) -> Any:
    """Return the custom_id that a provider was called for."""
    return request.json()["messages"][0]["content"].removeprefix("Hi ")


def calls(upstream: Upstream) -> Counter[str]:
    """Return how often the provider was called for each line."""
    return Counter(said(request) for request in upstream.requests)


def test_an_execution_that_was_stopped_leaves_a_finished_batch(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    batch = runs.submit(request_line(f"c{number}") for number in range(21))
    runs.step("plan-batch", batch.batch_id)
    runs.step("run-chunk", batch.batch_id, chunk=runs.chunks(batch.batch_id)[0])

    found = runs.tell("TIMED_OUT", batch.batch_id)

    assert (found["status"], found["counts"]["completed"], found["counts"]["failed"]) == ("completed", 20, 1)
    assert codes(runs.errors(batch.batch_id)) == [(21, "c20", "batch_line_unknown")]


def test_an_execution_that_was_stopped_before_its_plan_leaves_a_failed_batch(
    engine: Engine, upstream: Upstream
) -> None:
    runs = BatchRuns(engine, upstream.url)
    batch = runs.submit([request_line("a")])

    assert runs.tell("ABORTED", batch.batch_id) == {"batch_id": batch.batch_id, "status": "failed"}
    assert runs.tell("ABORTED", "of-another-machine") == {"batch_id": "of-another-machine"}


def test_a_worker_that_ends_while_its_batch_is_joined_takes_no_line_away(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    batch = runs.submit([request_line("a")])
    runs.step("plan-batch", batch.batch_id)
    late = ended_entry(Outcome(Order("k", "/", line=Line(batch.batch_id, 1, "a")), 200, ANSWER))

    class Joined(Objects):
        def write(self, key: str, *arguments: Any) -> int:
            size = super().write(key, *arguments)
            write_parts(runs.services, batch.batch_id, 0, [late])
            return size

    finish_batch(replace(runs.services, objects=Joined(engine.client("s3"), bucket=runs.bucket)), batch.batch_id)

    assert (runs.output(batch.batch_id), codes(runs.errors(batch.batch_id))) == ([], [(1, "a", "batch_line_unknown")])


def test_a_worker_begins_no_line_while_its_batch_is_joined(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    batch = runs.submit([request_line("a")])
    runs.step("plan-batch", batch.batch_id)
    runs.services.batches.move(batch.batch_id, "finalizing", before={"in_progress"})

    runs.run_chunk(batch.batch_id, runs.chunks(batch.batch_id)[0])

    assert not upstream.requests


def test_a_batch_whose_results_could_not_be_joined_is_joined_when_asked_again(
    engine: Engine, upstream: Upstream
) -> None:
    runs = BatchRuns(engine, upstream.url)
    batch = runs.submit([request_line("a"), "bad"])
    runs.step("plan-batch", batch.batch_id)
    runs.run_chunk(batch.batch_id, runs.chunks(batch.batch_id)[0])
    error: JsonObject = {"Error": "StoreUnavailable", "Cause": "{}"}
    runs.step("fail-batch", batch.batch_id, error=error)
    # What EventBridge tells of the failed execution changes nothing.
    assert runs.tell("FAILED", batch.batch_id)["status"] == "failed"

    found = runs.step("finish-batch", batch.batch_id)

    assert (found["status"], found["counts"]["completed"], found["problems"]) == ("completed", 1, [])
    assert [line["custom_id"] for line in runs.output(batch.batch_id)] == ["a"]
    assert codes(runs.errors(batch.batch_id)) == [(2, None, "invalid_json_line")]
    assert [kind for kind, _ in runs.bus.details()] == ["Prompt Batch Failed", "Prompt Batch Completed"]
    assert len(upstream.requests) == 1

"""The joining of a batch's parts: a real bucket, and parts far larger than the function should hold."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

from promptside.batches.base import part_key
from promptside.schema.batch import Tally
from tests.batch_runs import BatchRuns, request_line
from tests.engines import Engine
from tests.upstream import Upstream

MEGABYTE = 1024 * 1024


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


def test_large_parts_are_joined_without_being_held(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    batch = runs.submit([request_line(f"c{number}") for number in range(80)])
    runs.step("plan-batch", batch.batch_id)
    numbers = range(len(runs.chunks(batch.batch_id)))
    for number in numbers:
        for kind, content in (("errors", b""), ("output", b"%d\n" % number * (8 * MEGABYTE))):
            runs.services.objects.put(part_key(batch.batch_id, number, kind), content, "application/jsonl")
        runs.services.batches.count(batch.batch_id, number, Tally(completed=20))
    del content

    tracemalloc.start()
    try:
        found = runs.step("finish-batch", batch.batch_id)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    joined = runs.services.objects.get(found["output"]["key"])
    assert joined == b"".join(b"%d\n" % number * (8 * MEGABYTE) for number in numbers)
    assert len(numbers) == 4
    assert peak < 40 * MEGABYTE

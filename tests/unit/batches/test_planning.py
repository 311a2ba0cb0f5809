from __future__ import annotations

import json
import random
from collections.abc import Iterator
from itertools import pairwise

import pytest

from promptside.batches.starting import start_batch
from promptside.schema.batch import BatchRecord, InputFile
from tests.batch_runs import BatchRuns, codes, request_line
from tests.engines import Engine
from tests.event_runs import ANSWER
from tests.upstream import Upstream, json_reply


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        running.default = json_reply(ANSWER)
        yield running


@pytest.fixture
def runs(engine: Engine) -> BatchRuns:
    return BatchRuns(engine, "http://127.0.0.1:9", batch_concurrency=7)


def test_chunks_are_byte_ranges_with_their_first_lines(runs: BatchRuns) -> None:
    line = '{"variables": {"name": "Ann"}}\n'
    batch = runs.drop("\n" + line * 21 + "\n" + line)

    planned = runs.step("plan-batch", batch.batch_id)

    size = len(line)
    assert planned == {
        "batch_id": batch.batch_id,
        "status": "in_progress",
        "bucket": runs.bucket,
        "index_key": f"batches/{batch.batch_id}/chunks.json",
        "max_concurrency": 7,
    }
    assert runs.chunks(batch.batch_id) == [
        {"chunk": 0, "start": 1, "first_line": 2, "lines": 20, "repeated": [], "end": 1 + 20 * size},
        {"chunk": 1, "start": 1 + 20 * size, "first_line": 22, "lines": 2, "repeated": [], "end": 2 + 22 * size},
    ]
    record = runs.get(batch.batch_id)
    assert (record.status, record.total, record.blank, record.chunks) == ("in_progress", 22, 2, 2)
    assert record.input.size == 2 + 22 * size


def test_large_lines_make_small_chunks(runs: BatchRuns) -> None:
    batch = runs.drop("".join(f'{{"variables": {{"name": "{"x" * 400_000}"}}}}\n' for _ in range(5)))

    runs.step("plan-batch", batch.batch_id)

    assert [chunk["lines"] for chunk in runs.chunks(batch.batch_id)] == [2, 2, 1]


def test_large_batches_have_larger_chunks_and_no_more_of_them(runs: BatchRuns) -> None:
    batch = runs.drop("{}\n" * 60_001)

    runs.step("plan-batch", batch.batch_id)

    chunks = runs.chunks(batch.batch_id)
    assert len(chunks) == 1501
    assert {chunk["lines"] for chunk in chunks[:-1]} == {40}
    assert [chunk["chunk"] for chunk in chunks] == list(range(1501))
    assert all(before["end"] == after["start"] for before, after in pairwise(chunks))
    assert sum(chunk["lines"] for chunk in chunks) == 60_001


@pytest.mark.parametrize("content", ["", "\n\r\n  \n"], ids=["no bytes", "blank lines"])
def test_an_empty_file_fails_as_a_whole_and_says_so(runs: BatchRuns, content: str) -> None:
    batch = runs.drop(content)

    assert runs.step("plan-batch", batch.batch_id)["status"] == "failed"

    (problem,) = runs.get(batch.batch_id).problems
    assert (problem["code"], problem["line"]) == ("empty_file", None)
    assert [kind for kind, _ in runs.bus.details()] == ["Prompt Batch Failed"]


def test_a_batch_of_openais_shape_has_50_000_lines_at_most(runs: BatchRuns) -> None:
    allowed, refused = (runs.submit(["{}"] * count, batch_id=f"batch_{count}") for count in (50_000, 50_001))
    runs.put("files/input", "{}\n" * 50_000)

    assert runs.step("plan-batch", allowed.batch_id)["status"] == "in_progress"
    runs.put("files/input", "{}\n" * 50_001)
    assert runs.step("plan-batch", refused.batch_id)["status"] == "failed"

    assert runs.get(refused.batch_id).problems[0]["code"] == "too_many_lines"


def test_an_input_that_is_not_there_fails_the_batch(runs: BatchRuns) -> None:
    batch = start_batch(runs.services, input_file=InputFile("nowhere.jsonl"), shape="orders")

    assert runs.step("plan-batch", batch.batch_id)["status"] == "failed"

    assert runs.get(batch.batch_id).problems[0]["code"] == "input_changed"


def test_an_object_that_was_replaced_before_it_was_planned_fails_its_batch(runs: BatchRuns) -> None:
    runs.put("inbox/hi/a.jsonl", "{}")
    etag = runs.engine.client("s3").head_object(Bucket=runs.bucket, Key="inbox/hi/a.jsonl")["ETag"]
    runs.put("inbox/hi/a.jsonl", "{} ")

    batch = start_batch(runs.services, input_file=InputFile("inbox/hi/a.jsonl", etag=etag), shape="orders")

    assert runs.step("plan-batch", batch.batch_id)["status"] == "failed"
    assert runs.get(batch.batch_id).problems[0]["code"] == "input_changed"


@pytest.mark.parametrize(
    ("content", "key", "code"),
    [
        ("a,a\n1,2", "inbox/hi/a.csv", "invalid_header"),
        ("a,\n1,2", "inbox/hi/a.csv", "invalid_header"),
        ("\n1,2", "inbox/hi/a.csv", "invalid_header"),
        (b"\xff\n1", "inbox/hi/a.csv", "invalid_header"),
        ("a," + "b" * 70_000, "inbox/hi/a.csv", "invalid_header"),
        ("a,b\n", "inbox/hi/a.csv", "empty_file"),
        ("a,b\n1,2", "inbox/a.csv", "prompt_not_named"),
    ],
)
def test_a_csv_needs_columns_and_a_prompt(runs: BatchRuns, content: str | bytes, key: str, code: str) -> None:
    batch = runs.drop(content, key=key)

    assert runs.step("plan-batch", batch.batch_id)["status"] == "failed"

    assert runs.get(batch.batch_id).problems[0]["code"] == code


def test_a_csv_may_use_semicolons(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)

    batch = runs.drop("name;custom_id\nAnn;a\nBea;b\n", key="inbox/hi/a.csv")
    runs.run(batch.batch_id)

    assert [line["custom_id"] for line in runs.output(batch.batch_id)] == ["a", "b"]
    assert {request.json()["messages"][0]["content"] for request in upstream.requests} == {"Hi Ann", "Hi Bea"}


def test_a_custom_id_may_be_had_once_in_a_whole_batch(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    lines = [request_line("same"), *(request_line(f"c{number}") for number in range(30)), request_line("same")]

    batch = runs.submit(lines)
    runs.run(batch.batch_id)

    assert codes(runs.errors(batch.batch_id)) == [(32, "same", "duplicate_custom_id")]
    assert len(runs.output(batch.batch_id)) == 31


def test_a_custom_id_is_the_same_however_its_letters_are_written(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    first, second = '{"custom_id": "a", "variables": {}}', '{"custom\\u005fid": "\\u0061", "variables": {}}'

    for lines in ((first, second), (second, first)):
        batch = runs.drop("\n".join(lines), event_id=lines[0])
        runs.run(batch.batch_id)

        assert codes(runs.errors(batch.batch_id)) == [(2, "a", "duplicate_custom_id")]


def test_lines_of_a_dropped_file_stand_above_what_the_batch_says(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    lines = [{"variables": {"name": "Ann"}}, {"variables": {"title": "Dr"}, "max_tokens": 9}]
    runs.put("orders.jsonl", "\n".join(map(json.dumps, lines)))

    batch = start_batch(
        runs.services,
        input_file=InputFile("orders.jsonl"),
        shape="orders",
        defaults={"prompt_id": "hi", "variables": {"name": "Bea"}, "max_tokens": 5},
    )
    runs.run(batch.batch_id)

    sent = {request.json()["messages"][0]["content"]: request.json()["max_tokens"] for request in upstream.requests}
    assert sent == {"Hi Ann": 5, "Hi Bea": 9}
    assert status(runs, batch) == "completed"


def test_results_go_where_a_line_wants_them_and_nowhere_else(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    lines = [{"variables": {"name": "Ann"}, "result": {"type": "s3", "prefix": "r/"}}, {"variables": {"name": "Bea"}}]

    batch = runs.drop("\n".join(map(json.dumps, lines)))
    runs.run(batch.batch_id)

    assert [outcome.order.line.number for outcome in runs.results.delivered if outcome.order.line] == [1]
    assert len(runs.output(batch.batch_id)) == 2


def status(runs: BatchRuns, batch: BatchRecord) -> str:
    return runs.get(batch.batch_id).status


NASTY = [
    b'{"variables": {"name": "Ann"}}', b"", b"  ", b"{", b"null", b"[]", b'"text"', b"1e999", b"NaN", b"\xff\xfe",
    b"\x00",
    b'{"variables": 1}', b'{"variables": {"name": "a\\ud800"}}', b'{"custom_id": ""}', b'{"custom_id": "\\ud800"}',
    b'{"custom_id": "same"}', b'{"prompt_id": ""}', b'{"prompt_id": "hi@9999999999"}', b'{"result": "nowhere"}',
    b'{"idempotency_key": "k"}', b'{"max_tokens": {}}', b"[" * 5000, b"{" * 5000, b'{"a":' * 200 + b"1" + b"}" * 200,
    b'{"variables": {"name": "' + b"x" * 1_100_000 + b'"}}', b"9" * 5000, "ä,ö".encode(), b'"open', b'a,"b', b"\r",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("key", ["inbox/hi/a.jsonl", "inbox/hi/a.csv"])
def test_whatever_a_file_holds_every_line_is_in_one_of_the_two_files(
    engine: Engine, upstream: Upstream, key: str, seed: int
) -> None:
    runs = BatchRuns(engine, upstream.url)
    lines = random.Random(seed).choices(NASTY, k=60)

    batch = runs.drop(b"name,other\n" + b"\n".join(lines), key=key)
    found = runs.run(batch.batch_id)

    numbers = [line["line"] for line in (*runs.output(batch.batch_id), *runs.errors(batch.batch_id))]
    assert found["status"] == "completed"
    assert "internal_error" not in {code for _, _, code in codes(runs.errors(batch.batch_id))}
    assert len(numbers) == len(set(numbers)) == found["counts"]["total"] == runs.get(batch.batch_id).total
    assert found["counts"]["completed"] + found["counts"]["failed"] == found["counts"]["total"]
    if key.endswith(".jsonl"):
        assert sorted(numbers) == [1, *(place for place, line in enumerate(lines, start=2) if line.strip())]

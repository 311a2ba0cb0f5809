from __future__ import annotations

import json
from typing import Any

import pytest

from promptside.store.runs import RunStore
from tests.batch_runs import HI, BatchRuns, codes, request_line
from tests.engines import Engine
from tests.event_runs import ANSWER
from tests.upstream import Upstream, json_reply


@pytest.fixture
def upstream() -> Any:
    with Upstream() as running:
        running.default = json_reply(ANSWER)
        yield running


def test_every_line_of_a_batch_is_answered_in_openais_shape(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    batch = runs.submit([request_line("a"), request_line("b")])

    found = runs.run(batch.batch_id)

    output = runs.output(batch.batch_id)
    assert [(line["custom_id"], line["error"], line["line"]) for line in output] == [("a", None, 1), ("b", None, 2)]
    assert output[0]["response"]["status_code"] == 200
    assert output[0]["response"]["request_id"].startswith("run_")
    choices = [{**ANSWER["choices"][0], "logprobs": None}]
    assert output[0]["response"]["body"] == {**ANSWER, "choices": choices, "provider": "openai"}
    assert output[0]["id"].startswith("batch_req_")
    record = runs.get(batch.batch_id)
    assert (record.status, record.total, record.tally.completed, record.tally.failed) == ("completed", 2, 2, 0)
    assert record.errors is None
    assert found["usage"] == {"prompt_tokens": 6, "completion_tokens": 4, "total_tokens": 10}
    assert runs.bus.details() == [("Prompt Batch Completed", found)]
    assert len(upstream.requests) == 2


def test_bad_lines_are_errors_and_the_rest_goes_on(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    lines = [
        request_line("good"),
        "not json",
        request_line("good"),
        {**request_line("x"), "custom_id": None},
        {**request_line("get"), "method": "GET"},
        request_line("elsewhere", url="/v1/embeddings"),
        {**request_line("listed"), "body": []},
        "[1]",
        "",
        {**request_line("number"), "custom_id": 7},
        request_line("late"),
    ]

    batch = runs.submit(lines)
    found = runs.run(batch.batch_id)

    assert [line["custom_id"] for line in runs.output(batch.batch_id)] == ["good", "late"]
    assert codes(runs.errors(batch.batch_id)) == [
        (2, None, "invalid_json_line"),
        (3, "good", "duplicate_custom_id"),
        (4, None, "missing_custom_id"),
        (5, "get", "invalid_method"),
        (6, "elsewhere", "invalid_url"),
        (7, "listed", "invalid_body"),
        (8, None, "invalid_json_line"),
        (10, None, "invalid_custom_id"),
    ]
    assert found["counts"] == {"total": 10, "completed": 2, "failed": 8, "cancelled": 0, "expired": 0, "blank": 1}
    assert len(upstream.requests) == 2


def test_lines_of_a_dropped_file_run_the_prompt_of_its_folder(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    content = b'\xef\xbb\xbf{"variables": {"name": "Ann"}}\r\n\r\n{"prompt_id": "nobody", "correlation_id": "o-2"}'

    batch = runs.drop(content)
    runs.run(batch.batch_id)

    assert [line["line"] for line in runs.output(batch.batch_id)] == [1]
    assert codes(runs.errors(batch.batch_id)) == [(3, None, "prompt_not_found")]
    assert upstream.requests[0].json()["messages"] == [{"role": "user", "content": "Hi Ann"}]


def test_columns_of_a_dropped_csv_are_variables(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)
    content = 'custom_id,name\r\none,"Ann\nand ""Bea"""\r\n\r\nthree,Cy,more\r\none,Dee\r\n,Eve'

    batch = runs.drop(content, key="inbox/hi/names.csv")
    runs.run(batch.batch_id)

    assert [(line["line"], line["custom_id"]) for line in runs.output(batch.batch_id)] == [(2, "one"), (7, None)]
    assert codes(runs.errors(batch.batch_id)) == [(5, None, "invalid_line"), (6, "one", "duplicate_custom_id")]
    said = sorted(json.loads(request.body)["messages"][0]["content"] for request in upstream.requests)
    assert said == ['Hi Ann\nand "Bea"', "Hi Eve"]


def test_a_run_of_a_line_has_a_record(engine: Engine, upstream: Upstream) -> None:
    runs = BatchRuns(engine, upstream.url)

    batch = runs.submit([request_line("a")], endpoint=HI)
    runs.run(batch.batch_id)

    run_id = runs.output(batch.batch_id)[0]["response"]["request_id"]
    assert runs.records.written == [(run_id, "started"), (run_id, 200)]


def test_lines_that_share_a_key_share_an_answer_and_have_records_of_their_own(
    engine: Engine, upstream: Upstream
) -> None:
    runs = BatchRuns(engine, upstream.url, stores_records=True)
    lines = "\n".join([json.dumps({"idempotency_key": "order-17", "variables": {"name": "Ann"}})] * 3)
    store = RunStore(engine.client("dynamodb"), table=runs.table, now=lambda: runs.now)

    # The second batch is the same file once more.
    for event_id in ("e1", "e2"):
        batch = runs.drop(lines, event_id=event_id)
        runs.run(batch.batch_id)
        pages = [store.of_batch(batch.batch_id, limit=2)]
        pages.append(store.of_batch(batch.batch_id, after=pages[0][-1], limit=2))

        found = [[(record.begun["batch_id"], record.begun["line"]) for record in page] for page in pages]
        assert found == [[(batch.batch_id, 1), (batch.batch_id, 2)], [(batch.batch_id, 3)]]
        assert len(runs.output(batch.batch_id)) == 3
    assert len(upstream.requests) == 1

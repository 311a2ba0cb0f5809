from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from promptside.batches.starting import start_batch, start_batch_of_object
from promptside.errors import ConfigurationError, InvalidRequest, NotFound, StoreUnavailable
from promptside.schema.batch import InputFile
from tests.batch_runs import BatchRuns
from tests.engines import Engine


@pytest.fixture
def runs(engine: Engine) -> BatchRuns:
    return BatchRuns(engine, "http://127.0.0.1:9")


def start(runs: BatchRuns, **options: Any) -> Any:
    return start_batch(runs.services, input_file=InputFile("files/a"), shape="openai", **options)


def test_a_batch_is_a_record_and_an_execution_of_its_name(runs: BatchRuns) -> None:
    record = start(
        runs,
        endpoint="/v1/responses",
        completion_window="2h",
        metadata={"team": "a"},
        details={"input_file_id": "file-1"},
        key_digest="f" * 64,
    )

    assert runs.get(record.batch_id) == record
    assert (record.status, record.window_ends_at - record.created_at) == ("validating", 7200)
    assert (record.metadata, record.details, record.key_digest) == (
        {"team": "a"}, {"input_file_id": "file-1"}, "f" * 64
    )  # fmt: skip
    assert runs.machine.executions == [
        {
            "stateMachineArn": "arn:of:the:machine",
            "name": record.batch_id,
            "input": json.dumps({"batch_id": record.batch_id}),
        }
    ]


def test_starting_under_the_same_id_again_is_harmless(runs: BatchRuns) -> None:
    first = start(runs, batch_id="batch_1")
    runs.now += 60

    assert start(runs, batch_id="batch_1", metadata={"other": "x"}) == first

    runs.machine.error = ClientError({"Error": {"Code": "ExecutionAlreadyExists"}}, "StartExecution")
    assert start(runs, batch_id="batch_1") == first


@pytest.mark.parametrize("window", ["", "0h", "25h", "1d", "24", "24h "])
def test_a_window_is_at_most_a_day(runs: BatchRuns, window: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        start(runs, completion_window=window)

    assert caught.value.code == "invalid_completion_window"


def test_a_batch_that_could_not_be_started_is_failed(runs: BatchRuns) -> None:
    runs.machine.error = ClientError({"Error": {"Code": "AccessDeniedException"}}, "StartExecution")

    with pytest.raises(ConfigurationError):
        start(runs)

    (record,) = runs.services.batches.page(limit=10)
    assert (record.status, record.problems[0]["code"]) == ("failed", "batch_not_started")


def test_an_object_whose_batch_could_not_be_started_is_tried_again(runs: BatchRuns) -> None:
    runs.machine.error = ConnectTimeoutError(endpoint_url="http://states")
    with pytest.raises(StoreUnavailable):
        runs.drop("{}")

    runs.machine.error = None
    record = runs.drop("{}")

    assert record.status == "validating"
    assert [execution["name"] for execution in runs.machine.executions] == [record.batch_id]


def test_the_same_state_of_an_object_is_one_batch(runs: BatchRuns) -> None:
    first, again = runs.drop("{}", event_id="e1"), runs.drop("{}", event_id="e1")
    other, elsewhere = runs.drop("{}", event_id="e2"), runs.drop("{}", key="inbox/hi/other.jsonl", event_id="e1")

    assert first == again
    assert len({first.batch_id, other.batch_id, elsewhere.batch_id}) == 3


@pytest.mark.parametrize(
    ("key", "layout", "defaults"),
    [
        ("inbox/welcome/a.jsonl", "jsonl", {"prompt_id": "welcome"}),
        ("inbox/welcome@production/2026/a.NDJSON", "jsonl", {"prompt_id": "welcome@production"}),
        ("inbox/welcome/a.csv", "csv", {"prompt_id": "welcome"}),
        ("inbox/a.jsonl", "jsonl", {}),
    ],
)
def test_the_folder_of_an_object_names_its_prompt(runs: BatchRuns, key: str, layout: str, defaults: Any) -> None:
    record = runs.drop("{}", key=key)

    assert (record.input.layout, record.defaults, record.input.bucket) == (layout, defaults, runs.bucket)


@pytest.mark.parametrize("key", ["inbox/welcome/", "inbox/welcome/a.txt", "inbox/jsonl", "inbox/a.jsonl.gz"])
def test_other_objects_are_left_alone(runs: BatchRuns, key: str) -> None:
    assert start_batch_of_object(runs.services, bucket=runs.bucket, key=key, event_id="e1") is None
    assert runs.machine.executions == []


def test_batches_are_listed_newest_first(runs: BatchRuns) -> None:
    for number in range(5):
        runs.now += 1
        start(runs, batch_id=f"batch_{number}")
    runs.drop("{}")

    first = runs.services.batches.page(limit=2, shape="openai")
    second = runs.services.batches.page(limit=9, shape="openai", after=first[-1].batch_id)

    assert [record.batch_id for record in first] == ["batch_4", "batch_3"]
    assert [record.batch_id for record in second] == ["batch_2", "batch_1", "batch_0"]
    assert len(runs.services.batches.page(limit=9)) == 6


def test_an_expired_batch_is_not_found(runs: BatchRuns) -> None:
    record = start(runs)

    runs.now += 32 * 86400

    assert runs.services.batches.find(record.batch_id) is None
    assert runs.services.batches.page(limit=9) == []
    with pytest.raises(NotFound):
        runs.get(record.batch_id)

"""Run records over a real table: what they say, and that they stop no run."""

import io
import json
from dataclasses import replace
from typing import Any

import pytest

from promptside.config import Settings
from promptside.errors import JsonObject
from promptside.events.base import Line, Order, Outcome, ResultTarget
from promptside.events.recording import StoredRunRecords
from promptside.store.patience import Patience
from promptside.store.runs import RunRecord, RunStore
from tests.engines import Engine
from tests.results import COMPLETION, FAILURE, NOW, order, outcome

SETTINGS = Settings(table="t", secrets_prefix="/p", bucket="b", result_targets=("s3",))
BEGUN: JsonObject = {
    "prompt": "welcome@production",
    "source": "sqs",
    "correlation_id": "c-17",
    "metadata": {"user": "7"},
    "trace_id": order().run_id,
    "batch_id": None,
    "line": None,
    "custom_id": None,
    "results": [{"type": "s3", "bucket": "b", "key": f"results/{order().run_id}.json"}],
}
ENDED: JsonObject = {
    "version": 3,
    "label": None,
    "provider": "openai",
    "model": "gpt-4o-mini",
    "usage": COMPLETION["usage"],
    "cost_usd": 0.00027,
    "started_at": int(NOW),
    "completed_at": int(NOW) + 2,
    "duration_ms": 2500,
    "error": None,
}
NOTHING: JsonObject = {"model": None, "usage": None, "cost_usd": None}


class Recorded:
    """Records, the store that reads them, and everything that is in the table as text."""

    def __init__(self, engine: Engine) -> None:
        self.client = engine.client("dynamodb")
        self.table = engine.new_table()
        self.now = NOW
        self.runs = RunStore(self.client, table=self.table, now=lambda: self.now)
        self.records = StoredRunRecords(self.runs, SETTINGS)

    def run(self, what: Outcome) -> RunRecord:
        self.records.start(what.order, now=what.started_at)
        self.records.end(what)
        return self.find(what.order)

    def find(self, of: Order) -> RunRecord:
        found = self.runs.find(of.run_id)
        assert found is not None
        return found

    def text(self) -> str:
        return json.dumps(self.client.scan(TableName=self.table)["Items"])


@pytest.fixture
def recorded(any_engine: Engine) -> Recorded:
    return Recorded(any_engine)


def mine(**fields: Any) -> Order:
    return order(results=None, **fields)


def refused(of: Order, code: str, *, status: int = 502, **fields: Any) -> Outcome:
    body = {**FAILURE, "error": {**FAILURE["error"], "code": code, "message": "quotes: Ann"}}
    return outcome(of, status=status, body=body, **fields)


def test_a_run_that_has_begun_is_running(recorded: Recorded) -> None:
    recorded.records.start(mine(), now=NOW)

    assert recorded.find(mine()) == RunRecord(mine().run_id, "running", int(NOW * 1000), 1, BEGUN, {})


def test_a_completed_run_says_what_it_took(recorded: Recorded) -> None:
    assert recorded.run(outcome(mine())) == RunRecord(mine().run_id, "completed", int(NOW * 1000), 1, BEGUN, ENDED)


def test_a_record_holds_no_content(recorded: Recorded) -> None:
    recorded.run(outcome(mine(headers={"authorization": "Bearer canary", "x-portkey-config": '{"api_key": "canary"}'})))
    recorded.run(refused(mine(key="other"), "provider_error"))

    assert not any(text in recorded.text() for text in ("Ann", "Grüße", "canary", "overloaded", "quotes"))


def test_a_failed_run_says_why_without_the_message(recorded: Recorded) -> None:
    record = recorded.run(refused(mine(), "context_length_exceeded", status=400))

    error = {"type": "api_error", "code": "context_length_exceeded", "status": 400}
    assert (record.status, record.ended) == ("failed", {**ENDED, **NOTHING, "error": error})


def test_a_line_that_a_cancelled_batch_did_not_run_is_cancelled(recorded: Recorded) -> None:
    of = mine(line=Line("batch_1", 7, "a-1"))
    record = recorded.run(refused(of, "batch_cancelled", status=409))

    assert (record.status, record.begun["batch_id"], record.begun["line"], record.begun["custom_id"]) == (
        "cancelled", "batch_1", 7, "a-1",
    )  # fmt: skip
    assert [found.run_id for found in recorded.runs.of_batch("batch_1", limit=10)] == [of.run_id]


def test_a_run_that_comes_back_is_queued_and_runs_again(recorded: Recorded) -> None:
    waiting = recorded.run(refused(mine(), "rate_limit_exceeded", status=429, retryable=True))
    recorded.records.start(mine(), now=NOW + 60)
    again = recorded.find(mine())
    recorded.records.end(outcome(mine(), started_at=NOW + 60, ended_at=NOW + 61))
    ended = recorded.find(mine())

    assert (waiting.status, waiting.deliveries, waiting.ended["error"]["code"]) == ("queued", 1, "rate_limit_exceeded")
    assert (again.status, again.deliveries, again.created_at) == ("running", 2, int(NOW * 1000))
    assert (ended.status, ended.ended["error"], ended.ended["started_at"]) == ("completed", None, int(NOW) + 60)


def test_a_replay_leaves_an_ended_run_as_it_is_and_is_counted(recorded: Recorded) -> None:
    first = recorded.run(outcome(mine()))
    second = recorded.run(outcome(mine(), started_at=NOW + 600, ended_at=NOW + 600.1, replayed=True))

    assert second == replace(first, deliveries=2)


@pytest.mark.parametrize("fields", [{"status": 422}, {"status": 429, "retryable": True}])
def test_nothing_that_comes_later_makes_a_completed_run_a_failed_one(
    recorded: Recorded, fields: dict[str, Any]
) -> None:
    first = recorded.run(outcome(mine()))

    assert recorded.run(refused(mine(), "idempotency_key_reused", **fields)) == replace(first, deliveries=2)


def test_a_record_whose_beginning_could_not_be_written_is_whole_at_the_end(recorded: Recorded) -> None:
    recorded.records.end(outcome(mine()))

    assert recorded.find(mine()) == RunRecord(mine().run_id, "completed", int((NOW + 2.5) * 1000), 0, BEGUN, ENDED)


def test_records_are_forgotten_when_their_days_are_over(recorded: Recorded) -> None:
    recorded.run(outcome(mine()))
    recorded.run(outcome(mine(key="line", line=Line("batch_1", 1))))
    recorded.now = NOW + 30 * 86400 + 3

    assert recorded.runs.find(mine().run_id) is None
    assert recorded.runs.newest(limit=10) == []
    assert recorded.runs.of_batch("batch_1", limit=10) == []
    items = recorded.client.scan(TableName=recorded.table)["Items"]
    assert all(NOW + 30 * 86400 <= int(item["expires_at"]["N"]) <= recorded.now for item in items)


@pytest.mark.parametrize(
    ("path", "body", "prompt"),
    [
        ("/v1/prompts/welcome/completions", {}, "welcome"),
        ("/v1/prompts/welcome%403/completions", {}, "welcome@3"),
        ("/v1/responses", {"prompt": {"id": "welcome", "version": "3"}}, "welcome@3"),
        ("/v1/chat/completions", {"prompt": {"id": "welcome"}}, "welcome"),
        ("/v1/chat/completions", {"prompt": "a text"}, None),
        ("/v1/chat/completions", {}, None),
    ],
)
def test_the_prompt_is_named_as_the_order_names_it(
    recorded: Recorded, path: str, body: JsonObject, prompt: str | None
) -> None:
    assert recorded.run(outcome(mine(path=path, body=body))).begun["prompt"] == prompt


@pytest.mark.parametrize(
    ("model", "usage", "cost"),
    [
        ("gpt-4o-mini", {"input_tokens": 1000, "output_tokens": 200}, 0.00027),
        ("gpt-4o-mini", {"prompt_tokens": 1000}, 0.00015),
        ("a-model-nobody-knows", {"prompt_tokens": 1000, "completion_tokens": 200}, None),
        ("gpt-4o-mini", {"prompt_tokens": 9, "prompt_tokens_details": {"audio_tokens": 3}}, None),
        ("gpt-4o-mini", {"prompt_tokens": 9, "prompt_tokens_details": {"cache_write_tokens": 3}}, None),
        ("gpt-4o-mini", {"prompt_tokens": "9"}, None),
        ("gpt-4o-mini", None, None),
    ],
)
def test_a_cost_that_is_not_known_is_not_zero(recorded: Recorded, model: str, usage: Any, cost: float | None) -> None:
    record = recorded.run(outcome(mine(), body={"model": model, "usage": usage}))

    assert record.ended["cost_usd"] == cost


def test_a_table_that_is_not_there_stops_no_run(engine: Engine, log_output: io.StringIO) -> None:
    patience = Patience(attempts=1)
    runs = RunStore(engine.client("dynamodb"), table="no-such-table", patience=patience)
    records = StoredRunRecords(runs, SETTINGS)

    records.start(mine(), now=NOW)
    records.end(outcome(mine()))

    logged = [json.loads(line) for line in log_output.getvalue().splitlines()]
    assert [(line["step"], line["run_id"]) for line in logged if line["message"] == "run_not_recorded"] == [
        ("start", mine().run_id),
        ("end", mine().run_id),
    ]


def test_targets_of_the_stack_that_cannot_be_read_stop_no_run(recorded: Recorded, log_output: io.StringIO) -> None:
    records = StoredRunRecords(recorded.runs, replace(SETTINGS, result_targets=("ftp://x",)))

    records.start(mine(), now=NOW)
    records.end(outcome(order(ResultTarget("s3"))))

    assert "run_not_recorded" in log_output.getvalue()

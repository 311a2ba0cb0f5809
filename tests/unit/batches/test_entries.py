from __future__ import annotations

import json
from typing import Any

import pytest

from promptside.batches.entries import Entry, ended_entry, refused_entry, stopped_entry, tally_of
from promptside.errors import InvalidRequest
from promptside.events.base import Line, Order, Outcome
from promptside.schema.batch import Tally

ORDER = Order("batch_1:3", "/v1/responses", line=Line("batch_1", 3, "c"))


def outcome(body: Any, status: int = 200, provider: str | None = None) -> Outcome:
    return Outcome(ORDER, status, body, {} if provider is None else {"x-portkey-provider": provider})


def test_an_answer_is_an_output_line_with_its_tokens_and_its_cost() -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
    body = {"model": "gpt-4o-mini", "provider": "openai", "usage": usage}

    entry = ended_entry(outcome(body))

    assert json.loads(entry.text) == {
        "id": "batch_req_" + json.loads(entry.text)["id"].removeprefix("batch_req_"),
        "custom_id": "c",
        "response": {"status_code": 200, "request_id": ORDER.run_id, "body": body},
        "error": None,
        "line": 3,
    }
    # 0.15 and 0.60 USD for a million tokens.
    assert entry.tally == Tally(1, 0, 1000, 500, 1500, cost_nano_usd=450_000)


def test_an_answer_of_the_responses_api_counts_as_well() -> None:
    body = {"model": "gpt-4o-mini", "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}}

    tally = ended_entry(outcome(body, provider="openai")).tally

    assert tally == Tally(1, 0, 10, 5, 15, cost_nano_usd=4500)


@pytest.mark.parametrize("body", [{}, {"usage": None}, {"model": "m", "provider": "x", "usage": {"prompt_tokens": 1}}])
def test_an_answer_without_a_known_price_is_counted_as_such(body: Any) -> None:
    tally = ended_entry(outcome(body)).tally

    assert (tally.completed, tally.unpriced, tally.cost_nano_usd) == (1, 1, 0)


@pytest.mark.parametrize("status", ["HIT", "SEMANTIC HIT"])
def test_an_answer_from_the_cache_costs_nothing(status: str) -> None:
    body = {"model": "m", "provider": "openai", "usage": {"prompt_tokens": 7, "completion_tokens": 2}}
    kept = Outcome(ORDER, 200, body, {"x-portkey-cache-status": status})

    assert ended_entry(kept).tally == Tally(1, 0, 7, 2, 9)


def test_what_was_written_counts_as_it_did_when_it_was() -> None:
    body = {"model": "gpt-4o-mini", "provider": "openai", "usage": {"prompt_tokens": 7, "completion_tokens": 2}}
    entries = [
        ended_entry(outcome(body)),
        ended_entry(outcome({"error": {"code": "provider_error", "message": "no"}}, status=500)),
        stopped_entry(ORDER, "batch_cancelled"),
        stopped_entry(ORDER, "batch_expired"),
        refused_entry("batch_1", 4, None, InvalidRequest("bad", code="invalid_line")),
    ]
    texts: dict[bool, list[str]] = {True: [], False: []}
    for entry in entries:
        texts[entry.succeeded].append(entry.text)

    total = sum((entry.tally for entry in entries), Tally())

    assert tally_of(texts) == total
    assert (total.completed, total.failed, total.cancelled, total.expired) == (1, 4, 1, 1)


@pytest.mark.parametrize(
    ("entry", "response", "error"),
    [
        (
            ended_entry(outcome({"error": {"code": "provider_error", "message": "no"}}, status=500)),
            {
                "status_code": 500,
                "request_id": ORDER.run_id,
                "body": {"error": {"code": "provider_error", "message": "no"}},
            },
            {"code": "provider_error", "message": "no", "param": None, "line": 3},
        ),
        (
            stopped_entry(ORDER, "batch_expired"),
            None,
            {
                "code": "batch_expired",
                "message": "The batch's completion window ended before this line was run",
                "param": None,
                "line": 3,
                "request_id": ORDER.run_id,
            },
        ),
        (
            refused_entry("batch_1", 3, "c", InvalidRequest("bad", code="invalid_line", param="x")),
            None,
            {"code": "invalid_line", "message": "bad", "param": "x", "line": 3},
        ),
    ],
)
def test_an_errors_line_says_where_and_why(entry: Entry, response: Any, error: Any) -> None:
    value = json.loads(entry.text)

    assert (entry.succeeded, value["custom_id"], value["line"]) == (False, "c", 3)
    assert (value["response"], value["error"]) == (response, error)


def test_the_id_of_a_line_is_always_the_same() -> None:
    ids = {
        json.loads(stopped_entry(ORDER, "batch_expired").text)["id"],
        json.loads(ended_entry(outcome({})).text)["id"],
    }

    assert len(ids) == 1

"""Whatever an order says, it is answered as data: nothing crashes, and above all nothing that is paid for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from promptside.errors import PromptsideError
from promptside.events.envelope import envelope_of, order_of
from promptside.events.results.documents import result_of
from promptside.events.running import run_order
from tests.engines import Engine
from tests.event_runs import ANSWER, EventRuns
from tests.upstream import Upstream, json_reply

ODD = ["\ud800", "a\r\nx: y", "\0", "ü", "x" * 5000, "{", "[]", "9" * 5000, "{{name}}", " ", "", "null", "[" * 50_000]
HEADERS = [
    "x-portkey-api-key", "authorization", "x-portkey-config", "x-portkey-custom-host", "x-portkey-metadata",
    "x-portkey-provider", "x-portkey-request-timeout", "x-portkey-strict-open-ai-compliance", "x-portkey-trace-id",
    "x-portkey-virtual-key", "x-portkey-cache-force-refresh", "x-portkey-forward-headers", "idempotency-key",
    "content-type",
]  # fmt: skip
FIELDS = ["virtual_key", "provider", "trace_id", "config", "correlation_id", "model", "user", "stop", "prompt_id"]


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        running.default = json_reply(ANSWER)
        yield running


@pytest.fixture
def runs(engine: Engine, upstream: Upstream) -> EventRuns:
    return EventRuns(engine, upstream)


def codes(runs: EventRuns, envelopes: list[dict[str, Any]]) -> set[str]:
    found = set()
    for number, envelope in enumerate(envelopes):
        given, _ = envelope_of({"prompt_id": "hi", "variables": {"name": "Ann"}, **envelope})
        try:
            order = order_of(given, key=f"k-{number}", source="sqs")
        except PromptsideError as error:
            found.add(str(error.code))
            continue
        outcome = run_order(runs.events.services, order, deadline=time.monotonic() + 30)
        result_of(outcome)
        code = "none" if outcome.succeeded else str(outcome.body["error"]["code"])
        found.add(code)
    return found


@pytest.mark.parametrize("header", HEADERS)
def test_no_header_crashes_a_run(runs: EventRuns, header: str) -> None:
    assert "internal_error" not in codes(runs, [{"headers": {header: value}} for value in ODD])


@pytest.mark.parametrize("field", FIELDS)
def test_no_field_crashes_a_run(runs: EventRuns, field: str) -> None:
    values = [*ODD, 1, 1.5e308, True, [], {}, [[]], {"a": "\ud800"}, ["\ud800"]]

    assert "internal_error" not in codes(runs, [{field: value} for value in values])


def test_no_variable_crashes_a_run(runs: EventRuns) -> None:
    values: list[Any] = [*ODD, 1, 10**4000, True, [], {}, {"\ud800": 1}, None]

    assert "internal_error" not in codes(runs, [{"variables": {"name": value}} for value in values])
    assert "internal_error" not in codes(runs, [{"variables": {value: "x"}} for value in ODD])
    assert "internal_error" not in codes(runs, [{"metadata": {value: value}} for value in ODD])

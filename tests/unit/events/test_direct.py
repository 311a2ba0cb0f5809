"""Invokes: an envelope in, a completion out, or an exception whose class says whether to come again."""

import json
import time
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from promptside.events.base import DeliveryFailed
from promptside.events.direct import RetryableRunError, RunError, answer_direct
from tests.engines import Engine
from tests.event_runs import ANN, ANSWER, EventRuns
from tests.upstream import Upstream, json_reply


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        running.default = json_reply(ANSWER)
        yield running


@pytest.fixture
def runs(engine: Engine, upstream: Upstream) -> EventRuns:
    return EventRuns(engine, upstream)


def invoke(runs: EventRuns, event: dict[str, Any] = ANN, *, request_id: str = "r-1") -> dict[str, Any]:
    return answer_direct(runs.events, event, request_id=request_id, deadline=time.monotonic() + 60)


def failure(runs: EventRuns, event: dict[str, Any] = ANN) -> tuple[type[Exception], dict[str, Any]]:
    with pytest.raises(RunError) as raised:
        invoke(runs, event)
    assert raised.value.__context__ is None or raised.value.__suppress_context__
    return type(raised.value), json.loads(str(raised.value))


def test_an_envelope_is_answered_with_the_completion(runs: EventRuns) -> None:
    assert invoke(runs)["choices"][0]["message"] == {"role": "assistant", "content": "Hello Ann"}


def test_an_invoke_that_lambda_repeats_is_not_paid_twice(runs: EventRuns, upstream: Upstream) -> None:
    assert invoke(runs) == invoke(runs)
    assert len(upstream.requests) == 1


def test_another_invoke_is_another_run(runs: EventRuns, upstream: Upstream) -> None:
    invoke(runs, request_id="r-1")
    invoke(runs, request_id="r-2")

    assert len(upstream.requests) == 2


def test_a_key_in_the_envelope_holds_over_invokes(runs: EventRuns, upstream: Upstream) -> None:
    envelope = {**ANN, "idempotency_key": "execution-7"}

    assert invoke(runs, envelope, request_id="r-1") == invoke(runs, envelope, request_id="r-2")
    assert len(upstream.requests) == 1


def test_an_eventbridge_event_is_one_run_however_often_it_comes(runs: EventRuns, upstream: Upstream) -> None:
    event = {"id": "e-1", "detail-type": "Order Placed", "source": "shop", "detail": ANN}
    invoke(runs, event, request_id="r-1")
    invoke(runs, event, request_id="r-2")

    assert len(upstream.requests) == 1
    assert [(outcome.order.key, outcome.order.source) for outcome in runs.results.delivered] == [
        ("event:e-1", "eventbridge")
    ] * 2


@pytest.mark.parametrize(
    ("event", "status", "code"),
    [
        ({}, 400, "invalid_envelope"),
        ({"prompt_id": "nobody"}, 404, "prompt_not_found"),
        ({"detail-type": "x", "detail": "y"}, 400, "invalid_envelope"),
        ({**ANN, "result": "fax"}, 400, "invalid_envelope"),
    ],
)
def test_what_would_fail_again_is_a_run_error(runs: EventRuns, event: dict[str, Any], status: int, code: str) -> None:
    kind, told = failure(runs, event)

    assert kind is RunError
    assert (told["status"], told["code"]) == (status, code)


def test_a_busy_provider_is_a_retryable_error_with_the_time_to_wait(runs: EventRuns, upstream: Upstream) -> None:
    upstream.enqueue(json_reply({"error": {"message": "slow down"}}, status=429, headers={"retry-after": "7"}))

    kind, told = failure(runs)

    assert kind is RetryableRunError
    assert (told["status"], told["retry_after"]) == (429, 7.0)
    assert runs.results.delivered == []
    assert invoke(runs)["object"] == "chat.completion"


def test_a_providers_own_words_are_not_raised_because_lambda_logs_them(runs: EventRuns, upstream: Upstream) -> None:
    upstream.enqueue(json_reply({"error": {"message": "cannot answer 'Hi canary'", "code": "odd"}}, status=400))

    with pytest.raises(RunError) as raised:
        invoke(runs)

    assert "canary" not in "".join(traceback.format_exception(raised.value))
    assert json.loads(str(raised.value))["code"] == "odd"
    (outcome,) = runs.results.delivered
    assert "canary" in outcome.body["error"]["message"]


def test_a_result_that_is_not_taken_can_be_tried_again_under_a_key(runs: EventRuns, upstream: Upstream) -> None:
    runs.results.refusals.append(DeliveryFailed("The hook is down"))
    keyed = {**ANN, "idempotency_key": "k-1"}

    kind, told = failure(runs, keyed)

    assert (kind, told["code"]) == (RetryableRunError, "result_not_delivered")
    assert invoke(runs, keyed)["object"] == "chat.completion"
    assert len(upstream.requests) == 1


def test_without_a_key_a_result_that_is_not_taken_is_no_reason_to_run_again(runs: EventRuns) -> None:
    runs.results.refusals.append(DeliveryFailed("The hook is down"))

    assert failure(runs)[0] is RunError

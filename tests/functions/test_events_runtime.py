"""The events function as it is built, run by AWS's own runtime client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engines import Engine
from tests.event_runs import ANSWER
from tests.events_function import EventStack
from tests.functions.deployed import Deployment, load_event
from tests.functions.runtime_api import Runtime, RuntimeApi
from tests.upstream import Upstream, json_reply

_NOT_USED = (
    "PROMPTSIDE_EVENT_BUS",
    "PROMPTSIDE_RESULT_QUEUES",
    "PROMPTSIDE_WEBHOOK_HOSTS",
    "PROMPTSIDE_EVENT_CONCURRENCY",
    "PROMPTSIDE_MAX_RECEIVE_COUNT",
    "PROMPTSIDE_BATCH_CONCURRENCY",
    "PROMPTSIDE_RECORD_DAYS",
)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        running.default = json_reply(ANSWER)
        yield running


@pytest.fixture(scope="module")
def stack(engine: Engine, upstream: Upstream) -> EventStack:
    return EventStack(engine, upstream)


@pytest.fixture(scope="module")
def api() -> Iterator[RuntimeApi]:
    with RuntimeApi() as running:
        yield running


@pytest.fixture(scope="module")
def runtime(
    stack: EventStack, upstream: Upstream, api: RuntimeApi, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runtime]:
    unset = dict.fromkeys(_NOT_USED, "")
    deployment = Deployment(
        stack.engine,
        tmp_path_factory.mktemp("events"),
        upstream,
        environment={**unset, **stack.environment},
    )
    with deployment.running("EventsFunction", api) as running:
        yield running


def answer(api: RuntimeApi, event: Any) -> tuple[bool, Any]:
    """Return whether the invoke failed, and what it was answered with."""
    exchange = api.invoke(event, seconds=60.0).finish()
    return exchange.failed, json.loads(exchange.payload)


@pytest.mark.usefixtures("runtime")
def test_messages_are_run(stack: EventStack, api: RuntimeApi) -> None:
    assert answer(api, load_event("sqs-run")) == (False, {"batchItemFailures": []})
    assert [result["status"] for result in stack.delivered()] == ["completed"]


@pytest.mark.usefixtures("runtime")
def test_a_task_gets_its_completion(api: RuntimeApi) -> None:
    failed, completion = answer(api, load_event("events-invoke"))

    assert not failed
    assert completion["choices"][0]["message"]["content"] == "Hello Ann"


def test_a_task_that_fails_says_how_and_nothing_of_the_prompt_is_logged(
    runtime: Runtime, api: RuntimeApi, upstream: Upstream
) -> None:
    upstream.enqueue(json_reply({"error": {"message": "cannot answer canary"}}, status=429))
    order = {**load_event("events-invoke"), "variables": {"name": "canary"}}

    failed, error = answer(api, order)

    assert failed
    assert error["errorType"] == "RetryableRunError"
    assert json.loads(error["errorMessage"])["status"] == 429
    assert "RetryableRunError" in runtime.log
    assert "canary" not in runtime.log

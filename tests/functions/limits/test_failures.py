"""Limits while tables fail, and what runs without limits ask of them: nothing."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from promptside.store.reader import DynamoPromptReader
from promptside.store.usage import UsageStore
from tests.engines import Engine
from tests.limited import FREE, REQUESTS, Limited
from tests.store_proxy import Answer as Raw
from tests.store_proxy import Forward, StoreProxy
from tests.upstream import Upstream
from tests.whole_stack import WholeStack, whole_stack

ENVIRONMENT = {"PYTHONPATH": str(Path(__file__).parents[3] / "layers" / "shared")}
NOT_COUNTED = "x-promptside-limits-not-counted"


@contextmanager
def proxied(stack: WholeStack, engine: Engine, upstream: Upstream) -> Iterator[tuple[Limited, StoreProxy]]:
    """Run over a proxy that hears every call of a run to its tables."""
    with StoreProxy(engine.url) as proxy:
        environment = stack.manage.environment
        client = engine.new_reads(url=proxy.url)
        usage = UsageStore(
            client,
            rates=environment["PROMPTSIDE_RUN_TABLE"],
            budgets=stack.manage.table,
            workspace="default",
        )
        services = replace(
            stack.services, prompts=DynamoPromptReader(client, table=stack.manage.table), usage=lambda: usage
        )
        yield Limited(replace(stack, services=services), upstream), proxy


def failing(operation: str) -> Callable[[bytes, Forward], Raw | None]:
    """Answer for one kind of call that there is too much of it, and let others through."""
    refusal = {"__type": "com.amazonaws.dynamodb#ThrottlingException", "message": "as the test wants it"}

    def fault(request: bytes, forward: Forward) -> Raw | None:
        is_it = (operation == "UpdateItem") == (b"UpdateExpression" in request)
        return (400, json.dumps(refusal).encode()) if is_it else forward(request)

    return fault


def test_a_run_without_limits_asks_the_tables_for_nothing_more(
    stack: WholeStack, engine: Engine, upstream: Upstream
) -> None:
    with proxied(stack, engine, upstream) as (limited, proxy):
        _, key = limited.key()
        slug = limited.prompt()
        limited.run(slug, key)
        proxy.operations.clear()

        assert limited.run(slug, key).status == 200
        assert proxy.operations == ["BatchGetItem"]


def test_a_function_starts_without_what_limits_need() -> None:
    program = (
        "import sys, promptside.wiring, promptside.api.routes, promptside.attempts.routed\n"
        "print([name for name in sys.modules if name.startswith(('promptside.metering', 'promptside.store.usage'))])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=ENVIRONMENT, check=True)

    assert found.stdout == "[]\n"


@pytest.mark.parametrize(
    ("limits", "writes"),
    [
        ({"rate_limits": [REQUESTS]}, 1),
        ({"usage_limits": {"type": "tokens", "credit_limit": 100}}, 2),
        ({"rate_limits": [REQUESTS, {"type": "tokens", "unit": "rpm", "value": 100}]}, 3),
    ],
)
def test_what_limits_cost_in_writes(
    *, stack: WholeStack, engine: Engine, upstream: Upstream, limits: dict[str, Any], writes: int
) -> None:
    with proxied(stack, engine, upstream) as (limited, proxy):
        _, key = limited.key(**limits)
        slug = limited.prompt()
        limited.run(slug, key)
        proxy.operations.clear()

        limited.run(slug, key)

        assert proxy.operations == ["BatchGetItem"] + ["UpdateItem"] * writes


def test_rate_limits_are_not_worth_an_outage_and_the_answer_says_so(
    stack: WholeStack, engine: Engine, upstream: Upstream
) -> None:
    with proxied(stack, engine, upstream) as (limited, proxy):
        _, key = limited.key(rate_limits=[REQUESTS])
        slug = limited.prompt()
        proxy.always = failing("UpdateItem")

        answers = [limited.run(slug, key) for _ in range(3)]

    assert [(answer.status, answer.headers[NOT_COUNTED]) for answer in answers] == [(200, "requests")] * 3


def test_a_table_that_does_not_answer_is_waited_for_once_not_for_each_limit(
    stack: WholeStack, engine: Engine, upstream: Upstream
) -> None:
    seconds = [0.0]

    def silent(request: bytes, forward: Forward) -> Raw | None:
        if b"UpdateExpression" not in request:
            return forward(request)
        # Cutting the connection two seconds later, by the run's clock, is what a timeout looks like.
        seconds[0] += 2
        return None

    services = replace(stack.services, monotonic=lambda: seconds[0])
    with proxied(replace(stack, services=services), engine, upstream) as (limited, proxy):
        _, key = limited.key(rate_limits=[{**REQUESTS, "unit": unit} for unit in ("rpm", "rph", "rpd")])
        slug = limited.prompt(rate_limits=[REQUESTS])
        proxy.always = silent
        answer = limited.run(slug, key)

        assert (answer.status, answer.headers["x-promptside-limits-not-counted"]) == (200, "requests")
        assert proxy.operations.count("UpdateItem") == 1


def test_budgets_are_kept_even_if_that_stops_calls(stack: WholeStack, engine: Engine, upstream: Upstream) -> None:
    with proxied(stack, engine, upstream) as (limited, proxy):
        slug = limited.prompt(usage_limits={"type": "tokens", "credit_limit": 100})
        proxy.always = failing("UpdateItem")

        answer = limited.run(slug)

    assert (answer.status, answer.body["error"]["code"]) == (503, "store_unavailable")
    assert upstream.requests == []


def test_an_answer_is_given_even_if_it_cannot_be_settled(stack: WholeStack, engine: Engine, upstream: Upstream) -> None:
    with proxied(stack, engine, upstream) as (limited, proxy):
        slug = limited.prompt(usage_limits={"type": "tokens", "credit_limit": 100})
        limited.run(slug)
        proxy.next_answers.extend([None, None, *[failing("UpdateItem")] * 3])

        answer = limited.run(slug)

        assert answer.status == 200
        assert limited.used(f"/v1/prompts/{slug}") == 5 + 19


def test_without_a_run_table_rate_limits_are_refused_rather_than_ignored(engine: Engine, upstream: Upstream) -> None:
    with whole_stack(engine) as stack:
        limited = Limited(stack, upstream)
        _, key = limited.key(rate_limits=[REQUESTS])

        answer = limited.run(limited.prompt(), key, FREE)

    assert (answer.status, answer.body["error"]["code"]) == (500, "not_configured")

"""Limits under configs: whose limit another target can do without, and what several calls hold."""

import json
from threading import Event

from tests.functions.test_completions import ANSWER
from tests.limited import REQUESTS, Limited
from tests.upstream import Reply, Request, Upstream


def test_a_virtual_keys_limit_lets_the_next_target_answer(limited: Limited, upstream: Upstream) -> None:
    narrow, wide = limited.virtual_key(rate_limits=[REQUESTS]), limited.virtual_key()
    config = {"strategy": {"mode": "fallback"}, "targets": [{"virtual_key": narrow}, {"virtual_key": wide}]}
    slug = limited.prompt(parameters={"config": config})

    answers = [limited.run(slug) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 200]
    option = "x-portkey-last-used-option-index"
    assert [answer.headers[option][-3:] for answer in answers] == ["[0]", "[0]", "[1]"]
    assert len(upstream.requests) == 3


def test_a_prompts_budget_is_the_same_at_every_target(limited: Limited, upstream: Upstream) -> None:
    config = {
        "strategy": {"mode": "fallback"},
        "targets": [{"virtual_key": limited.virtual_key()}, {"virtual_key": limited.virtual_key()}],
    }
    slug = limited.prompt(parameters={"config": config}, usage_limits={"type": "tokens", "credit_limit": 10})

    answer = limited.run(slug)

    assert (answer.status, answer.body["error"]["code"]) == (412, "budget_exceeded")
    assert upstream.requests == []


def test_both_halves_of_a_hedged_call_are_reserved_and_the_slower_one_stays(
    limited: Limited, upstream: Upstream
) -> None:
    """The first target answers only when the second has won, so nobody knows what it has used."""
    slow_arrived, won = Event(), Event()
    slow, fast = limited.virtual_key(key="sk-slow"), limited.virtual_key(key="sk-fast")
    body = json.dumps(ANSWER).encode()

    def answer(request: Request) -> Reply:
        is_slow = request.headers["authorization"].endswith("slow")
        if is_slow:
            slow_arrived.set()
        headers = {"content-type": "application/json", "content-length": str(len(body))}
        return Reply(200, headers, [won if is_slow else slow_arrived, body])

    upstream.default = answer
    targets = [{"virtual_key": slow}, {"virtual_key": fast}]
    config = {"strategy": {"mode": "fallback"}, "hedge": {"after_ms": 1}, "targets": targets}
    slug = limited.prompt(parameters={"config": config}, usage_limits={"type": "tokens", "credit_limit": 1000})

    status = limited.run(slug).status
    won.set()

    assert (status, len(upstream.requests)) == (200, 2)
    assert limited.used(f"/v1/prompts/{slug}") == 19 + 5

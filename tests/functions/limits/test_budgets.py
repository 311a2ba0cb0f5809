"""Budgets over the whole path: what is reserved before a call, what counts after it, and who is told."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from tests.functions.test_completions import STREAM
from tests.limited import BUDGET, FREE, NOON, REQUESTS, Limited
from tests.product import events_of, whole
from tests.upstream import Upstream, json_reply, sse_reply


def test_a_budget_answers_412_that_says_when_it_resets(limited: Limited, upstream: Upstream) -> None:
    identifier, key = limited.key(usage_limits=BUDGET)
    slug = limited.prompt()

    answers = [limited.run(slug, key) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 412]
    assert answers[2].body["error"] == {
        "message": "Budget of the API key 'ci', 0.000010 USD per month: this call may take 0.000007 USD, 0.000007 USD "
        "are left. Ask for less with max_completion_tokens. It starts anew at 2026-12-01T00:00:00Z",
        "type": "insufficient_quota", "param": "x-portkey-api-key", "code": "budget_exceeded",
        "limit": {"subject": "api_key", "type": "cost", "unit": "monthly"},
    }  # fmt: skip
    assert answers[2].headers["x-should-retry"] == "false"
    assert answers[2].headers["retry-after"] == str(9 * 86_400)
    assert limited.now == NOON
    assert len(upstream.requests) == 2
    assert limited.stack.services.usage is not None
    assert identifier


def test_a_virtual_keys_budget_shows_in_its_status_and_can_be_reset(limited: Limited) -> None:
    slug = limited.virtual_key(usage_limits={"type": "tokens", "credit_limit": 19})
    name, path = limited.prompt(virtual_key=slug), f"/v1/virtual-keys/{slug}"
    limited.run(name, body={"variables": {"name": "Ann"}, "max_tokens": 10})
    used = limited.used(path)
    limited.manage.call("PUT", path, {"usage_limits": {"type": "tokens", "credit_limit": 5}})
    exhausted = limited.manage.call("GET", path).body
    refused = limited.run(name)
    limited.manage.call("PUT", path, {"usage_limits": {"type": "tokens", "credit_limit": 19}, "reset_usage": True})
    reset = limited.manage.call("GET", path).body

    assert (used, exhausted["status"], refused.status) == (5, "exhausted", 412)
    assert (reset["status"], reset["usage_limits"]["current_usage"]) == ("active", 0)
    assert limited.run(name).status == 200


def test_the_same_budget_outlives_changes_of_its_amount_and_null_removes_it(limited: Limited) -> None:
    slug = limited.prompt(usage_limits={"type": "tokens", "credit_limit": 100})
    path = f"/v1/prompts/{slug}"
    limited.run(slug)
    limited.manage.call("PUT", path, {"usage_limits": {"type": "tokens", "credit_limit": 50}})
    changed = limited.used(path)
    limited.manage.call("PUT", path, {"usage_limits": None})

    assert changed == 5
    assert "usage_limits" not in limited.manage.call("GET", path).body


def test_budgets_hold_when_many_calls_come_at_once(limited: Limited, upstream: Upstream) -> None:
    slug = limited.virtual_key(usage_limits={"type": "tokens", "credit_limit": 95})
    name = limited.prompt(virtual_key=slug)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: limited.run(name).status, range(100)))

    assert set(answers) == {200, 412}
    assert answers.count(200) == len(upstream.requests)
    assert limited.used(f"/v1/virtual-keys/{slug}") == answers.count(200) * 5 <= 95


def test_a_stream_is_settled_at_its_end(limited: Limited) -> None:
    slug = limited.prompt(usage_limits={"type": "tokens", "credit_limit": 1000})

    response = limited.stack.post(f"/v1/prompts/{slug}/completions", {**FREE, "stream": True})
    held = limited.used(f"/v1/prompts/{slug}")
    events = events_of(whole(response))

    assert events[-1] == "[DONE]"
    assert (held, limited.used(f"/v1/prompts/{slug}")) == (19, 5)


def test_a_stream_whose_client_leaves_keeps_what_was_reserved(limited: Limited, upstream: Upstream) -> None:
    slug = limited.prompt(usage_limits={"type": "tokens", "credit_limit": 1000})

    over = Event()
    upstream.default = sse_reply([STREAM[0], over, *STREAM[1:]])
    response = limited.stack.post(f"/v1/prompts/{slug}/completions", {**FREE, "stream": True})
    assert not isinstance(response.body, bytes)
    response.body.close()
    over.set()

    assert limited.used(f"/v1/prompts/{slug}") == 19


@pytest.mark.parametrize(("status", "used"), [(401, 0), (429, 0), (503, 0), (529, 0), (400, 0), (500, 19), (502, 19)])
def test_what_has_cost_nothing_is_given_back(limited: Limited, upstream: Upstream, status: int, used: int) -> None:
    upstream.default = json_reply({"error": {"message": "no"}}, status=status)
    slug = limited.prompt(usage_limits={"type": "tokens", "credit_limit": 1000})

    limited.run(slug)

    assert limited.used(f"/v1/prompts/{slug}") == used


def test_a_limit_that_refuses_gives_back_what_others_held(limited: Limited) -> None:
    slug = limited.prompt(
        usage_limits=[{"type": "tokens", "credit_limit": 1000}], virtual_key=limited.virtual_key(rate_limits=[REQUESTS])
    )
    for _ in range(5):
        limited.run(slug)

    assert limited.manage.call("GET", f"/v1/prompts/{slug}").body["usage_limits"][0]["current_usage"] == 10


def test_a_model_without_a_known_price_runs_and_the_answer_says_that_it_was_not_counted(limited: Limited) -> None:
    slug = limited.prompt(model="own-model", usage_limits=BUDGET)

    answer = limited.run(slug)

    assert (answer.status, answer.headers["x-promptside-limits-not-counted"]) == (200, "cost")
    assert limited.used(f"/v1/prompts/{slug}") == 0


def test_the_operator_is_told_once_when_a_budget_runs_low(
    limited: Limited, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    slug = limited.prompt(usage_limits={"type": "tokens", "credit_limit": 1000, "alert_threshold": 10})
    caplog.set_level(logging.INFO)

    for _ in range(4):
        limited.run(slug)

    alerts = [record.__dict__ for record in caplog.records if record.message == "budget_alert"]
    assert [(each["subject"], each["used"], each["threshold"], each["limit"]) for each in alerts] == [
        ("prompt", "10 tokens", "10 tokens", "1000 tokens")
    ]
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "BudgetAlerts" in line]
    assert [(line["BudgetAlerts"], line["subject"]) for line in metrics] == [([1.0], "prompt")]

"""Limits over the whole path: stored by management, counted in real tables, and what the provider got to see."""

import json
import logging
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import pytest

from promptside.providers.base import ProviderRequest
from promptside.transport.base import Limits, ProviderResponse, ProviderStream, Transport
from tests.engines import Engine
from tests.functions.test_completions import ANSWER, STREAM
from tests.management_function import Answer
from tests.product import events_of, whole
from tests.upstream import Request, Upstream, json_reply, sse_reply
from tests.whole_stack import WholeStack, whole_stack

NOON = 1_795_305_600.0
"""2026-11-22T00:00:00Z, a Sunday."""
REQUESTS = {"type": "requests", "unit": "rpm", "value": 2}
FREE = {"variables": {"name": "Ann"}, "max_tokens": 10}


@dataclass(frozen=True)
class Redirected:
    """A transport that brings what is meant for a vendor to the upstream of the test, so that vendors' prices count."""

    inner: Transport
    url: str

    def _moved(self, request: ProviderRequest) -> ProviderRequest:
        return replace(request, url=self.url + urlsplit(request.url).path)

    def send(self, request: ProviderRequest, limits: Limits, *, guarded: bool = False) -> ProviderResponse:
        return self.inner.send(self._moved(request), limits, guarded=guarded)

    def open(self, request: ProviderRequest, limits: Limits, *, guarded: bool = False) -> ProviderStream:
        return self.inner.open(self._moved(request), limits, guarded=guarded)


class Limited:
    """A stack whose clock a test can set, with the virtual key `vk` and the prompt `p` of a model with a price."""

    def __init__(self, stack: WholeStack, upstream: Upstream) -> None:
        self.now = NOON
        services = stack.services
        self.stack = replace(
            stack,
            services=replace(services, clock=lambda: self.now, transport=Redirected(services.transport, upstream.url)),
        )
        self.manage = stack.manage

    def virtual_key(self, **limits: Any) -> str:
        slug = f"vk-{uuid.uuid4().hex[:12]}"
        body = {"name": slug, "slug": slug, "provider": "openai", "key": "sk-1", **limits}
        self.manage.create("/v1/virtual-keys", body)
        return slug

    def prompt(self, **fields: Any) -> str:
        slug = f"p-{uuid.uuid4().hex[:12]}"
        string = '[{"role":"user","content":"Hi {{name}}"}]'
        body = {"name": slug, "slug": slug, "string": string, "model": "gpt-4o-mini", **fields}
        self.manage.create("/v1/prompts", {"virtual_key": self.virtual_key(), **body})
        return slug

    def key(self, **limits: Any) -> tuple[str, str]:
        body = {"name": "ci", "scopes": ["completions.write"], **limits}
        made = self.manage.create("/v1/api-keys/workspace/service", body)
        return made["id"], made["key"]

    def run(self, slug: str, key: str | None = None, body: Any = None, **headers: str) -> Answer:
        return self.stack.run(slug, body or FREE, key=key or self.manage.key, **headers)

    def used(self, path: str) -> float:
        """Return what is used of the only budget of something."""
        current: float = self.manage.call("GET", path).body["usage_limits"]["current_usage"]
        return current


def respond(request: Request) -> Any:
    return sse_reply(STREAM) if request.json().get("stream") else json_reply(ANSWER)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as made:
        made.default = respond
        yield made


@pytest.fixture(scope="module")
def stack(engine: Engine) -> Iterator[WholeStack]:
    with whole_stack(engine, environment={"PROMPTSIDE_RUN_TABLE": engine.new_table()}) as running:
        yield running


@pytest.fixture
def limited(stack: WholeStack, upstream: Upstream) -> Limited:
    return Limited(stack, upstream)


def limit_headers(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith(("x-ratelimit", "retry", "x-sh"))}


def test_no_more_of_a_thousand_calls_at_once_reach_the_provider_than_the_limit_allows(
    limited: Limited, upstream: Upstream
) -> None:
    _, key = limited.key(rate_limits=[{"type": "requests", "unit": "rph", "value": 100}])
    slug = limited.prompt()

    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: limited.run(slug, key).status, range(1000)))

    assert (answers.count(200), answers.count(429), len(upstream.requests)) == (100, 900, 100)


def test_a_rate_limit_answers_429_with_the_moment_to_come_back(limited: Limited, upstream: Upstream) -> None:
    _, key = limited.key(rate_limits=[REQUESTS])
    slug = limited.prompt()
    limited.now = NOON + 18.5
    first, _second, third = (limited.run(slug, key) for _ in range(3))

    assert limit_headers(first) == {
        "x-ratelimit-limit-requests": "2", "x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "42s",
    }  # fmt: skip
    assert third.status == 429
    assert third.body["error"] == {
        "message": "Rate limit of the API key 'ci', 2 requests per minute: it is used up. It starts anew at "
        "2026-11-22T00:01:00Z",
        "type": "rate_limit_error", "param": "x-portkey-api-key", "code": "rate_limit_exceeded",
        "limit": {"subject": "api_key", "type": "requests", "unit": "rpm"},
    }  # fmt: skip
    assert limit_headers(third) == {
        "x-ratelimit-limit-requests": "2", "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "42s",
        "retry-after": "42",
    }  # fmt: skip
    assert len(upstream.requests) == 2


def test_the_next_window_starts_from_nothing(limited: Limited) -> None:
    _, key = limited.key(rate_limits=[REQUESTS])
    slug = limited.prompt()
    before = [limited.run(slug, key).status for _ in range(3)]
    limited.now = NOON + 60

    assert (before, limited.run(slug, key).status) == ([200, 200, 429], 200)


def test_clients_are_told_not_to_wait_for_a_day(limited: Limited) -> None:
    _, key = limited.key(rate_limits=[{"type": "requests", "unit": "rpd", "value": 1}])
    slug = limited.prompt()
    limited.run(slug, key)

    headers = limit_headers(limited.run(slug, key))

    assert headers["retry-after"] == "86400"
    assert headers["x-ratelimit-reset-requests"] == "24h0m0s"
    assert headers["x-should-retry"] == "false"


@pytest.mark.parametrize("subject", ["key", "prompt", "virtual_key"])
def test_each_of_the_three_can_be_limited(limited: Limited, upstream: Upstream, subject: str) -> None:
    limits = {"rate_limits": [REQUESTS]}
    key = limited.key(**limits)[1] if subject == "key" else None
    virtual_key = limited.virtual_key(**(limits if subject == "virtual_key" else {}))
    slug = limited.prompt(virtual_key=virtual_key, **(limits if subject == "prompt" else {}))

    answers = [limited.run(slug, key) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert limit_headers(answers[1])["x-ratelimit-remaining-requests"] == "0"
    named = {"key": ("API key", "x-portkey-api-key"), "prompt": ("prompt", "prompt_id")}
    name, param = named.get(subject, ("virtual key", "virtual_key"))
    assert f"Rate limit of the {name} '" in answers[2].body["message"]
    assert answers[2].body["error"]["param"] == param
    assert len(upstream.requests) == 2


def test_tokens_are_reserved_by_estimate_and_settled_by_the_providers_count(limited: Limited) -> None:
    """The prompt is estimated at 9 tokens and the answer may have 10, so 19 must fit; in the end 5 are used."""
    _, key = limited.key(rate_limits=[{"type": "tokens", "unit": "rpm", "value": 25}])
    slug = limited.prompt()

    answers = [limited.run(slug, key) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert [limit_headers(answer)["x-ratelimit-remaining-tokens"] for answer in answers] == ["20", "15", "15"]
    assert answers[2].body["message"] == (
        "Rate limit of the API key 'ci', 25 tokens per minute: this call may take 19 tokens, 15 tokens are left. "
        "Ask for less with max_completion_tokens. It starts anew at 2026-11-22T00:01:00Z"
    )


def test_a_call_that_never_fits_is_told_so(limited: Limited, upstream: Upstream) -> None:
    _, key = limited.key(rate_limits=[{"type": "tokens", "unit": "rpm", "value": 18}])

    answer = limited.run(limited.prompt(), key)

    assert answer.status == 429
    assert "this call may take 19 tokens, which never fits" in answer.body["message"]
    assert ("retry-after" in answer.headers, answer.headers["x-should-retry"]) == (False, "false")
    assert upstream.requests == []


def test_a_call_without_a_limit_of_its_own_holds_what_there_is_at_most(limited: Limited) -> None:
    _, key = limited.key(rate_limits=[{"type": "tokens", "unit": "rpm", "value": 100}])

    answer = limited.run(limited.prompt(), key, {"variables": {"name": "Ann"}})

    assert (answer.status, limit_headers(answer)["x-ratelimit-remaining-tokens"]) == (200, "95")


BUDGET = {"type": "cost", "credit_limit": 0.00001, "periodic_reset": "monthly"}
"""Ten millionths of a dollar: a call of 7.35 fits, and once it has cost 1.65, another one, but not a third."""


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


def test_a_replay_by_idempotency_key_does_not_count(limited: Limited, upstream: Upstream) -> None:
    _, key = limited.key(rate_limits=[REQUESTS])
    slug = limited.prompt()

    answers = [limited.run(slug, key, idempotency_key="k-1").status for _ in range(5)]

    assert (answers, len(upstream.requests)) == ([200] * 5, 1)
    assert limited.run(slug, key).status == 200


def test_an_answer_from_the_cache_counts_as_a_request_and_costs_nothing(limited: Limited, upstream: Upstream) -> None:
    slug = limited.prompt(
        parameters={"config": {"cache": {"mode": "simple"}}},
        rate_limits=[{**REQUESTS, "value": 3}],
        usage_limits={"type": "tokens", "credit_limit": 1000},
    )

    answers = [limited.run(slug).status for _ in range(4)]

    assert (answers, len(upstream.requests)) == ([200, 200, 200, 429], 1)
    assert limited.used(f"/v1/prompts/{slug}") == 5


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


def test_a_rotated_key_keeps_its_limits_and_its_use(limited: Limited) -> None:
    identifier, key = limited.key(rate_limits=[REQUESTS])
    slug = limited.prompt()
    before = [limited.run(slug, key).status for _ in range(2)]
    rotated = limited.manage.create(f"/v1/api-keys/{identifier}/rotate", {})["key"]

    assert (before, limited.run(slug, rotated).status) == ([200, 200], 429)

"""Rate limits over the whole path: stored by management, counted in real tables, and what the provider got to see."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from promptside.api.routes import invoke
from tests.limited import FREE, NOON, REQUESTS, Limited, limit_headers
from tests.product import whole
from tests.upstream import Upstream


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


def test_a_rotated_key_keeps_its_limits_and_its_use(limited: Limited) -> None:
    identifier, key = limited.key(rate_limits=[REQUESTS])
    slug = limited.prompt()
    before = [limited.run(slug, key).status for _ in range(2)]
    rotated = limited.manage.create(f"/v1/api-keys/{identifier}/rotate", {})["key"]

    assert (before, limited.run(slug, rotated).status) == ([200, 200], 429)


def test_a_stream_has_the_headers_of_its_limits(limited: Limited) -> None:
    slug = limited.prompt(rate_limits=[REQUESTS, {"type": "tokens", "unit": "rpm", "value": 100}])

    response = limited.stack.post(f"/v1/prompts/{slug}/completions", {**FREE, "stream": True})
    whole(response)

    assert (response.headers["x-ratelimit-remaining-requests"], response.headers["x-ratelimit-remaining-tokens"]) == (
        "1",
        "81",
    )


def test_openais_own_endpoints_are_under_the_same_limits(limited: Limited) -> None:
    slug = limited.prompt(rate_limits=[REQUESTS])
    body = {"prompt": {"id": slug, "variables": {"name": "Ann"}}, "model": "gpt-4o-mini"}

    statuses = [limited.stack.post(path, body).status for path in ("/v1/responses", "/v1/chat/completions")]

    assert (statuses, limited.run(slug).status) == ([200, 200], 429)


def test_callers_that_iam_has_let_in_are_under_the_prompts_limits(limited: Limited) -> None:
    slug = limited.prompt(rate_limits=[REQUESTS])

    answers = [invoke(limited.stack.services, {"prompt_id": slug, **FREE}).status for _ in range(3)]

    assert answers == [200, 200, 429]


def test_rendering_does_not_count(limited: Limited) -> None:
    slug = limited.prompt(rate_limits=[REQUESTS])
    rendered = [limited.stack.post(f"/v1/prompts/{slug}/render?plan=true", FREE).status for _ in range(4)]

    assert (rendered, limited.run(slug).status) == ([200] * 4, 200)

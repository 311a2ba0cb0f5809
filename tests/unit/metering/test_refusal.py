"""What callers are told about limits."""

import pytest

from promptside.metering.limits import Limit, Window
from promptside.metering.refusal import Standing, headers_of, refusal, tighter
from promptside.schema.limits import Subject

KEY = Subject("api_key", "k1", "ci", {})
NOW = 1_795_300_000.0


def standing(
    of_type: str = "requests", *, most: int = 10, used: int = 4, seconds: int = 30, **fields: object
) -> Standing:
    limit = Limit(of_type, "rpm", most, "per minute", **fields)  # type: ignore[arg-type]
    return Standing(KEY, limit, Window(0, int(NOW) + seconds), used)


def test_the_tightest_of_several_limits_is_shown_for_each_type() -> None:
    standings = [standing(), standing(most=5, used=3), standing("tokens", most=100, used=1, seconds=90)]

    assert headers_of(standings, now=NOW) == {
        "x-ratelimit-limit-requests": "5", "x-ratelimit-remaining-requests": "2", "x-ratelimit-reset-requests": "30s",
        "x-ratelimit-limit-tokens": "100", "x-ratelimit-remaining-tokens": "99", "x-ratelimit-reset-tokens": "1m30s",
    }  # fmt: skip


def test_budgets_and_cost_have_no_headers() -> None:
    assert headers_of([standing("cost"), standing("tokens", budget=True)], now=NOW) == {}


def test_nothing_is_left_of_a_limit_that_was_overrun() -> None:
    assert headers_of([standing("tokens", used=12)], now=NOW)["x-ratelimit-remaining-tokens"] == "0"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.25, "250ms"), (1.0, "1s"), (59.6, "1m0s"), (360.0, "6m0s"), (86_400.0, "24h0m0s")],
)
def test_resets_are_written_as_openai_writes_them(seconds: float, text: str) -> None:
    shown = Standing(KEY, Limit("requests", "rpm", 5, ""), Window(0, 100_000), 0)

    assert headers_of([shown], now=100_000 - seconds)["x-ratelimit-reset-requests"] == text


def test_of_two_counts_the_tighter_one_counts_for_each_type() -> None:
    caller = headers_of([standing(used=9)], now=NOW)
    target = headers_of([standing(used=2), standing("tokens")], now=NOW)

    merged = tighter(caller, target)

    assert (merged["x-ratelimit-remaining-requests"], merged["x-ratelimit-remaining-tokens"]) == ("1", "6")


def test_what_was_not_counted_is_named_once() -> None:
    name = "x-promptside-limits-not-counted"

    assert tighter({name: "requests"}, {name: "cost,requests"})[name] == "cost,requests"


@pytest.mark.parametrize(
    ("shown", "amount", "message"),
    [
        (standing(used=10), 1, "10 requests per minute: it is used up. It starts anew at 2026-11-21T22:27:10Z"),
        (
            standing("tokens", used=4),
            8,
            "10 tokens per minute: this call may take 8 tokens, 6 tokens are left. Ask for less with "
            "max_completion_tokens. It starts anew at 2026-11-21T22:27:10Z",
        ),
        (standing(most=0), 1, "0 requests per minute: it allows nothing."),
    ],
)
def test_a_refusal_says_what_to_change_or_when_to_come_back(shown: Standing, amount: int, message: str) -> None:
    error = refusal(shown, amount, now=NOW)

    assert error.message == f"Rate limit of the API key 'ci', {message}"
    assert error.of_target is False


def test_only_a_virtual_keys_limit_may_be_better_elsewhere() -> None:
    key = Subject("virtual_key", "v1", "team-a", {})

    error = refusal(Standing(key, Limit("requests", "rpm", 1, "per minute"), Window(0, int(NOW) + 5), 1), 1, now=NOW)

    assert (error.of_target, error.param, error.retry_after) == (True, "virtual_key", 5.0)

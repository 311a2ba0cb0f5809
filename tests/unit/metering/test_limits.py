"""Limits and their windows."""

from datetime import UTC, datetime

import pytest

from promptside.errors import JsonObject
from promptside.metering.limits import Limit, Window, limits_of
from promptside.schema.limits import Subject
from promptside.store.usage import Counter

SUBJECT = Subject("prompt", "id-1", "welcome", {})


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def test_what_is_stored_is_read_as_limits_rates_first() -> None:
    stored = {
        "rate_limits": [
            {"type": "requests", "unit": "rpm", "value": 100},
            {"type": "tokens", "unit": "rpd", "value": 5000},
            {"type": "cost", "unit": "rph", "value": 1.5},
        ],
        "usage_limits": {"type": "cost", "credit_limit": 10, "alert_threshold": 7.5, "periodic_reset": "monthly"},
        "usage_since": "2026-11-22T00:00:00Z",
        "usage_round": 2,
    }

    assert list(limits_of(stored)) == [
        Limit("requests", "rpm", 100, "per minute"),
        Limit("tokens", "rpd", 5000, "per day"),
        Limit("cost", "rph", 1_500_000_000, "per hour"),
        Limit(
            "cost",
            "monthly",
            10_000_000_000,
            "per month",
            budget=True,
            since=moment("2026-11-22"),
            round=2,
            alert_at=7_500_000_000,
        ),
    ]


@pytest.mark.parametrize(
    ("budget", "unit", "span"),
    [
        ({}, "once", "in total"),
        ({"periodic_reset": "weekly"}, "weekly", "per week"),
        ({"periodic_reset_days": 30}, "30d", "per 30 days"),
    ],
)
def test_a_budget_says_how_it_is_reset(budget: JsonObject, unit: str, span: str) -> None:
    (limit,) = limits_of({"usage_limits": [{"type": "tokens", "credit_limit": 5, **budget}]})

    assert (limit.unit, limit.span) == (unit, span)


@pytest.mark.parametrize(
    ("unit", "start", "end"),
    [
        ("rpm", "2026-11-25T13:45:00", "2026-11-25T13:46:00"),
        ("rph", "2026-11-25T13:00:00", "2026-11-25T14:00:00"),
        ("rpd", "2026-11-25T00:00:00", "2026-11-26T00:00:00"),
        ("rpw", "2026-11-23T00:00:00", "2026-11-30T00:00:00"),
        ("weekly", "2026-11-23T00:00:00", "2026-11-30T00:00:00"),
        ("monthly", "2026-11-01T00:00:00", "2026-12-01T00:00:00"),
        ("10d", "2026-11-20T08:00:00", "2026-11-30T08:00:00"),
    ],
)
def test_windows_begin_where_people_expect_it(unit: str, start: str, end: str) -> None:
    limit = Limit("tokens", unit, 5, "", since=moment("2026-11-10T08:00:00"))

    assert limit.window(moment("2026-11-25T13:45:59")) == Window(moment(start), moment(end))


@pytest.mark.parametrize(
    ("now", "start", "end"),
    [
        ("2026-12-31T23:59:59", "2026-12-01", "2027-01-01"),
        ("2027-01-01T00:00:00", "2027-01-01", "2027-02-01"),
        ("2028-02-29T12:00:00", "2028-02-01", "2028-03-01"),
    ],
)
def test_months_have_their_own_lengths(now: str, start: str, end: str) -> None:
    assert Limit("cost", "monthly", 5, "").window(moment(now)) == Window(moment(start), moment(end))


def test_a_budget_without_a_reset_never_ends() -> None:
    limit = Limit("cost", "once", 5, "in total", budget=True, since=100)

    assert limit.window(1_795_300_000) == Window(100, None)


def test_each_window_is_counted_by_itself() -> None:
    rate = Limit("requests", "rpm", 5, "per minute")
    budget = Limit("cost", "once", 5, "in total", budget=True, since=100, round=3)

    assert rate.counter(SUBJECT, Window(60, 120)) == Counter("prompt#id-1", "requests#rpm#60", 120 + 3600)
    assert budget.counter(SUBJECT, Window(100, None)) == Counter("prompt#id-1", "budget#cost#once#100#100#3")


@pytest.mark.parametrize(
    ("of_type", "amount", "text"),
    [
        ("requests", 1, "1 request"),
        ("tokens", 5000, "5000 tokens"),
        ("cost", 1_500_000_000, "1.500000 USD"),
    ],
)
def test_amounts_are_shown_with_what_they_are(of_type: str, amount: int, text: str) -> None:
    assert Limit(of_type, "rpm", 5, "").shown(amount) == text  # type: ignore[arg-type]

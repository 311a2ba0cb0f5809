"""Limits and their windows: fixed spans of time in UTC, the same for everybody.

Requests and tokens are counted one by one, cost in billionths of a US dollar, so that single tokens do not round to
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any, Literal

from promptside.errors import JsonObject
from promptside.schema.limits import Subject
from promptside.store.usage import Counter

Type = Literal["requests", "tokens", "cost"]
TYPES: tuple[Type, ...] = ("requests", "tokens", "cost")

NANO = 1_000_000_000
"""Counted units in a dollar."""
RATE_UNITS = {"rpm": "minute", "rph": "hour", "rpd": "day", "rpw": "week"}
"""Names of rate limits' units, with their spans."""
_SECONDS = {"rpm": 60, "rph": 3600, "rpd": 86_400}
_DAY = 86_400
_RATES_KEPT_SECONDS = 3600
"""How much longer than its window a rate's count is kept: runs that began in it settle later."""


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time in unix seconds; `end` is None for one that never ends."""

    start: int
    end: int | None


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` of a type in each window. `span` says which, for messages.

    `unit` is one of RATE_UNITS; of a budget it is `monthly`, `weekly`, `<n>d`, or `once` for one that is never reset. A
    budget counts from `since`, in unix seconds, and anew in each `round`. When `alert_at` is reached, somebody is told.
    """

    type: Type
    unit: str
    most: int
    span: str
    budget: bool = False
    since: int = 0
    round: int = 0
    alert_at: int | None = None

    def window(self, now: float) -> Window:
        """Return the window that is open at a moment in unix seconds."""
        if self.unit == "once":
            return Window(self.since, None)
        if self.unit == "monthly":
            return _month(now)
        if self.unit in ("weekly", "rpw"):
            return _week(now)
        if self.unit in _SECONDS:
            return _fixed(now, _SECONDS[self.unit], 0)
        return _fixed(now, int(self.unit.removesuffix("d")) * _DAY, self.since)

    def counter(self, subject: Subject, window: Window) -> Counter:
        """Return where the use of a window is counted."""
        name = f"{self.type}#{self.unit}#{window.start}"
        owner = f"{subject.kind}#{subject.id}"
        if self.budget or window.end is None:
            return Counter(owner, f"budget#{name}#{self.since}#{self.round}")
        return Counter(owner, name, window.end + _RATES_KEPT_SECONDS)

    def shown(self, amount: int) -> str:
        """Return an amount of this limit's type for people."""
        if self.type == "cost":
            return f"{Decimal(amount) / NANO:.6f} USD"
        return f"{amount} {self.type if amount != 1 else self.type.removesuffix('s')}"


def limits_of(stored: JsonObject) -> Iterator[Limit]:
    """Yield the limits of a subject, rate limits first; they were checked when they were stored."""
    for rate in listed(stored.get("rate_limits")):
        yield Limit(rate["type"], rate["unit"], counted(rate["type"], rate["value"]), f"per {RATE_UNITS[rate['unit']]}")
    for budget in listed(stored.get("usage_limits")):
        yield _budget(budget, stored)


def budgets_of(stored: JsonObject) -> list[Limit]:
    """Return the usage limits of a subject."""
    return [limit for limit in limits_of(stored) if limit.budget]


def listed(value: Any) -> list[JsonObject]:
    """Return limits as a list: clients write one as an object, several as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def counted(of_type: Type, value: float) -> int:
    """Return an amount as it is counted."""
    if of_type == "cost":
        return int((Decimal(str(value)) * NANO).to_integral_value(ROUND_CEILING))
    return int(value)


def _budget(budget: JsonObject, stored: JsonObject) -> Limit:
    of_type: Type = budget.get("type", "cost")
    alert, since = budget.get("alert_threshold"), stored.get("usage_since")
    unit, span = _reset(budget)
    return Limit(
        of_type,
        unit,
        counted(of_type, budget["credit_limit"]),
        span,
        budget=True,
        since=0 if since is None else int(datetime.fromisoformat(since).timestamp()),
        round=stored.get("usage_round", 0),
        alert_at=None if alert is None else counted(of_type, alert),
    )


def _reset(budget: JsonObject) -> tuple[str, str]:
    named = budget.get("periodic_reset")
    days = budget.get("periodic_reset_days")
    if named is not None:
        return named, "per month" if named == "monthly" else "per week"
    if days is not None:
        return f"{days}d", f"per {days} days"
    return "once", "in total"


def _fixed(now: float, seconds: int, since: int) -> Window:
    start = since + int((now - since) // seconds) * seconds
    return Window(start, start + seconds)


def _week(now: float) -> Window:
    # The first day of unix time was a Thursday, weeks begin on Monday.
    return _fixed(now, 7 * _DAY, 4 * _DAY)


def _month(now: float) -> Window:
    first = datetime.fromtimestamp(now, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    after = (first + timedelta(days=32)).replace(day=1)
    return Window(int(first.timestamp()), int(after.timestamp()))

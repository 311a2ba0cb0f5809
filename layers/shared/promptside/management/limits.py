"""Limits in the bodies and answers of management: `rate_limits`, `usage_limits`, `reset_usage`.

    rate_limits    [{"type": "requests", "unit": "rpm", "value": 100}]
    usage_limits   {"type": "cost", "credit_limit": 10.0, "alert_threshold": 8.0, "periodic_reset": "monthly"}

Both are kept in the form they came in, an object or a list, with the moment from which budgets count.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from promptside.errors import InvalidRequest, JsonObject
from promptside.management import fields
from promptside.management.services import ManagementServices
from promptside.metering.limits import NANO, RATE_UNITS, TYPES, Limit, budgets_of, limits_of, listed
from promptside.schema.limits import Subject
from promptside.store.keys import timestamp

FIELDS = frozenset({"rate_limits", "usage_limits", "reset_usage"})
"""What a body may say about limits."""

_RATES, _BUDGETS, _SINCE, _ROUND = "rate_limits", "usage_limits", "usage_since", "usage_round"
_MOST_LIMITS = 20
_LARGEST = 10**12
_SHOWN = frozenset({"current_usage", "next_usage_reset_at"})
"""What answers add to usage limits; who sends an answer back need not take it out."""
_LONGEST_DAYS = 365


def limits_in(body: JsonObject, old: JsonObject, now: str) -> JsonObject:
    """Return the limits after a body; what it leaves out stays, null removes. `now` is RFC 3339.

    `reset_usage` lets the budgets count from nothing. Raises InvalidRequest that gives the path.
    """
    new = {name: value for name, value in old.items() if name in (_RATES, _BUDGETS, _SINCE, _ROUND)}
    if _RATES in body:
        new[_RATES] = _each(body[_RATES], _RATES, _rate)
    if _BUDGETS in body:
        new[_BUDGETS] = _each(body[_BUDGETS], _BUDGETS, _budget)
    if body.get("reset_usage") is not None and fields.flag(body, "reset_usage"):
        new |= {_SINCE: now, _ROUND: new.get(_ROUND, 0) + 1}
    if not new.get(_BUDGETS):
        new = {_RATES: new.get(_RATES)}
    else:
        new.setdefault(_SINCE, now)
    new = {name: value for name, value in new.items() if value}
    _check_together(new)
    return new


def limits_view(services: ManagementServices, subject: Subject) -> tuple[JsonObject, bool]:
    """Return `{"rate_limits", "usage_limits"}` with what is used of the budgets, and whether one is used up."""
    stored = subject.limits
    budgets = listed(stored.get(_BUDGETS))
    view: JsonObject = {_RATES: stored.get(_RATES), _BUDGETS: None}
    if not budgets:
        return view, False
    limits = budgets_of(stored)
    used = _used(services, subject, limits)
    shown = [
        {**budget, **_standing(limit, amount, services.now())}
        for budget, limit, amount in zip(budgets, limits, used, strict=True)
    ]
    view[_BUDGETS] = shown if isinstance(stored[_BUDGETS], list) else shown[0]
    return view, any(amount >= limit.most for limit, amount in zip(limits, used, strict=True))


def _used(services: ManagementServices, subject: Subject, limits: list[Limit]) -> list[int]:
    if services.usage is None:
        return [0] * len(limits)
    now = services.now().timestamp()
    return services.usage.read([limit.counter(subject, limit.window(now)) for limit in limits])


def _standing(limit: Limit, used: int, now: datetime) -> JsonObject:
    end = limit.window(now.timestamp()).end
    return {
        "current_usage": used / NANO if limit.type == "cost" else used,
        "next_usage_reset_at": None if end is None else timestamp(datetime.fromtimestamp(end, UTC)),
    }


def _each(value: Any, name: str, read: Any) -> Any:
    """Return the limits as they came, an object or a list, each as `read` takes it."""
    if value is None or value in ({}, []):
        return None
    if isinstance(value, dict):
        return read(value, name)
    if not isinstance(value, list) or len(value) > _MOST_LIMITS:
        raise fields.wrong_type(name, f"an object, or a list of at most {_MOST_LIMITS} of them")
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            raise fields.wrong_type(f"{name}[{index}]", "a JSON object")
    return [read(item, f"{name}[{index}]") for index, item in enumerate(value)]


def _rate(item: JsonObject, at: str) -> JsonObject:
    _check_names(item, {"type", "unit", "value"}, at)
    of_type = _one_of(item, "type", TYPES, at)
    unit = _one_of(item, "unit", tuple(RATE_UNITS), at)
    return {"type": of_type, "unit": unit, "value": _amount(item, "value", of_type, at)}


def _budget(item: JsonObject, at: str) -> JsonObject:
    item = {name: value for name, value in item.items() if name not in _SHOWN}
    _check_names(item, {"type", "credit_limit", "alert_threshold", "periodic_reset", "periodic_reset_days"}, at)
    of_type = "cost" if item.get("type") is None else _one_of(item, "type", TYPES, at)
    budget: JsonObject = {"type": of_type, "credit_limit": _amount(item, "credit_limit", of_type, at)}
    if item.get("alert_threshold") is not None:
        budget["alert_threshold"] = _amount(item, "alert_threshold", of_type, at)
        if not 0 < budget["alert_threshold"] <= budget["credit_limit"]:
            raise InvalidRequest(
                f"'{at}.alert_threshold' must be above zero and at most 'credit_limit'", param=f"{at}.alert_threshold"
            )
    named, days = item.get("periodic_reset"), item.get("periodic_reset_days")
    if named is not None and days is not None:
        raise InvalidRequest(
            f"'{at}' can have 'periodic_reset' or 'periodic_reset_days', not both", param=f"{at}.periodic_reset_days"
        )
    if named is not None:
        budget["periodic_reset"] = _one_of(item, "periodic_reset", ("monthly", "weekly"), at)
    if days is not None:
        budget["periodic_reset_days"] = _days(days, f"{at}.periodic_reset_days")
    return budget


def _days(value: Any, at: str) -> int:
    days = fields.number(value, at)
    if days > _LONGEST_DAYS:
        raise fields.wrong_type(at, f"a number of days from 1 to {_LONGEST_DAYS}")
    return days


def _amount(item: JsonObject, name: str, of_type: str, at: str) -> float:
    value = item.get(name)
    path = f"{at}.{name}"
    if value is None:
        raise fields.missing(path)
    whole = of_type != "cost"
    if isinstance(value, float) and value.is_integer() and whole:
        value = int(value)
    right = isinstance(value, int) if whole else isinstance(value, int | float)
    if isinstance(value, bool) or not right or not math.isfinite(value) or not 0 <= value <= _LARGEST:
        expected = "a whole number" if whole else "an amount in US dollars"
        raise fields.wrong_type(path, f"{expected} of at least 0")
    amount: float = value
    return amount


def _one_of(item: JsonObject, name: str, known: tuple[str, ...], at: str) -> str:
    value = item.get(name)
    if value is None:
        raise fields.missing(f"{at}.{name}")
    if value not in known:
        raise InvalidRequest(f"'{at}.{name}' must be one of {', '.join(known)}", param=f"{at}.{name}")
    return str(value)


def _check_names(item: JsonObject, known: set[str], at: str) -> None:
    for name in item:
        if name not in known:
            path = f"{at}.{name[:64]}"
            raise InvalidRequest(f"'{path}' is not known; known are {', '.join(sorted(known))}", param=path)


def _check_together(stored: JsonObject) -> None:
    """Refuse two limits that would be counted as one."""
    seen: set[tuple[str, str, bool]] = set()
    for limit in limits_of(stored):
        name = _BUDGETS if limit.budget else _RATES
        if (limit.type, limit.unit, limit.budget) in seen:
            raise InvalidRequest(f"'{name}' limit {limit.type} {limit.span} twice", param=name)
        seen.add((limit.type, limit.unit, limit.budget))

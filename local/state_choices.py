"""Which way a Choice state goes.

https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html (2026-11-23)
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from local.state_paths import BadPath, Scope, has_path, read_path

JsonObject = dict[str, Any]

_COMPARISONS: dict[str, tuple[type | tuple[type, ...], Callable[[Any, Any], bool]]] = {
    "StringEquals": (str, operator.eq),
    "BooleanEquals": (bool, operator.eq),
    "NumericEquals": ((int, float), operator.eq),
    "NumericGreaterThan": ((int, float), operator.gt),
    "NumericGreaterThanEquals": ((int, float), operator.ge),
    "NumericLessThan": ((int, float), operator.lt),
    "NumericLessThanEquals": ((int, float), operator.le),
}


def chosen(state: JsonObject, scope: Scope) -> str:
    """Return the name of the next state. Raises BadPath when no rule fits and there is no default."""
    for rule in state["Choices"]:
        if _holds(rule, scope):
            following: str = rule["Next"]
            return following
    default: str | None = state.get("Default")
    if default is None:
        raise BadPath("No rule of the Choice state fits")
    return default


def _holds(rule: JsonObject, scope: Scope) -> bool:
    if "And" in rule:
        return all(_holds(part, scope) for part in rule["And"])
    if "Or" in rule:
        return any(_holds(part, scope) for part in rule["Or"])
    if "Not" in rule:
        return not _holds(rule["Not"], scope)
    path = rule["Variable"]
    if "IsPresent" in rule:
        return has_path(path, scope) is rule["IsPresent"]
    value = read_path(path, scope)
    if "IsNull" in rule:
        return (value is None) is rule["IsNull"]
    for name, (kind, compare) in _COMPARISONS.items():
        if name in rule:
            return isinstance(value, kind) and compare(value, rule[name])
    raise BadPath(f"The comparison of '{path}' is not known here")

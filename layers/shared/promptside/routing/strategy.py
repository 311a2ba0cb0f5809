"""How a config chooses among its targets, read and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from promptside.errors import JsonObject
from promptside.routing.conditions import Query, QueryParser
from promptside.routing.problems import codes_at, problem, text_at, texts_at, whole_at
from promptside.routing.settings import snaked

Mode = Literal["single", "fallback", "loadbalance", "conditional"]
_MODES = get_args(Mode)
_ONLY_WITH: dict[str, Mode] = {
    "on_status_codes": "fallback",
    "conditions": "conditional",
    "default": "conditional",
    "sticky_session": "loadbalance",
}
_MOST_CONDITIONS = 50
_LONGEST_STICKY_SECONDS = 10 * 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Condition:
    """A query, and the name of the target for requests of which it is true."""

    query: Query
    then: str


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to choose.

    `status_codes` are the only ones at which a fallback goes on, None for every failure. `sticky` are the fields that
    decide, by a stable hash, among the targets of a load balancer.
    """

    mode: Mode = "single"
    status_codes: frozenset[int] | None = None
    conditions: tuple[Condition, ...] = ()
    default: str | None = None
    sticky: tuple[str, ...] = ()


def parse_strategy(value: Any, path: str) -> Strategy:
    """Return a strategy. Raises InvalidRequest that gives the path."""
    given = snaked(value, path, frozenset({"mode", *_ONLY_WITH}))
    mode = given.get("mode")
    if mode not in _MODES:
        raise problem(f"{path}.mode", f"must be one of {', '.join(_MODES)}")
    for name, needed in _ONLY_WITH.items():
        if name in given and mode != needed:
            raise problem(f"{path}.{name}", f"is for the mode {needed} only")
    if mode == "conditional":
        return _conditional(given, path)
    return Strategy(
        mode=cast("Mode", mode),
        status_codes=(
            codes_at(given["on_status_codes"], f"{path}.on_status_codes") if "on_status_codes" in given else None
        ),
        sticky=_sticky(given["sticky_session"], f"{path}.sticky_session") if "sticky_session" in given else (),
    )


def _conditional(given: JsonObject, path: str) -> Strategy:
    listed = given.get("conditions")
    at = f"{path}.conditions"
    if not isinstance(listed, list) or not listed or len(listed) > _MOST_CONDITIONS:
        raise problem(at, f"must be a list of 1 to {_MOST_CONDITIONS} conditions")
    if "default" not in given:
        raise problem(f"{path}.default", "is missing: name the target for requests that fit no condition")
    parser = QueryParser()
    conditions = tuple(_condition(item, f"{at}[{index}]", parser) for index, item in enumerate(listed))
    return Strategy("conditional", conditions=conditions, default=text_at(given["default"], f"{path}.default"))


def _condition(value: Any, path: str, parser: QueryParser) -> Condition:
    given = snaked(value, path, frozenset({"query", "then"}))
    for name in ("query", "then"):
        if name not in given:
            raise problem(f"{path}.{name}", "is missing")
    return Condition(parser.parse(given["query"], f"{path}.query"), text_at(given["then"], f"{path}.then"))


def _sticky(value: Any, path: str) -> tuple[str, ...]:
    """Return the fields of `{"hash_fields": ["metadata.user_id"]}`; a `ttl` is not needed, as nothing is remembered."""
    given = snaked(value, path, frozenset({"hash_fields", "ttl"}))
    if "ttl" in given:
        whole_at(given["ttl"], f"{path}.ttl", least=1, most=_LONGEST_STICKY_SECONDS)
    fields = texts_at(given.get("hash_fields"), f"{path}.hash_fields", most=10)
    if not fields:
        raise problem(f"{path}.hash_fields", "must name at least one field")
    for index, name in enumerate(fields):
        area, _, rest = name.partition(".")
        if area not in ("metadata", "params") or not rest:
            raise problem(f"{path}.hash_fields[{index}]", "must be metadata.<name> or params.<name>")
    return fields

"""Conditions of a config: a query over the metadata, the parameters and the path of a request.

    {"metadata.plan": {"$eq": "paid"}, "params.temperature": {"$lt": 1}}      all of them
    {"$or": [{"metadata.region": {"$in": ["eu", "ch"]}}, {"url.pathname": {"$regex": "^/v1/chat"}}]}

A field that the request does not have never matches, whatever the operator is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from promptside.errors import JsonObject
from promptside.routing.patterns import UnsafePattern, compile_pattern, matches
from promptside.routing.problems import object_at, problem, text_at

DEEPEST_QUERY = 5
MOST_PARTS = 100
"""Comparisons and combinations in the conditions of one strategy."""
MOST_PATTERNS = 10
_OPERATORS = ("$eq", "$ne", "$in", "$nin", "$regex", "$gt", "$gte", "$lt", "$lte")
_COMBINATIONS = ("$and", "$or")

Test = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Facts:
    """What conditions are asked about. `params` is the body as it would be merged, variables included."""

    metadata: Mapping[str, str]
    params: JsonObject = field(repr=False)
    pathname: str

    def value(self, path: str) -> Any:
        """Return the value at `metadata.<name>`, `params.<name>...` or `url.pathname`; None when there is none."""
        area, _, name = path.partition(".")
        if area == "metadata":
            return self.metadata.get(name)
        if area == "url":
            return self.pathname
        value: Any = self.params
        for step in name.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
        return value


@dataclass(frozen=True, slots=True)
class Comparison:
    """One field and what its value must be."""

    path: str
    test: Test

    def holds(self, facts: Facts) -> bool:
        """Tell whether the field is there and its value fits."""
        value = facts.value(self.path)
        return value is not None and self.test(value)


@dataclass(frozen=True, slots=True)
class Combination:
    """Several queries: all of them must hold, or any."""

    parts: tuple[Query, ...]
    every: bool

    def holds(self, facts: Facts) -> bool:
        """Tell whether all of the parts hold, or any."""
        found = (part.holds(facts) for part in self.parts)
        return all(found) if self.every else any(found)


Query = Comparison | Combination


class QueryParser:
    """Reads the queries of one strategy, within common limits. Raises InvalidRequest that gives the path."""

    def __init__(self) -> None:
        self._parts = 0
        self._patterns = 0

    def parse(self, value: Any, path: str, depth: int = 1) -> Query:
        """Return one query."""
        query = object_at(value, path)
        if not query:
            raise problem(path, "must not be empty")
        if depth > DEEPEST_QUERY:
            raise problem(path, f"is nested deeper than {DEEPEST_QUERY} levels")
        parts = tuple(self._part(name, item, path, depth) for name, item in query.items())
        return parts[0] if len(parts) == 1 else Combination(parts, every=True)

    def _part(self, name: str, value: Any, path: str, depth: int) -> Query:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise problem(path, f"has more than {MOST_PARTS} comparisons")
        at = f"{path}.{name[:128]}"
        if name in _COMBINATIONS:
            if not isinstance(value, list) or not value:
                raise problem(at, "must be a list of queries")
            inner = tuple(self.parse(item, f"{at}[{index}]", depth + 1) for index, item in enumerate(value))
            return Combination(inner, every=name == "$and")
        _check_path(name, at)
        if not isinstance(value, dict):
            return Comparison(name, _equals(_scalar(value, at)))
        if not value:
            raise problem(at, "must not be empty")
        tests = [Comparison(name, self._test(operator, operand, at)) for operator, operand in value.items()]
        return tests[0] if len(tests) == 1 else Combination(tuple(tests), every=True)

    def _test(self, operator: str, operand: Any, path: str) -> Test:
        at = f"{path}.{operator[:32]}"
        match operator:
            case "$eq":
                return _equals(_scalar(operand, at))
            case "$ne":
                equal = _equals(_scalar(operand, at))
                return lambda value: not equal(value)
            case "$in":
                return _one_of(operand, at)
            case "$nin":
                listed = _one_of(operand, at)
                return lambda value: not listed(value)
            case "$regex":
                return self._pattern(operand, at)
            case "$gt" | "$gte" | "$lt" | "$lte":
                return _ordered(operator, operand, at)
        raise problem(at, f"is no operator; known are {', '.join((*_OPERATORS, *_COMBINATIONS))}")

    def _pattern(self, operand: Any, path: str) -> Test:
        self._patterns += 1
        if self._patterns > MOST_PATTERNS:
            raise problem(path, f"is one pattern too many: there can be {MOST_PATTERNS}")
        text = text_at(operand, path)
        try:
            pattern: re.Pattern[str] = compile_pattern(text)
        except UnsafePattern as exc:
            raise problem(path, str(exc)) from exc

        def test(value: Any) -> bool:
            found = _text(value)
            return found is not None and matches(pattern, found)

        return test


def _check_path(name: str, at: str) -> None:
    area, _, field_name = name.partition(".")
    if (area in ("metadata", "params") and field_name) or name == "url.pathname":
        return
    raise problem(at, "is no field: use metadata.<name>, params.<name>, url.pathname, $and or $or")


def _scalar(value: Any, path: str) -> str | float | bool:
    if isinstance(value, str | int | float | bool):
        return value
    raise problem(path, "must be a text, a number, true or false")


def _one_of(operand: Any, path: str) -> Test:
    if not isinstance(operand, list):
        raise problem(path, "must be a list")
    tests = [_equals(_scalar(item, f"{path}[{index}]")) for index, item in enumerate(operand)]
    return lambda value: any(test(value) for test in tests)


def _equals(expected: str | float | bool) -> Test:
    """Compare as texts where one of the two is one: metadata is always sent as text."""
    text = _text(expected)

    def test(value: Any) -> bool:
        if isinstance(value, str) or isinstance(expected, str):
            return _text(value) == text
        return bool(value == expected) and isinstance(value, bool) == isinstance(expected, bool)

    return test


def _ordered(operator: str, operand: Any, path: str) -> Test:
    limit = _number(operand)
    if limit is None:
        raise problem(path, "must be a number")

    def test(value: Any) -> bool:
        number = _number(value)
        if number is None:
            return False
        match operator:
            case "$gt":
                return number > limit
            case "$gte":
                return number >= limit
            case "$lt":
                return number < limit
        return number <= limit

    return test


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return None if math.isnan(number) else number


def _text(value: Any) -> str | None:
    """Return a value as metadata would have it, None for a list or an object: it is no text, not even an empty one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) else None

"""Checks a call's variables against the JSON Schema (draft 2020-12) of a prompt version, if it has one.

Every problem is listed with its JSON path; values are never quoted. A schema comes from whoever may write prompts, so
it is bounded before it is stored: no reference leaves it, patterns cannot backtrack without end, and following
references has a budget. `jsonschema` is imported only when a prompt has a schema.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from promptside.errors import InvalidRequest, JsonObject
from promptside.schema.prompt import PromptVersion
from promptside.store.cache import BoundedCache

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

MOST_PROBLEMS = 50
MOST_REFERENCES = 10_000
"""References followed in one check."""
LONGEST_MATCHED = 4096
"""Characters of a text that a pattern is tried on."""
_SCHEMAS = 500


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where (`$.items[0].price`), by which rule of the schema, and what is expected."""

    path: str
    rule: str
    expected: str


class VariableChecker:
    """Keeps the schemas in use ready; safe to share between threads."""

    def __init__(self) -> None:
        self._ready: BoundedCache[str, _Validator] = BoundedCache(_SCHEMAS)

    def check(self, version: PromptVersion, variables: JsonObject) -> None:
        """Raise one InvalidRequest that lists all problems; nothing without a schema."""
        if version.variables_schema is None:
            return
        validator = self._ready.find(version.version_id)
        if validator is None:
            validator = _Validator(version.variables_schema)
            self._ready.put(version.version_id, validator)
        problems = validator.problems(variables)
        if problems:
            raise _refusal(problems)


def check_schema(schema: JsonObject) -> None:
    """Raise InvalidRequest unless this is a schema that can be used."""
    from jsonschema.exceptions import SchemaError

    # A run only checks against schemas that were taken before.
    from promptside.schema_limits import check_limits

    check_limits(schema)
    try:
        _Validator.meta().check_schema(schema)
    except SchemaError as exc:
        where = _path(exc.absolute_path)
        raise InvalidRequest(
            f"'variables_schema' is no JSON Schema: {where} breaks the rule '{exc.validator}'", param="variables_schema"
        ) from exc
    # A schema that only leads back to itself shows here, whatever the variables are.
    _Validator(schema).problems({})


@dataclass(slots=True)
class _Validator:
    """One schema, ready. The number of followed references is kept for each thread by itself."""

    schema: JsonObject
    _made: Any = field(init=False, repr=False)
    _local: threading.local = field(default_factory=threading.local, repr=False)

    def __post_init__(self) -> None:
        from jsonschema import validators

        rules = {"$ref": self._follow, "pattern": _pattern, "uniqueItems": _unique_items}
        self._made = validators.extend(self.meta(), rules)(self.schema)

    @staticmethod
    def meta() -> Any:
        """Return the validator of the one dialect."""
        from jsonschema import Draft202012Validator

        return Draft202012Validator

    def problems(self, variables: JsonObject) -> list[Problem]:
        """Return what is wrong, in the order of the schema, without repetitions."""
        self._local.left = MOST_REFERENCES
        try:
            found = [
                problem
                for error in islice(self._made.iter_errors(variables), MOST_PROBLEMS * 4)
                for problem in _problems(error)
            ]
        except RecursionError as exc:
            raise _too_deep() from exc
        return list(dict.fromkeys(found))

    def _follow(self, validator: Any, reference: Any, instance: Any, _schema: Any) -> Iterable[ValidationError]:
        self._local.left -= 1
        if self._local.left < 0:
            raise _too_deep()
        errors: Iterable[ValidationError] = validator._validate_reference(ref=reference, instance=instance)
        return errors


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterable[ValidationError]:
    from jsonschema.exceptions import ValidationError

    if isinstance(instance, str) and (len(instance) > LONGEST_MATCHED or not re.search(pattern, instance)):
        yield ValidationError("")


def _unique_items(_validator: Any, wanted: Any, instance: Any, _schema: Any) -> Iterable[ValidationError]:
    from jsonschema.exceptions import ValidationError

    if wanted and isinstance(instance, list):
        # In the time of one pass; the package compares each item with each other.
        texts = [json.dumps(item, sort_keys=True) for item in instance]
        if len(set(texts)) < len(texts):
            yield ValidationError("")


def _problems(error: ValidationError) -> list[Problem]:
    """Return what one error says, in words of our own: the package's quote the value."""
    rule, expected = str(error.validator), error.validator_value
    path = _path(error.absolute_path)
    instance = error.instance
    match rule:
        case "required":
            missing = [name for name in expected if name not in instance]
            return [Problem(f"{path}{_step(name)}", rule, "is missing") for name in missing]
        case "additionalProperties" | "unevaluatedProperties":
            return [Problem(path, rule, "has a name that the schema does not know")]
        case "type":
            kinds = [expected] if isinstance(expected, str) else expected
            return [Problem(path, rule, f"must be {' or '.join(kinds)}")]
        case "enum" | "const":
            return [Problem(path, rule, f"must be {'one of ' if rule == 'enum' else ''}{_short(expected)}")]
        case "anyOf" | "oneOf" | "not" | "dependentRequired" | "False" | "None":
            return [Problem(path, rule, f"breaks the rule '{rule}'")]
        case _:
            return [Problem(path, rule, f"breaks the rule '{rule}': {_short(expected)}")]


def _refusal(problems: list[Problem]) -> InvalidRequest:
    from promptside.schema_limits import DIALECT

    shown = problems[:MOST_PROBLEMS]
    more = "" if len(problems) <= len(shown) else f"; and {len(problems) - len(shown)} more"
    listed = "; ".join(f"{problem.path} {problem.expected}" for problem in shown)
    return InvalidRequest(
        f"The variables do not fit the prompt's schema: {listed}{more}",
        param="variables",
        code="invalid_variables",
        extra={
            "problems": [{"path": item.path, "rule": item.rule, "message": item.expected} for item in shown],
            "schema": DIALECT,
        },
    )


def _too_deep() -> InvalidRequest:
    return InvalidRequest("The prompt's schema for variables leads back to itself too often", param="variables_schema")


def _path(steps: Iterable[str | int]) -> str:
    return "$" + "".join(map(_step, steps))


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if step.isidentifier() and len(step) <= 64 else f"[{json.dumps(step[:64])}]"


def _short(value: Mapping[str, Any] | Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else text[:199] + "…"

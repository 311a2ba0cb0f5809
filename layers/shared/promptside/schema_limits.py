"""What a JSON Schema for variables may be, so that checking against it always ends soon."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from re import _constants as tokens  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from promptside.errors import InvalidRequest, JsonObject, PayloadTooLarge
from promptside.routing.patterns import REPEATS, inner_patterns

DIALECT = "https://json-schema.org/draft/2020-12/schema"
LARGEST_SCHEMA = 64 * 1024
"""Bytes of JSON."""
LONGEST_PATTERN = 256
_VALUES = frozenset({"enum", "const", "default", "examples"})
"""Keywords whose content is data, not schema."""
_NAMED = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})
"""Keywords whose content has names of the author's, with a schema under each."""


def check_limits(schema: JsonObject) -> None:
    """Raise InvalidRequest for a dialect, a reference or a pattern that is not taken, PayloadTooLarge for the size."""
    size = len(json.dumps(schema))
    if size > LARGEST_SCHEMA:
        raise PayloadTooLarge(
            f"'variables_schema' has {size} bytes; it can have {LARGEST_SCHEMA}", param="variables_schema"
        )
    if schema.get("$schema", DIALECT).rstrip("#") != DIALECT:
        raise _refusal(f"'$schema' must be {DIALECT}")
    for name, value in _keywords(schema):
        match name:
            case "$id" | "$dynamicRef" | "$recursiveRef" | "$anchor" | "$dynamicAnchor":
                raise _refusal(f"'{name}' is not taken: refer to definitions by their path")
            case "$ref":
                _check_reference(schema, value)
            case "pattern":
                _check_pattern(value)
            case "patternProperties" if isinstance(value, dict):
                for pattern in value:
                    _check_pattern(pattern)


def _keywords(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield every name with its value, data inside enums and the like left out."""
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, dict):
            for name, inner in current.items():
                yield name, inner
                if name in _NAMED and isinstance(inner, dict):
                    waiting.extend(inner.values())
                elif name not in _VALUES:
                    waiting.append(inner)
        elif isinstance(current, list):
            waiting.extend(current)


def _check_reference(schema: JsonObject, reference: Any) -> None:
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
        raise _refusal("'$ref' must lead to a definition inside the schema, such as #/$defs/address")
    target: Any = schema
    for step in reference.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(target, dict) or name not in target or name in _VALUES:
            raise _refusal(f"'$ref' leads nowhere: {reference[:128]}")
        target = target[name]


def _check_pattern(pattern: Any) -> None:
    if not isinstance(pattern, str):
        raise _refusal("a pattern must be a text")
    if len(pattern) > LONGEST_PATTERN:
        raise _refusal(f"a pattern has {len(pattern)} characters; it can have {LONGEST_PATTERN}")
    try:
        re.compile(pattern)
        parsed = parser.parse(pattern)
    except (re.error, OverflowError, RecursionError) as exc:
        raise _refusal("a pattern is no regular expression") from exc
    if _backtracks(parsed, repeated=False):
        raise _refusal("a pattern repeats what is itself a repetition or a choice, or refers back: write it without")


def _backtracks(parsed: Any, *, repeated: bool) -> bool:
    """Tell whether a pattern can take exponential time: what varies inside a repetition, and references back."""
    for token, argument in parsed:
        if token in (tokens.GROUPREF, tokens.GROUPREF_EXISTS):
            return True
        varies = token == tokens.BRANCH or (token in REPEATS and argument[0] != argument[1])
        if varies and repeated:
            return True
        is_open = token in REPEATS and argument[1] > 1
        if any(_backtracks(inner, repeated=repeated or is_open) for inner in inner_patterns(argument)):
            return True
    return False


def _refusal(problem: str) -> InvalidRequest:
    return InvalidRequest(f"'variables_schema' cannot be used: {problem}", param="variables_schema")

"""Makes JSON schemas fit what providers take: strict answers, definitions, and schemas without references.

Which keywords a strict answer may not have, and that removed limits go into the description, follows the vendor's own
SDK helper (anthropic 2.12.0, read 2026-11-22).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from promptside.errors import InvalidRequest, JsonObject

_REMOVED = frozenset(
    {
        "maxItems",
        "uniqueItems",
        "contains",
        "minContains",
        "maxContains",
        "prefixItems",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "minProperties",
        "maxProperties",
        "patternProperties",
        "propertyNames",
        "dependentRequired",
        "dependentSchemas",
        "dependencies",
        "unevaluatedItems",
        "unevaluatedProperties",
        "if",
        "then",
        "else",
        "not",
    }
)
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"},
)
_SCHEMA_MAPS = ("properties", "$defs", "patternProperties", "dependentSchemas")
_SCHEMA_LISTS = ("anyOf", "allOf", "oneOf", "prefixItems")
_SCHEMA_VALUES = (
    "items",
    "additionalProperties",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
)
_MAX_DEPTH = 64
_MAX_INLINED = 5_000


def strict_schema(schema: Mapping[str, Any], *, param: str) -> JsonObject:
    """Return the schema as an answer can be held to it.

    Every object is closed, `oneOf` is `anyOf`, and limits the decoder cannot enforce stand in the description instead.
    Raises InvalidRequest where that would change what the answer means: recursion, references to other documents, and
    objects with free keys.
    """
    modern = with_modern_definitions(schema, param=param)
    _refuse_recursion(modern, param)
    return _transform(modern, lambda node: _strict_node(node, param), param)


def with_modern_definitions(schema: Mapping[str, Any], *, param: str) -> JsonObject:
    """Return the schema with `definitions` as `$defs` and its pointers rewritten.

    https://github.com/BerriAI/litellm/issues/26692: providers resolve the newer name only.
    """
    return _transform(dict(schema), _modern_node, param)


def without_references(schema: Mapping[str, Any], *, param: str) -> JsonObject:
    """Return the schema with every local `$ref` replaced by what it points to.

    A reference back into itself, one to nowhere, and everything beyond some thousand copied schemas becomes the
    schema that takes any value:
    https://github.com/BerriAI/litellm/issues/19098.
    """
    modern = with_modern_definitions(schema, param=param)
    definitions = modern.pop("$defs", {})
    return _Inliner(definitions, param).inline(modern, frozenset(), 0)


def map_schemas(schema: Mapping[str, Any], change: Callable[[JsonObject], JsonObject], *, param: str) -> JsonObject:
    """Return the schema with `change` applied to every schema inside it, innermost first, and then to itself."""
    return _transform(dict(schema), change, param)


class _Inliner:
    def __init__(self, definitions: JsonObject, param: str) -> None:
        self._definitions = definitions
        self._param = param
        self._copies = 0

    def inline(self, node: JsonObject, open_names: frozenset[str], depth: int) -> JsonObject:
        if open_names and depth > _MAX_DEPTH:
            return {}
        _check_depth(depth, self._param)
        self._copies += len(open_names) > 0
        if isinstance(node.get("$ref"), str):
            name = _local_name(node["$ref"])
            target = None if name is None else self._definitions.get(name)
            if name is None or name in open_names or self._copies > _MAX_INLINED or not isinstance(target, dict):
                return {}
            beside = {key: value for key, value in node.items() if key != "$ref"}
            return {**self.inline(target, open_names | {name}, depth + 1), **beside}
        return _with_children(node, lambda child: self.inline(child, open_names, depth + 1), self._param)


def _transform(node: JsonObject, change: Callable[[JsonObject], JsonObject], param: str, depth: int = 0) -> JsonObject:
    _check_depth(depth, param)
    return change(_with_children(node, lambda child: _transform(child, change, param, depth + 1), param))


def _with_children(node: JsonObject, change: Callable[[JsonObject], JsonObject], param: str) -> JsonObject:
    """Copy a schema with each schema inside it changed; values that only look like schemas (`enum`) stay."""
    copy = dict(node)
    for key in (*_SCHEMA_MAPS, "definitions"):
        if key in copy:
            _check_type(copy[key], dict, key, param)
            copy[key] = {name: change(child) if isinstance(child, dict) else child for name, child in copy[key].items()}
    for key in _SCHEMA_LISTS:
        if key in copy:
            _check_type(copy[key], list, key, param)
            copy[key] = [change(child) if isinstance(child, dict) else child for child in copy[key]]
    for key in _SCHEMA_VALUES:
        if isinstance(copy.get(key), dict):
            copy[key] = change(copy[key])
    return copy


def _modern_node(node: JsonObject) -> JsonObject:
    definitions = node.pop("definitions", None)
    if isinstance(definitions, dict):
        node["$defs"] = {**definitions, **node.get("$defs", {})}
    reference = node.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/definitions/"):
        node["$ref"] = "#/$defs/" + reference.removeprefix("#/definitions/")
    return node


def _strict_node(node: JsonObject, param: str) -> JsonObject:
    if "$ref" in node:
        # Keywords beside a reference are not allowed; definitions may stand there at the root.
        return {key: value for key, value in node.items() if key in ("$ref", "$defs")}
    kept = {key: value for key, value in node.items() if key not in _REMOVED and not key.startswith("$schema")}
    removed = {key: value for key, value in node.items() if key in _REMOVED}
    if "oneOf" in kept:
        kept["anyOf"] = [*kept.get("anyOf", []), *kept.pop("oneOf")]
    for key, allowed in (("minItems", _few), ("format", _known_format), ("pattern", _plain_pattern)):
        if key in kept and not allowed(kept[key]):
            removed[key] = kept.pop(key)
    if _is_object(kept):
        if isinstance(kept.get("additionalProperties"), dict) and kept["additionalProperties"]:
            raise _unenforceable(param, "an object with free keys (additionalProperties); list its properties")
        kept["additionalProperties"] = False
        kept.setdefault("properties", {})
    if removed:
        limits = ", ".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in removed.items())
        described = str(kept.get("description") or "")
        kept["description"] = f"{described} ({limits})".strip()
    return kept


def _is_object(node: JsonObject) -> bool:
    kind = node.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in node


def _few(count: Any) -> bool:
    return count in (0, 1)


def _known_format(name: Any) -> bool:
    return isinstance(name, str) and name in _FORMATS


def _plain_pattern(pattern: Any) -> bool:
    return isinstance(pattern, str) and re.search(r"\(\?<?[=!]|\\[1-9]", pattern) is None


def _refuse_recursion(schema: JsonObject, param: str) -> None:
    definitions = schema.get("$defs", {})
    graph = {name: _references(child, param) for name, child in definitions.items()}
    if "#" in _references(schema, param) or "#" in set().union(*graph.values(), set()):
        raise _unenforceable(param, "a schema that contains itself")
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as exc:
        raise _unenforceable(param, "a schema that contains itself") from exc


def _references(schema: Any, param: str) -> set[str]:
    """Return the names of the definitions that a schema points to, `#` for the root."""
    found: set[str] = set()

    def note(node: JsonObject) -> JsonObject:
        reference = node.get("$ref")
        if isinstance(reference, str):
            name = "#" if reference == "#" else _local_name(reference)
            if name is None:
                raise _unenforceable(param, "a $ref outside its own $defs")
            found.add(name)
        return node

    if isinstance(schema, dict):
        _transform({key: value for key, value in schema.items() if key != "$defs"}, note, param)
    return found


def _local_name(reference: Any) -> str | None:
    if isinstance(reference, str) and reference.startswith("#/$defs/"):
        return reference.removeprefix("#/$defs/")
    return None


def _check_type(value: Any, expected: type, keyword: str, param: str) -> None:
    if not isinstance(value, expected):
        form = "an object" if expected is dict else "a list"
        raise InvalidRequest(
            f"The schema in '{param}' must have {form} for '{keyword}'", param=param, code="invalid_schema"
        )


def _check_depth(depth: int, param: str) -> None:
    if depth > _MAX_DEPTH:
        raise InvalidRequest(
            f"The schema in '{param}' is nested deeper than {_MAX_DEPTH} levels", param=param, code="invalid_schema"
        )


def _unenforceable(param: str, what: str) -> InvalidRequest:
    return InvalidRequest(
        f"The schema in '{param}' has {what}: the provider cannot hold an answer to it",
        param=param,
        code="unsupported_schema",
    )

"""A config, read and checked: a tree of options whose leaves are targets, each with all that it inherits.

Unknown keys are errors, and every error gives the path: `config.targets[1].weight must be ...`. From the levels above a
target inherits retries, cache, circuit breaker, timeout, forwarded headers, custom host and strictness (the nearest
wins), parameters (key by key) and, when it names neither itself, the provider or virtual key and the prompt.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from promptside.errors import JsonObject
from promptside.routing.identity import Identity, parse_identity
from promptside.routing.problems import check_names, flag_at, object_at, problem, text_at, texts_at, whole_at
from promptside.routing.settings import (
    LONGEST_TIMEOUT_MS,
    CacheSettings,
    CircuitBreaker,
    Retry,
    breaker_apart,
    parse_cache,
    parse_circuit_breaker,
    parse_hedge,
    parse_retry,
)
from promptside.routing.strategy import Strategy, parse_strategy
from promptside.schema.config import DEEPEST_CONFIG, MOST_TARGETS, Named, named_in
from promptside.schema.prompt import Reference, parse_reference
from promptside.schema.spelling import snake
from promptside.store.names import is_slug, is_uuid

LARGEST_CONFIG = 64 * 1024
"""Bytes of JSON."""
_UNSUPPORTED = frozenset(
    {
        "input_guardrails", "output_guardrails", "before_request_hooks", "after_request_hooks",
        "default_input_guardrails", "default_output_guardrails", "input_mutators", "output_mutators",
    }
)  # fmt: skip
_KNOWN = frozenset(
    {
        "strategy", "targets", "name", "weight", "virtual_key", "provider", "prompt_id", "passthrough", "custom_host",
        "retry", "cache", "request_timeout", "override_params", "default_params", "drop_params", "forward_headers",
        "strict_open_ai_compliance", "cb_config", "hedge",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Option:
    """One node of a config. With `targets` it chooses among them, else it is a target itself.

    `path` is where it stands: `config.targets[0]`, in the config that `origin` names, the same one in every process.
    `timeout_seconds` bounds one attempt.
    """

    path: str = "config"
    origin: str = field(default="", compare=False)
    name: str | None = None
    weight: float = 1.0
    strategy: Strategy = field(default_factory=Strategy)
    targets: tuple[Option, ...] = ()
    identity: Identity = field(default_factory=Identity)
    prompt: Reference | None = None
    override_params: JsonObject = field(default_factory=dict, repr=False)
    default_params: JsonObject = field(default_factory=dict, repr=False)
    drop_params: tuple[str, ...] = ()
    retry: Retry | None = None
    timeout_seconds: float | None = None
    forward_headers: tuple[str, ...] = ()
    strict_openai: bool | None = None
    cache: CacheSettings | None = None
    circuit_breaker: CircuitBreaker | None = None
    hedge_seconds: float | None = None

    def leaves(self) -> tuple[Option, ...]:
        """Return the targets below this option, or the option itself."""
        if not self.targets:
            return (self,)
        return tuple(leaf for target in self.targets for leaf in target.leaves())


def parse_config_text(text: str, path: str = "config") -> tuple[Option, Named]:
    """Return the config in a JSON text, and what it names. Raises InvalidRequest that gives the path."""
    if len(text) > LARGEST_CONFIG:
        raise problem(path, f"has {len(text)} characters; it can have {LARGEST_CONFIG}")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise problem(path, "is not JSON") from exc
    origin = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return parse_config(value, path, origin=origin), named_in(value)


def parse_config(value: Any, path: str = "config", *, origin: str = "") -> Option:
    """Return a config. `origin` is the id of its version. Raises InvalidRequest that gives the path."""
    return _Reader().read(value, Option(path=path, origin=origin), 1)


class _Reader:
    """Reads one config and counts its targets."""

    def __init__(self) -> None:
        self._targets = 0

    def read(self, value: Any, above: Option, depth: int) -> Option:
        """Return the option at `above.path`; everything else of `above` is what it inherits."""
        if depth > DEEPEST_CONFIG:
            raise problem(above.path, f"is nested deeper than {DEEPEST_CONFIG} levels")
        given = {snake(name): item for name, item in object_at(value, above.path).items() if item is not None}
        _check_support(given, above.path)
        identity, rest = parse_identity(given, above.path, above.identity)
        check_names({name: None for name in rest}, _KNOWN, above.path)
        option = _own_settings(given, replace(above, identity=identity))
        if "targets" not in given:
            if option.strategy.mode != "single":
                raise problem(f"{above.path}.targets", f"is missing: the mode is {option.strategy.mode}")
            return option
        return replace(option, targets=self._read_targets(given["targets"], option, depth))

    def _read_targets(self, value: Any, option: Option, depth: int) -> tuple[Option, ...]:
        at = f"{option.path}.targets"
        if not isinstance(value, list) or not value:
            raise problem(at, "must be a list of at least one target")
        self._targets += len(value)
        if self._targets > MOST_TARGETS:
            raise problem(at, f"makes more than {MOST_TARGETS} targets")
        handed_down = replace(option, name=None, weight=1.0, strategy=Strategy(), targets=(), hedge_seconds=None)
        targets = tuple(
            self.read(item, replace(handed_down, path=f"{at}[{index}]"), depth + 1) for index, item in enumerate(value)
        )
        _check_choice(option, targets)
        return targets


def _check_support(given: Mapping[str, Any], path: str) -> None:
    for name in given.keys() & _UNSUPPORTED:
        raise problem(f"{path}.{name}", "is not supported: guardrails and hooks do not exist here")
    if given.get("passthrough"):
        raise problem(f"{path}.passthrough", "is not supported")


def _own_settings(given: JsonObject, option: Option) -> Option:
    """Return the option with what it says itself over what it inherits."""
    path = option.path
    strategy, of_strategy = breaker_apart(given.get("strategy"), f"{path}.strategy")
    given = given if strategy is None else {**given, "strategy": strategy}
    own = {name: read(given[name], f"{path}.{name}") for name, read in _READERS.items() if name in given}
    changed: dict[str, Any] = {_ATTRIBUTES.get(name, name): value for name, value in own.items()}
    if of_strategy is not None:
        changed["circuit_breaker"] = of_strategy
    for name in ("override_params", "default_params"):
        if name in own:
            changed[name] = {**getattr(option, name), **own[name]}
    if "drop_params" in own:
        changed["drop_params"] = tuple(dict.fromkeys((*option.drop_params, *own["drop_params"])))
    if "hedge" in own and (changed.get("strategy") or option.strategy).mode != "fallback":
        raise problem(f"{path}.hedge", "is for the mode fallback only")
    return replace(option, **changed)


def _check_choice(option: Option, targets: tuple[Option, ...]) -> None:
    strategy, path = option.strategy, option.path
    if strategy.mode == "loadbalance" and not any(target.weight for target in targets):
        raise problem(f"{path}.targets", "have no weight: at least one must be above zero")
    if strategy.mode != "conditional":
        return
    names = [target.name for target in targets]
    for index, name in enumerate(names):
        if name is not None and name in names[:index]:
            raise problem(f"{path}.targets[{index}].name", "is the name of another target")
    for index, condition in enumerate(strategy.conditions):
        if condition.then not in names:
            raise problem(f"{path}.strategy.conditions[{index}].then", "is not the name of a target")
    if strategy.default not in names:
        raise problem(f"{path}.strategy.default", "is not the name of a target")


def _weight(value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e9 or math.isnan(value):
        raise problem(path, "must be a number of at least 0")
    return float(value)


def _prompt(value: Any, path: str) -> Reference:
    reference = parse_reference(text_at(value, path))
    if not is_slug(reference.id) and not is_uuid(reference.id):
        raise problem(path, "must be the slug or id of a prompt, alone or as in slug@version")
    return reference


def _timeout(value: Any, path: str) -> float:
    return whole_at(value, path, least=1, most=LONGEST_TIMEOUT_MS) / 1000


def _headers(value: Any, path: str) -> tuple[str, ...]:
    return tuple(name.lower() for name in texts_at(value, path, most=50))


_READERS: dict[str, Callable[[Any, str], Any]] = {
    "strategy": parse_strategy,
    "name": text_at,
    "weight": _weight,
    "prompt_id": _prompt,
    "retry": parse_retry,
    "cache": parse_cache,
    "request_timeout": _timeout,
    "override_params": object_at,
    "default_params": object_at,
    "drop_params": texts_at,
    "forward_headers": _headers,
    "strict_open_ai_compliance": flag_at,
    "cb_config": parse_circuit_breaker,
    "hedge": parse_hedge,
}
_ATTRIBUTES = {
    "prompt_id": "prompt",
    "request_timeout": "timeout_seconds",
    "strict_open_ai_compliance": "strict_openai",
    "cb_config": "circuit_breaker",
    "hedge": "hedge_seconds",
}

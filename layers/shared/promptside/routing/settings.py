"""What a config says about one target besides who it is: retries, cache, circuit breaker, hedging."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from promptside.errors import JsonObject
from promptside.routing.problems import check_names, codes_at, flag_at, object_at, problem, text_at, whole_at
from promptside.schema.spelling import snake

MOST_RETRIES = 5
DEFAULT_RETRY_CODES = frozenset({429, 500, 502, 503, 504, 529})
LONGEST_TIMEOUT_MS = 900_000
DEFAULT_THRESHOLD = 0.95
_LOWEST_THRESHOLD = 0.5
_LONGEST_AGE_SECONDS = 90 * 24 * 3600
_SHORTEST_COOLDOWN_MS = 30_000
_LONGEST_COOLDOWN_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a target is tried again: `attempts` after the first one, for these statuses.

    `use_retry_after` says that the waiting time which the provider asks for is kept.
    """

    attempts: int
    status_codes: frozenset[int] = DEFAULT_RETRY_CODES
    use_retry_after: bool = False


@dataclass(frozen=True, slots=True)
class Embedding:
    """Who turns texts into vectors: without provider and virtual key the target, without a model its usual one."""

    provider: str | None = None
    virtual_key: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """Which answers may come from the cache; `max_age_seconds` is None without a limit of the config's own.

    `threshold` is how similar another question must be (cosine), in semantic mode.
    """

    mode: Literal["simple", "semantic"]
    max_age_seconds: int | None = None
    namespace: str | None = None
    threshold: float = DEFAULT_THRESHOLD
    embedding: Embedding = field(default_factory=Embedding)


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """When a target is left alone for a while. Percentages count from `minimum_requests` on.

    Without `status_codes` every status from 500 on is a failure.
    """

    failure_threshold: int | None
    cooldown_seconds: float
    failure_percentage: int | None = None
    minimum_requests: int | None = None
    status_codes: frozenset[int] = field(default_factory=frozenset)


def snaked(value: Any, path: str, known: frozenset[str]) -> JsonObject:
    """Return an object with its names in snake case, as both spellings are in use, and without nulls."""
    given = object_at(value, path)
    found = {snake(name): item for name, item in given.items() if item is not None}
    check_names(found, known, path)
    return found


def parse_retry(value: Any, path: str) -> Retry:
    """Return `{"attempts", "on_status_codes"?, "use_retry_after_headers"?}`; the last name also without its `s`."""
    names = frozenset({"attempts", "on_status_codes", "use_retry_after_header", "use_retry_after_headers"})
    given = snaked(value, path, names)
    if "attempts" not in given:
        raise problem(f"{path}.attempts", "is missing")
    asked = [given[name] for name in ("use_retry_after_header", "use_retry_after_headers") if name in given]
    return Retry(
        attempts=whole_at(given["attempts"], f"{path}.attempts", least=0, most=MOST_RETRIES),
        status_codes=(
            codes_at(given["on_status_codes"], f"{path}.on_status_codes")
            if "on_status_codes" in given
            else DEFAULT_RETRY_CODES
        ),
        use_retry_after=any([flag_at(flag, f"{path}.use_retry_after_headers") for flag in asked]),
    )


def parse_cache(value: Any, path: str) -> CacheSettings:
    """Return `{"mode": "simple" | "semantic", "max_age"?: seconds, "namespace"?, "threshold"?, "embedding"?}`.

    The mode may also stand alone, as a text.
    """
    names = frozenset({"mode", "max_age", "namespace", "threshold", "embedding"})
    given = snaked({"mode": value} if isinstance(value, str) else value, path, names)
    mode = given.get("mode")
    if mode not in ("simple", "semantic"):
        raise problem(f"{path}.mode", "must be simple or semantic")
    for name in ("threshold", "embedding"):
        if name in given and mode != "semantic":
            raise problem(f"{path}.{name}", "is for the mode semantic only")
    return CacheSettings(
        mode=mode,
        max_age_seconds=(
            whole_at(given["max_age"], f"{path}.max_age", least=1, most=_LONGEST_AGE_SECONDS)
            if "max_age" in given
            else None
        ),
        namespace=text_at(given["namespace"], f"{path}.namespace", longest=128) if "namespace" in given else None,
        threshold=_threshold(given.get("threshold", DEFAULT_THRESHOLD), f"{path}.threshold"),
        embedding=_embedding(given["embedding"], f"{path}.embedding") if "embedding" in given else Embedding(),
    )


def _threshold(value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not _LOWEST_THRESHOLD <= value <= 1:
        raise problem(path, f"must be a number from {_LOWEST_THRESHOLD} to 1")
    return float(value)


def _embedding(value: Any, path: str) -> Embedding:
    """Return `{"virtual_key"? | "provider"?: a name or "@slug", "model"?}`."""
    given = snaked(value, path, frozenset({"provider", "virtual_key", "model"}))
    texts = {name: text_at(text, f"{path}.{name}") for name, text in given.items()}
    provider, key = texts.get("provider"), texts.get("virtual_key")
    if provider is not None and key is not None:
        raise problem(path, "names both a provider and a virtual_key")
    if provider is not None and not provider.startswith("@"):
        # Only few configs have embeddings.
        from promptside.providers.embeddings import DEFAULT_MODELS, WIRES
        from promptside.providers.registry import ALIASES

        name = ALIASES.get(provider, provider)
        if name not in WIRES:
            raise problem(f"{path}.provider", f"has no embeddings here; use one of {', '.join(sorted(WIRES))}")
        if "model" not in texts and name not in DEFAULT_MODELS:
            raise problem(f"{path}.model", f"is missing: {name} has no usual one")
    return Embedding(provider, None if key is None else key.removeprefix("@"), texts.get("model"))


def parse_circuit_breaker(value: Any, path: str) -> CircuitBreaker:
    """Return `{"failure_threshold", "cooldown_interval": ms, "failure_status_codes"?, ...}`."""
    names = frozenset(
        {
            "failure_threshold",
            "failure_threshold_percentage",
            "minimum_requests",
            "cooldown_interval",
            "failure_status_codes",
        }
    )
    given = snaked(value, path, names)
    if "failure_threshold" not in given and "failure_threshold_percentage" not in given:
        raise problem(f"{path}.failure_threshold", "is missing")

    def number(name: str, most: int, least: int = 1) -> int | None:
        return whole_at(given[name], f"{path}.{name}", least=least, most=most) if name in given else None

    cooldown = number("cooldown_interval", _LONGEST_COOLDOWN_MS, _SHORTEST_COOLDOWN_MS)
    return CircuitBreaker(
        failure_threshold=number("failure_threshold", 10_000),
        cooldown_seconds=(cooldown or _SHORTEST_COOLDOWN_MS) / 1000,
        failure_percentage=number("failure_threshold_percentage", 100),
        minimum_requests=number("minimum_requests", 10_000),
        status_codes=(
            codes_at(given["failure_status_codes"], f"{path}.failure_status_codes")
            if "failure_status_codes" in given
            else frozenset()
        ),
    )


def breaker_apart(strategy: Any, path: str) -> tuple[Any, CircuitBreaker | None]:
    """Return a strategy without the `cb_config` that may stand in it, and that; it is for the targets below."""
    if not isinstance(strategy, dict):
        return strategy, None
    rest = {name: item for name, item in strategy.items() if snake(name) != "cb_config"}
    inside = [item for name, item in strategy.items() if name not in rest and item is not None]
    return rest, parse_circuit_breaker(inside[0], f"{path}.cb_config") if inside else None


def parse_hedge(value: Any, path: str) -> float:
    """Return the seconds of `{"after_ms": n}`."""
    given = snaked(value, path, frozenset({"after_ms"}))
    return whole_at(given.get("after_ms"), f"{path}.after_ms", least=1, most=LONGEST_TIMEOUT_MS) / 1000

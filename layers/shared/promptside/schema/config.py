"""What a config names that has to be read before it can be followed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from promptside.schema.prompt import JsonObject, Reference, parse_reference, split_model
from promptside.schema.spelling import snake

DEEPEST_CONFIG = 5
"""Levels of targets below each other, the config itself being the first."""
MOST_TARGETS = 50
"""Targets of one config, all levels together."""


@dataclass(frozen=True, slots=True)
class Named:
    """What a config names: slugs of virtual keys, and prompts.

    `replaces_prompt` says that every target brings its own prompt, so that the one in the path is not needed.
    """

    virtual_keys: frozenset[str] = frozenset()
    prompts: tuple[Reference, ...] = ()
    replaces_prompt: bool = False


@dataclass(frozen=True, slots=True)
class Sought:
    """The config that a request brings: the slug of a stored one, or what the one inside the request names."""

    slug: str | None = None
    named: Named | None = None


def named_in(config: Any) -> Named:
    """Return what a config names, whether it is a valid one or not."""
    leaves = list(_leaves(config, 1))
    keys: set[str] = set()
    prompts: dict[Reference, None] = {}
    alone = 0
    for target in leaves:
        keys.update(_slugs(target))
        text = target.get("prompt_id")
        if isinstance(text, str) and text.strip():
            prompts[parse_reference(text.strip())] = None
            alone += 1
    return Named(frozenset(keys), tuple(prompts), bool(leaves) and alone == len(leaves))


def _leaves(config: Any, depth: int, inherited: JsonObject | None = None) -> Iterator[JsonObject]:
    """Yield the targets without targets of their own, each with what the levels above hand down."""
    if not isinstance(config, dict) or depth > DEEPEST_CONFIG:
        return
    config = _snaked(config)
    own = {name: config[name] for name in ("provider", "virtual_key", "prompt_id") if config.get(name)}
    models = _models(config) or (inherited or {}).get("models", ())
    embeddings = _embeddings(config) or (inherited or {}).get("embeddings", ())
    merged = {**(inherited or {}), **own, "models": models, "embeddings": embeddings}
    targets = config.get("targets")
    if isinstance(targets, list) and targets:
        for target in targets[:MOST_TARGETS]:
            yield from _leaves(target, depth + 1, merged)
    else:
        yield merged


def _snaked(value: JsonObject) -> JsonObject:
    return {snake(name): item for name, item in value.items() if item is not None}


def _models(config: JsonObject) -> tuple[str, ...]:
    found = (config.get(name) for name in ("override_params", "default_params"))
    models = (parameters.get("model") for parameters in found if isinstance(parameters, dict))
    return tuple(model for model in models if isinstance(model, str))


def _embeddings(config: JsonObject) -> tuple[JsonObject, ...]:
    """Return who turns texts into vectors for the cache, as a target of its own."""
    cache = config.get("cache")
    embedding = cache.get("embedding") if isinstance(cache, dict) else None
    if not isinstance(embedding, dict):
        return ()
    embedding = _snaked(embedding)
    model = embedding.get("model")
    return ({**embedding, "models": (model,) if isinstance(model, str) else (), "embeddings": ()},)


def _slugs(target: JsonObject) -> Iterator[str]:
    key, provider = target.get("virtual_key"), target.get("provider")
    if isinstance(key, str):
        yield key.strip().removeprefix("@")
    if isinstance(provider, str) and provider.strip().startswith("@"):
        yield provider.strip()[1:]
    for model in target["models"]:
        if (slug := split_model(model)[0]) is not None:
            yield slug
    for embedding in target["embeddings"]:
        yield from _slugs(embedding)

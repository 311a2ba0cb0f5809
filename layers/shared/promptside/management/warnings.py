"""Warnings about a draft: it is stored all the same, but calls of it would not do what its author expects."""

from __future__ import annotations

from collections.abc import Mapping

from promptside.advice import Planned, parameter_names, warnings_about
from promptside.errors import JsonObject
from promptside.management.services import ManagementServices
from promptside.merging import stored_parameters
from promptside.providers.registry import ALIASES, MODULES, get_provider
from promptside.schema.prompt import PromptVersion, split_model


def draft_warnings(services: ManagementServices, version: PromptVersion) -> list[str]:
    """Return what is wrong with a version as sentences; empty when nothing is known to be."""
    slug, model = split_model(version.model or "")
    slug = slug or version.virtual_key
    if slug is None:
        # Each request names its provider, so nothing can be said about this one.
        return parameter_names("", version.parameters)
    found = _provider(services, slug)
    if found is None:
        unknown = f"There is no virtual key and no provider '{slug}': calls fail until it is created"
        return [unknown, *parameter_names("", version.parameters)]
    provider, settings = found
    if not model:
        return parameter_names(provider, version.parameters)
    planned = Planned(version.kind, model, stored_parameters(version), settings)
    return warnings_about(get_provider(provider), planned, services.now().date())


def with_warnings(answer: JsonObject, warnings: list[str]) -> JsonObject:
    """Return the answer with its `warnings`, if there are any."""
    return {**answer, "warnings": warnings} if warnings else answer


def _provider(services: ManagementServices, slug: str) -> tuple[str, Mapping[str, str]] | None:
    key = services.virtual_keys.find(slug)
    if key is not None:
        return key.provider, key.settings
    return (ALIASES.get(slug, slug), {}) if slug in MODULES or slug in ALIASES else None

"""Finds a provider by name, importing its module on first use: a cold start pays for one provider, not for all."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from promptside.errors import InvalidRequest
from promptside.providers.base import Provider

MODULES: dict[str, str] = {
    "ai21": "ai21",
    "anthropic": "anthropic",
    "anyscale": "anyscale",
    "azure-openai": "azure_openai",
    "bedrock": "bedrock",
    "custom": "custom",
    "fireworks-ai": "fireworks_ai",
    "google": "google",
    "groq": "groq",
    "mistral-ai": "mistral_ai",
    "openai": "openai",
    "perplexity-ai": "perplexity_ai",
    "together-ai": "together_ai",
    "vertex-ai": "vertex_ai",
}
"""The name callers use, and the module of this package that exports it as PROVIDER."""

ALIASES: dict[str, str] = {
    "openai-compatible": "custom",
    "aws-bedrock": "bedrock",
    "azure": "azure-openai",
    "perplexity": "perplexity-ai",
    "fireworks": "fireworks-ai",
    "mistral": "mistral-ai",
    "together": "together-ai",
    "gemini": "google",
    "vertex": "vertex-ai",
    "vertex_ai": "vertex-ai",
}
"""Other spellings that stored prompts bring along."""


def get_provider(name: str) -> Provider:
    """Return the adapter. Raises InvalidRequest that lists the known names."""
    known = ALIASES.get(name, name)
    if known not in MODULES:
        names = ", ".join(sorted(MODULES))
        raise InvalidRequest(
            f"Unknown provider '{name[:64]}': use one of {names}", param="provider", code="unknown_provider"
        )
    return cast("Provider", import_module(f"promptside.providers.{MODULES[known]}").PROVIDER)

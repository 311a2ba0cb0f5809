"""Which provider a model belongs to, where the source says it in the model's name or not at all."""

from __future__ import annotations

import re

PREFIXES: dict[str, str] = {
    "ai21": "ai21",
    "anthropic": "anthropic",
    "anyscale": "anyscale",
    "azure": "azure-openai",
    "bedrock": "bedrock",
    "fireworks_ai": "fireworks-ai",
    "gemini": "google",
    "googleai": "google",
    "groq": "groq",
    "mistral": "mistral-ai",
    "openai": "openai",
    "perplexity": "perplexity-ai",
    "text-completion-openai": "openai",
    "together_ai": "together-ai",
    "vertex_ai": "vertex-ai",
    "vertexai": "vertex-ai",
}
"""What LiteLLM (https://docs.litellm.ai/docs/providers) and Genkit write before a model, read 2026-11-23."""

_ROUTES = frozenset({"chat", "converse", "converse_like", "invoke", "responses"})
"""Ways to call a model, that LiteLLM writes between provider and model."""

_FAMILIES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(gpt-|o[134](-|$)|chatgpt-|ft:gpt)"), "openai"),
    (re.compile(r"claude-"), "anthropic"),
    (re.compile(r"(gemini-|gemma-)"), "google"),
    (re.compile(r"(mistral-|ministral-|magistral-|codestral-|open-mistral)"), "mistral-ai"),
    (re.compile(r"jamba"), "ai21"),
    (re.compile(r"sonar"), "perplexity-ai"),
    (re.compile(r"(us\.|eu\.|apac\.|global\.)?(amazon|anthropic|cohere|meta|mistral|ai21)\."), "bedrock"),
    (re.compile(r"arn:aws[a-z-]*:bedrock:"), "bedrock"),
)


def split_model(name: str) -> tuple[str | None, str]:
    """Return the provider in a prefixed name and the model without it: `groq/llama-3` gives `("groq", "llama-3")`."""
    prefix, slash, rest = name.partition("/")
    provider = PREFIXES.get(prefix)
    if not slash or provider is None:
        return None, name
    route, slash, model = rest.partition("/")
    return provider, (model if slash and route in _ROUTES else rest)


def provider_of(model: str) -> str | None:
    """Return the provider whose model this most likely is, None when the name does not tell."""
    return next((provider for pattern, provider in _FAMILIES if pattern.match(model)), None)

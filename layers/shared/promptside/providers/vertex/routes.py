"""Which of Vertex AI's wires a model is on, by its name alone: the answer's side has nothing else to tell it.

https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/use-partner-models (read 2026-11-22). Names are
written as `anthropic.claude-...`, `meta/llama-...`, `publishers/google/models/gemini-...` or `endpoints.1234`; a bare
name is Google's, and a bare number a tuned Gemini.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from promptside.errors import InvalidRequest

Wire = Literal["gemini", "claude", "mistral", "openai", "endpoint"]

# They become path segments and the `model` of a body.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}")
_PUBLISHER = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_RESOURCE = re.compile(r"(?:projects/[^/]{1,64}/locations/[^/]{1,40}/)?publishers/([^/]+)/models/(.+)")
_TUNED = re.compile(r"projects/[^/]{1,64}/locations/[^/]{1,40}/endpoints/(\d{1,30})")
_DOTTED = frozenset(
    {"ai21", "anthropic", "deepseek-ai", "endpoints", "google", "meta", "mistralai", "moonshotai", "openai", "qwen"}
)
"""Publishers that other gateways write before a dot; in `gemini-3.8-flash` the dot is the version's."""


@dataclass(frozen=True, slots=True)
class Route:
    """A model and how to call it; `endpoint` marks a Gemini that was tuned and has an endpoint of its own."""

    wire: Wire
    publisher: str
    model: str
    endpoint: bool = False


def route_of(model: str) -> Route:
    """Return the route. Raises InvalidRequest for a name that does not belong into a path."""
    publisher, name = _split(model)
    if ".." in name or not _NAME.fullmatch(name) or not _PUBLISHER.fullmatch(publisher):
        raise InvalidRequest(
            "'model' must be the name of a model on Vertex AI, such as gemini-3.8-flash, "
            "anthropic.claude-sonnet-5-5 or endpoints.1234567890",
            param="model",
            code="invalid_model",
        )
    if publisher == "endpoints":
        return Route("endpoint", publisher, name)
    if publisher == "anthropic":
        return Route("claude", publisher, name)
    if publisher == "mistralai" and not name.endswith("-maas"):
        return Route("mistral", publisher, name)
    if publisher == "google" and not name.endswith("-maas"):
        return Route("gemini", publisher, name, endpoint=name.isdecimal())
    return Route("openai", publisher, name)


def _split(model: str) -> tuple[str, str]:
    if match := _RESOURCE.fullmatch(model):
        return match[1], match[2]
    if match := _TUNED.fullmatch(model):
        # The vendor's own name of a tuned model.
        return "google", match[1]
    model = model.removeprefix("models/")
    if "/" in model:
        publisher, _, name = model.partition("/")
        return publisher, name
    publisher, dot, name = model.partition(".")
    if dot and publisher in _DOTTED:
        return publisher, name
    return ("anthropic" if model.startswith("claude-") else "google"), model

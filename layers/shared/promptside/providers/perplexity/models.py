"""Which models and presets of Perplexity's Agent API stand in for the models of the Sonar API.

https://docs.perplexity.ai/docs/agent-api/migrate-from-sonar and the mapping that Perplexity publishes for migrations
(github.com/perplexityai/api-platform-developers at 228c88d), read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class AgentModel:
    """What is sent for a model's name: a model or a preset. `searches` says that every answer has to be grounded.

    A preset brings its own tools, the web search among them; a model searches only with the tool.
    """

    model: str | None = None
    preset: str | None = None
    searches: bool = False


SONAR_MODELS: Mapping[str, AgentModel] = MappingProxyType(
    {
        "sonar": AgentModel(model="perplexity/sonar", searches=True),
        "sonar-pro": AgentModel(preset="low"),
        "sonar-reasoning": AgentModel(preset="low"),
        "sonar-reasoning-pro": AgentModel(preset="low"),
        "sonar-deep-research": AgentModel(preset="medium"),
    }
)
"""The Sonar API's names; prompts that were written for it keep running."""

PRESETS = frozenset(
    {
        "fast",
        "low",
        "medium",
        "high",
        "xhigh",
        "fast-search",
        "pro-search",
        "deep-research",
        "advanced-deep-research",
    }
)
"""Names that no model has: models of the Agent API are named `<vendor>/<model>`."""


def agent_model(name: str) -> AgentModel:
    """Return what to send for the name that a prompt gives."""
    if name in PRESETS:
        return AgentModel(preset=name)
    return SONAR_MODELS.get(_without_vendor(name)) or AgentModel(model=name)


def _without_vendor(name: str) -> str:
    # `perplexity/sonar` is a model of the Agent API itself, and searches only if told so.
    return name if name == "perplexity/sonar" else name.removeprefix("perplexity/")

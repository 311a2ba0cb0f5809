"""Reads the `config` of a Langfuse prompt: free JSON, that by habit holds a model and its parameters.

https://langfuse.com/docs/prompt-management/features/config, read 2026-11-23.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cli.importing.collector import Collector
from cli.importing.model_names import PREFIXES, split_model
from cli.importing.reading import Reading, is_empty
from promptside.providers.known_parameters import unknown_parameter
from promptside.providers.registry import ALIASES, MODULES
from promptside.schema.prompt import JsonObject

_MODEL = ("model", "model_name", "modelName", "model_id")
_NESTED = ("model_params", "modelParams", "model_parameters", "modelParameters", "parameters", "params")
_SPELLINGS = {
    "maxTokens": "max_tokens", "topP": "top_p", "topK": "top_k", "frequencyPenalty": "frequency_penalty",
    "presencePenalty": "presence_penalty", "stopSequences": "stop", "responseFormat": "response_format",
    "reasoningEffort": "reasoning_effort",
}  # fmt: skip
_NOT_A_PARAMETER = frozenset({"stream", "tools", "tool_choice", "functions", "messages", "model"})


@dataclass(frozen=True, slots=True)
class Settings:
    """What a configuration says."""

    provider: str | None
    model: str | None
    parameters: JsonObject
    tools: list[JsonObject] | None
    tool_choice: Any


def read_config(collector: Collector, what: str, reading: Reading) -> Settings:
    """Return the settings in a prompt's `config`; what is no parameter of a model goes to the skipped ones."""
    given = reading.take("config")
    if not isinstance(given, dict):
        if not is_empty(given):
            collector.skip(f"{what}: config", "it is no JSON object")
        given = {}
    config = Reading(given)
    model = next((value for name in _MODEL if (value := config.text(name))), None)
    prefix, model = split_model(model) if model else (None, None)
    named = config.text("provider")
    provider = _provider(named)
    if named is not None and provider is None:
        collector.skip(f"{what}: config.provider", f"no provider here is called '{named[:64]}'")
    parameters = _parameters(config)
    for name in _NESTED:
        nested = Reading(config.object(name))
        parameters |= _parameters(nested)
        collector.finish(f"{what}: config.{name}", nested, {}, "it is no parameter that models are known to take")
    tools = config.items("tools")
    objects = [tool for tool in tools if isinstance(tool, dict)]
    if len(objects) < len(tools):
        collector.skip(f"{what}: config.tools", "some are names only: what stands behind them is in your code")
    settings = Settings(provider or prefix, model, parameters, objects or None, config.take("tool_choice"))
    collector.finish(f"{what}: config", config, {}, "it is no parameter that models are known to take")
    return settings


def _parameters(config: Reading) -> JsonObject:
    names = [name for name in config.left if name not in _NOT_A_PARAMETER and unknown_parameter(name) is None]
    return {_SPELLINGS.get(name, name): config.take(name) for name in names}


def _provider(named: str | None) -> str | None:
    if named is None:
        return None
    name = named.lower()
    known = ALIASES.get(name, name)
    return known if known in MODULES else PREFIXES.get(name)

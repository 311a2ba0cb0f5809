"""What OpenAI's models take, by the beginning of their name.

https://developers.openai.com/api/docs/guides/latest-model and /api/docs/deprecations, read 2026-11-22, with the
experience of other gateways: https://github.com/BerriAI/litellm/pull/34569 (tools with reasoning),
https://github.com/decolua/9router/issues/560 (sampling). A name that no row fits is sent as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from promptside.errors import JsonObject

When = Literal["always", "without_reasoning", "never"]

_LOGPROBS = frozenset({"logprobs", "top_logprobs"})
_SHAPING = frozenset({"presence_penalty", "frequency_penalty", "logit_bias", "prediction"})
_SAMPLING = frozenset({"temperature", "top_p"}) | _LOGPROBS


@dataclass(frozen=True, slots=True)
class ModelTraits:
    """What one family of models takes on the chat endpoint.

    `dropped` names parameters that are always refused there. `sampling` says when temperature, top_p and logprobs are
    taken; a temperature of 1 always is. `chat_tools` says when tools are; otherwise they need the Responses endpoint,
    and with `chat` false everything does. `default_effort` is the reasoning effort of a call that names none.
    """

    prefixes: tuple[str, ...]
    dropped: frozenset[str] = frozenset()
    sampling: When = "always"
    chat_tools: When = "always"
    chat: bool = True
    default_effort: str = "medium"


# The longest prefix wins. Models listed before o1 take either name of the token limit and need no row.
MODELS: tuple[ModelTraits, ...] = (
    ModelTraits(("o1",), dropped=_SHAPING, sampling="never"),
    ModelTraits(("o3", "o4"), dropped=_SHAPING | {"stop"}, sampling="never"),
    ModelTraits(
        (
            "o1-pro",
            "o3-pro",
            "o3-deep-research",
            "o4-mini-deep-research",
            "codex-",
            "computer-use",
            "gpt-5-pro",
            "gpt-5-codex",
            "gpt-5.1-codex",
            "gpt-5.2-codex",
            "gpt-5.2-pro",
            "gpt-5.3-codex",
            "gpt-5.4-pro",
            "gpt-5.5-pro",
        ),
        dropped=_SHAPING | {"stop"},
        sampling="never",
        chat=False,
    ),
    ModelTraits(("gpt-5",), dropped=_SHAPING | {"stop"}, sampling="never"),
    ModelTraits(
        ("gpt-5.1", "gpt-5.2", "gpt-5.3"),
        dropped=_SHAPING | {"stop"},
        sampling="without_reasoning",
        default_effort="none",
    ),
    ModelTraits(
        ("gpt-5.4",),
        dropped=_SHAPING | {"stop"},
        sampling="without_reasoning",
        chat_tools="without_reasoning",
        default_effort="none",
    ),
    ModelTraits(
        ("gpt-5.5", "gpt-5.6", "gpt-6"),
        dropped=_SHAPING | {"stop"},
        sampling="without_reasoning",
        chat_tools="without_reasoning",
    ),
    # These do not take the effort "none", so their tools have one place only.
    ModelTraits(
        ("gpt-6.1-sol", "gpt-6-astra"),
        dropped=_SHAPING | {"stop"},
        sampling="never",
        chat_tools="never",
    ),
    ModelTraits(("gpt-5-chat", "gpt-5.1-chat", "gpt-5.2-chat", "gpt-5.3-chat")),
    ModelTraits(
        ("gpt-4o-search", "gpt-4o-mini-search", "gpt-5-search"),
        dropped=_SHAPING | {"stop", "n", "seed"},
        sampling="never",
    ),
)

_OTHERS = ModelTraits(())
_NEW_LIMIT = ("o1", "o3", "o4", "gpt-5", "gpt-6")


@lru_cache(256)
def traits_of(model: str) -> ModelTraits:
    """Return the row of a model; fine-tunes (`ft:gpt-5-mini:...`) and `openai/...` names count as their base."""
    base = base_name(model)
    fitting = [(len(prefix), row) for row in MODELS for prefix in row.prefixes if base.startswith(prefix)]
    return max(fitting, key=lambda found: found[0])[1] if fitting else _OTHERS


def base_name(model: str) -> str:
    """Return the name that the table is about."""
    return model.removeprefix("ft:").rpartition("/")[2].partition(":")[0]


def renames_token_limit(model: str) -> bool:
    """Return whether `max_tokens` must be sent as `max_completion_tokens`."""
    return base_name(model).startswith(_NEW_LIMIT)


def dropped_parameters(model: str, parameters: JsonObject) -> list[str]:
    """Return the names among `parameters` that the model refuses on the chat endpoint."""
    traits = traits_of(model)
    refused = traits.dropped
    if not _allowed(traits.sampling, traits, parameters):
        refused = refused | _SAMPLING
    return [name for name, value in parameters.items() if name in refused and not _harmless(name, value)]


def needs_responses(model: str, parameters: JsonObject) -> bool:
    """Return whether this call works on the Responses endpoint only."""
    traits = traits_of(model)
    if not traits.chat:
        return True
    return bool(parameters.get("tools")) and not _allowed(traits.chat_tools, traits, parameters)


def _allowed(when: When, traits: ModelTraits, parameters: JsonObject) -> bool:
    effort = parameters.get("reasoning_effort") or traits.default_effort
    return when == "always" or (when == "without_reasoning" and effort == "none")


def _harmless(name: str, value: Any) -> bool:
    """Return whether a value is the one that every model has anyway."""
    return name in {"temperature", "top_p", "n"} and value == 1

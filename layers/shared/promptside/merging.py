"""Merges what is stored with what the caller sends, in the order of the contract: later wins, key by key."""

from __future__ import annotations

from typing import Any

from promptside.errors import InvalidRequest
from promptside.schema.prompt import JsonObject, PromptVersion
from promptside.template.prompt import RenderedPrompt

OURS = frozenset({"variables", "prompt_id", "promptID", "promptId", "hyperparameters", "config", "timeout", "stream"})
"""Keys of a request body that are for us and never reach a provider."""

_SETTINGS = frozenset({"strict_params", "request_timeout"})
"""Keys of stored parameters that steer this product and never reach a provider."""

TOKEN_LIMITS = ("max_tokens", "max_completion_tokens")
"""Two names of one limit: whoever sets one of them takes the other away."""


def merge_parameters(version: PromptVersion, rendered: RenderedPrompt, overrides: JsonObject) -> JsonObject:
    """Return the complete provider-neutral body: `{"model", "messages" | "prompt", ...parameters}`, without nulls.

    Stored parameters, then model and tools of the version, then the rendered template, then the caller's overrides. The
    stored `stream` is ignored; `null` removes; either token limit given by the caller removes the stored other.
    """
    merged = stored_parameters(version)
    if version.model is not None:
        merged["model"] = version.model
    own, foreign = ("messages", "prompt") if version.kind == "chat" else ("prompt", "messages")
    merged.pop(foreign, None)
    merged[own] = rendered.messages if version.kind == "chat" else rendered.text
    for limit in TOKEN_LIMITS:
        if overrides.get(limit) is not None:
            for stored in TOKEN_LIMITS:
                merged.pop(stored, None)
    merged.update({name: value for name, value in overrides.items() if name not in OURS and name != foreign})
    body = {
        name: value
        for name, value in merged.items()
        if value is not None and name not in _SETTINGS and name not in OURS
    }
    _check(body, own)
    return body


def stored_parameters(version: PromptVersion) -> JsonObject:
    """Return a version's parameters with its tools among them, as a new object."""
    own = {"tools": version.tools, "functions": version.functions, "tool_choice": version.tool_choice}
    return {**version.parameters, **{name: value for name, value in own.items() if value is not None}}


def strict_params(version: PromptVersion, overrides: JsonObject) -> bool:
    """Return whether a parameter that the provider lacks is an error instead of being dropped."""
    return overrides.get("strict_params", version.parameters.get("strict_params")) is True


def _check(body: JsonObject, own: str) -> None:
    if own not in body:
        raise InvalidRequest(f"'{own}' must not be null: leave it out to use the stored prompt", param=own)
    if own == "messages" and not _is_message_list(body["messages"]):
        raise InvalidRequest(
            "'messages' must be a non-empty list of objects with a 'role'", param="messages", code="invalid_messages"
        )
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise InvalidRequest(
            "No model: store one with the prompt or send 'model' as a text", param="model", code="model_missing"
        )


def _is_message_list(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, dict) and isinstance(item.get("role"), str) for item in value)
    )

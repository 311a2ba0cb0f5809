"""Reasoning effort and thinking for Gemini: a budget of tokens or a level, never both, for that is a 400."""

from __future__ import annotations

from promptside.errors import JsonObject
from promptside.providers.draft import Draft
from promptside.providers.gemini_format.models import GeminiModel

_LOW_TOKENS = 1_024
_MEDIUM_TOKENS = 8_192


def take_thinking(draft: Draft, model: GeminiModel) -> JsonObject:
    """Take `reasoning_effort`, `thinking` and Google's own config; return `thinkingConfig`, empty to leave it out.

    Whoever asks for reasoning also gets its summary. Google's own config wins and is passed on as it is.
    """
    own = draft.take_object("thinkingConfig", "thinking_config")
    effort = draft.take_effort()
    thinking = draft.take_object("thinking")
    if own:
        return own
    if model.thinking == "no":
        return _without(draft, effort, thinking)
    if thinking:
        return _translated(draft, model, thinking, effort)
    return {} if effort is None else _config(draft, model, effort)


def _without(draft: Draft, effort: str | None, thinking: JsonObject) -> JsonObject:
    if effort not in (None, "none"):
        draft.drop("reasoning_effort")
    if thinking and thinking.get("type") != "disabled":
        draft.drop("thinking")
    return {}


def _config(draft: Draft, model: GeminiModel, effort: str) -> JsonObject:
    if effort not in (model.budgets or model.levels):
        raise draft.invalid("reasoning_effort", "must be none, minimal, low, medium, high, xhigh or max")
    amount: JsonObject = (
        {"thinkingBudget": model.budgets[effort]}
        if model.thinking == "budget"
        else {"thinkingLevel": model.levels[effort]}
    )
    return amount if effort == "none" else {**amount, "includeThoughts": True}


def _translated(draft: Draft, model: GeminiModel, thinking: JsonObject, effort: str | None) -> JsonObject:
    """Return Anthropic's form of the parameter, `{"type": "enabled", "budget_tokens": 2048}`, as this model has it."""
    if thinking.get("type") == "disabled":
        return _config(draft, model, "none")
    if effort is not None:
        return _config(draft, model, effort)
    budget = thinking.get("budget_tokens")
    if budget is None:
        return {"includeThoughts": True}
    if not isinstance(budget, int):
        raise draft.invalid("thinking", "must have budget_tokens as a number")
    if model.thinking == "budget":
        return {"thinkingBudget": budget, "includeThoughts": True}
    return _config(draft, model, _nearest_effort(budget))


def _nearest_effort(budget: int) -> str:
    if budget <= _LOW_TOKENS:
        return "low"
    return "medium" if budget <= _MEDIUM_TOKENS else "high"

"""Reasoning effort and thinking for Claude, whichever of the two generations of controls a model has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from promptside.errors import JsonObject
from promptside.providers.anthropic_format.models import ClaudeModel
from promptside.providers.draft import Draft
from promptside.providers.turns import Conversation, Thinking, ToolCall

BUDGETS = {"minimal": 1_024, "low": 1_024, "medium": 2_048, "high": 4_096, "xhigh": 8_192, "max": 16_384}
"""Tokens for thinking by effort, on models that want a number. LiteLLM's figures up to `high`, doubled from there."""

_MIN_BUDGET = 1_024


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What to send: the `thinking` object and the effort, each None to leave it out."""

    thinking: JsonObject | None = None
    effort: str | None = None

    @property
    def budget(self) -> int:
        """The tokens set aside for thinking, which count inside the output limit."""
        budget = self.thinking.get("budget_tokens") if self.thinking else None
        return budget if isinstance(budget, int) else 0


def plan_reasoning(draft: Draft, model: ClaudeModel, conversation: Conversation, *, forced: bool) -> Reasoning:
    """Take `reasoning_effort` and `thinking` and return what this model understands of them.

    A forced tool rules thinking out, and so does a budget with tool calls whose thinking was not kept: what is asked of
    the answer wins, and the parameter is named as dropped.
    """
    effort, summary = _effort(draft)
    thinking = draft.take_object("thinking")
    asked = "thinking" if thinking else "reasoning_effort"
    planned = _planned(draft, model, thinking, effort)
    if summary and planned.thinking is None and planned.effort is not None and model.thinking == "adaptive":
        planned = Reasoning({"type": "adaptive"}, planned.effort)
    if planned.thinking is None or planned.thinking["type"] in ("disabled", "between_tools"):
        return planned
    if forced or (planned.budget and _thinking_was_lost(conversation)):
        if planned.effort is None or asked == "thinking":
            draft.drop(asked)
        return Reasoning(None, planned.effort)
    if summary and planned.thinking["type"] == "adaptive":
        return Reasoning({"display": "summarized", **planned.thinking}, planned.effort)
    return planned


def _planned(draft: Draft, model: ClaudeModel, thinking: JsonObject, effort: str | None) -> Reasoning:
    if thinking:
        return Reasoning(_translated(draft, model, thinking, effort), _known_effort(draft, model, effort))
    if effort is None:
        return Reasoning()
    if effort == "none":
        return _off(model)
    if model.thinking == "no":
        draft.drop("reasoning_effort")
        return Reasoning()
    if not model.efforts:
        return Reasoning({"type": "enabled", "budget_tokens": BUDGETS[effort]})
    level = "low" if effort == "minimal" else effort
    return Reasoning(None if model.thinks_unasked else {"type": "adaptive"}, level)


def _off(model: ClaudeModel) -> Reasoning:
    if model.thinking_off == "between_tools":
        return Reasoning({"type": "between_tools"})
    return Reasoning(effort="low") if model.thinking_off == "never" else Reasoning()


def _translated(draft: Draft, model: ClaudeModel, thinking: JsonObject, effort: str | None) -> JsonObject | None:
    """Return the caller's `thinking` in the form this model has; the other form is a 400 at the provider."""
    kind = thinking.get("type")
    if not isinstance(kind, str):
        raise draft.invalid("thinking", "must have a type, such as enabled, adaptive or disabled")
    if model.thinking == "no":
        if kind != "disabled":
            draft.drop("thinking")
        return None
    if kind == "disabled" and model.thinking_off != "absent":
        if model.thinking_off == "never":
            draft.drop("thinking")
        return {"type": "between_tools"} if model.thinking_off == "between_tools" else None
    if kind == "enabled" and model.thinking == "adaptive":
        if "budget_tokens" in thinking:
            draft.drop("thinking.budget_tokens")
        return {"type": "adaptive", **{key: thinking[key] for key in ("display",) if key in thinking}}
    if kind == "adaptive" and model.thinking == "budget":
        return {"type": "enabled", "budget_tokens": BUDGETS.get(effort or "high", BUDGETS["high"])}
    if kind == "enabled" and thinking.get("budget_tokens") is None:
        return {**thinking, "budget_tokens": BUDGETS.get(effort or "high", _MIN_BUDGET)}
    return thinking


def _known_effort(draft: Draft, model: ClaudeModel, effort: str | None) -> str | None:
    if effort in (None, "none"):
        return None
    if not model.efforts:
        draft.drop("reasoning_effort")
        return None
    return "low" if effort == "minimal" else effort


def _effort(draft: Draft) -> tuple[str | None, bool]:
    """Take the effort, as text or as `{"effort": ..., "summary": ...}`, and whether a summary is wanted."""
    value: Any = draft.take("reasoning_effort", "reasoning")
    summary = False
    if isinstance(value, dict):
        summary = value.get("summary") not in (None, "none")
        value = value.get("effort")
    if value is None:
        return None, summary
    if not isinstance(value, str) or (value != "none" and value not in BUDGETS):
        levels = ", ".join(["none", *BUDGETS])
        raise draft.invalid("reasoning_effort", f"must be one of {levels}")
    return value, summary


def _thinking_was_lost(conversation: Conversation) -> bool:
    """Tell whether the last answer with tool calls came without its thinking.

    A request with a thinking budget must return it: https://github.com/BerriAI/litellm/issues/18926.
    """
    for turn in reversed(conversation.turns):
        if turn.role == "assistant" and turn.has(ToolCall):
            return not turn.has(Thinking)
    return False

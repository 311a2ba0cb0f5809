"""What Converse has no parameter for: reasoning and other fields of one family, in `additionalModelRequestFields`."""

from __future__ import annotations

from promptside.errors import JsonObject
from promptside.providers.anthropic_format.thinking import Reasoning, plan_reasoning
from promptside.providers.bedrock_format.models import BedrockModel
from promptside.providers.draft import Draft
from promptside.providers.tool_use import ToolUse
from promptside.providers.turns import Conversation

_NOVA_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}


def set_reasoning(draft: Draft, model: BedrockModel, conversation: Conversation, *, forced: bool) -> bool:
    """Take `reasoning_effort` and `thinking`, and tell whether Claude thinks, which rules sampling out."""
    if model.claude is not None:
        planned = plan_reasoning(draft, model.claude, conversation, forced=forced)
        kind = planned.thinking["type"] if planned.thinking else None
        thinks = model.claude.thinks_unasked if kind is None else kind in ("enabled", "adaptive")
        _set_claude(draft, planned, thinks=thinks)
        return thinks
    effort = draft.take_effort()
    if effort is None or effort == "none":
        return False
    match model.family.reasoning:
        case "nova" if effort in _NOVA_EFFORTS:
            config = {"type": "enabled", "maxReasoningEffort": _NOVA_EFFORTS[effort]}
            _fields(draft)["reasoningConfig"] = config
        case "field":
            _fields(draft)["reasoning_effort"] = effort
        case _:
            draft.drop("reasoning_effort")
    return False


def set_additional_fields(draft: Draft, model: BedrockModel, use: ToolUse) -> None:
    """Put everything that is left where the model itself reads it; the caller's own fields win over ours."""
    top_k = draft.take("top_k")
    if top_k is not None:
        _set_top_k(draft, model, top_k)
    if use.parallel is False and use.tools and use.mode != "none":
        _forbid_parallel(draft, model)
    betas = draft.take("anthropic_beta", "betas")
    if betas is not None:
        _fields(draft)["anthropic_beta"] = betas.split(",") if isinstance(betas, str) else betas
    own = draft.take_object("additionalModelRequestFields")
    own = {**draft.take_object("additional_model_request_fields"), **own}
    for name, value in {**draft.rest(), **own}.items():
        _merge(_fields(draft), name, value)


def _set_claude(draft: Draft, planned: Reasoning, *, thinks: bool) -> None:
    if planned.thinking is not None:
        _fields(draft)["thinking"] = planned.thinking
    if planned.effort is not None:
        # Efforts above high are refused while thinking is off.
        effort = planned.effort if thinks or planned.effort not in ("xhigh", "max") else "high"
        draft.body.setdefault("outputConfig", {})["effort"] = effort


def _set_top_k(draft: Draft, model: BedrockModel, top_k: object) -> None:
    match model.family.top_k:
        case "field":
            _fields(draft)["top_k"] = top_k
        case "nova":
            _fields(draft)["inferenceConfig"] = {"topK": top_k}
        case _:
            draft.drop("top_k")


def _forbid_parallel(draft: Draft, model: BedrockModel) -> None:
    if model.claude is None:
        draft.drop("parallel_tool_calls")
        return
    choice: JsonObject = {"disable_parallel_tool_use": True}
    if "toolChoice" not in draft.body["toolConfig"]:
        # With a toolChoice beside it, the type would be said twice, and the pair is refused.
        choice["type"] = "auto"
    _fields(draft)["tool_choice"] = choice


def _fields(draft: Draft) -> JsonObject:
    fields: JsonObject = draft.body.setdefault("additionalModelRequestFields", {})
    return fields


def _merge(target: JsonObject, name: str, value: object) -> None:
    present = target.get(name)
    if isinstance(present, dict) and isinstance(value, dict):
        for key, item in value.items():
            _merge(present, key, item)
    else:
        target[name] = value

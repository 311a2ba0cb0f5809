"""Builds the body of a Messages request; URL and headers are the provider's own, for Vertex AI sends the same body.

Parameter by parameter as in https://platform.claude.com/docs/en/api/messages (anthropic SDK 2.12.0, read 2026-11-22).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from promptside.errors import JsonObject
from promptside.providers.anthropic_format.blocks import BlockWriter, all_blocks, limit_cache_markers
from promptside.providers.anthropic_format.models import ClaudeModel, claude_model
from promptside.providers.anthropic_format.thinking import Reasoning, plan_reasoning
from promptside.providers.anthropic_format.tools import set_tools
from promptside.providers.base import ProviderCall
from promptside.providers.conversation import read_conversation, system_as_user, tools_as_text
from promptside.providers.draft import Draft, refuse_text
from promptside.providers.json_schema import strict_schema
from promptside.providers.tool_use import PARAMETERS as TOOL_PARAMETERS
from promptside.providers.tool_use import ToolNames, ToolUse, read_tools
from promptside.providers.turns import Conversation, Text

JSON_INSTRUCTION = "Answer with one JSON object and nothing else: no code fence and no text around it."

DEFAULT_MAX_TOKENS = 8_192
"""Sent when the caller gives no limit, for the API demands one; less on models that cannot write as much."""

DROPPED: frozenset[str] = frozenset(
    {
        "audio",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "moderation",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "seed",
        "store",
        "stream_options",
        "top_logprobs",
        "verbosity",
    }
)
REFUSED: dict[str, str] = {"web_search_options": "declare the provider's own search tool in 'tools' instead"}

_TIERS = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
_CONTACT = re.compile(r"[^@\s]+@[^@\s]+|\+?[\d\s().-]{7,20}")


@dataclass(frozen=True, slots=True)
class MessagesBody:
    """The body with `model` and without `stream`, the beta features it asks for, and what was left out."""

    body: JsonObject
    betas: tuple[str, ...]
    dropped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Format:
    """What of the answer's format needs more than a parameter: an instruction, or a tool with the schema."""

    is_object: bool = False
    tool_schema: JsonObject | None = None


def tool_names(call: ProviderCall) -> ToolNames:
    """Return the names that Claude knows the call's tools by."""
    return ToolNames(call, pattern=r"[a-zA-Z0-9_-]+", limit=128)


def model_of(call: ProviderCall) -> ClaudeModel:
    """Return the capabilities of the call's model; the setting `base_model` overrides its name."""
    return claude_model(call.model, override=call.settings.get("base_model"))


def build_messages_body(call: ProviderCall, *, provider: str, takes_sampling: bool = True) -> MessagesBody:
    """Build the body for a chat call; without `takes_sampling` temperature, top_p and top_k are dropped.

    Raises InvalidRequest that names what the model cannot do.
    """
    refuse_text(call, provider)
    draft = Draft(call, provider)
    model = model_of(call)
    draft.refuse_several_choices()
    draft.refuse_output_modalities()
    draft.refuse_present(REFUSED)
    draft.drop_present(DROPPED)
    use = read_tools({name: draft.take(name) for name in TOOL_PARAMETERS})
    conversation = _conversation(call, model, use, provider)
    _check_prefill(draft, model, conversation)
    draft.body["model"] = call.model
    wanted = _set_format(draft, model)
    names = tool_names(call)
    set_tools(draft, model, use, names=names, json_schema=wanted.tool_schema)
    forced = use.forced or wanted.tool_schema is not None
    reasoning = plan_reasoning(draft, model, conversation, forced=forced)
    _set_reasoning(draft, reasoning)
    _set_sampling(draft, model, allowed=takes_sampling and not _thinks(model, reasoning))
    _set_max_tokens(draft, model, reasoning)
    if wanted.is_object:
        conversation = replace(conversation, system=(*conversation.system, Text(JSON_INSTRUCTION)))
    _set_messages(draft, conversation, names)
    _set_accounting(draft)
    betas = _betas(draft)
    draft.body = {**draft.rest(), **draft.body}
    limit_cache_markers(draft, all_blocks(draft.body))
    return MessagesBody(draft.body, betas, tuple(draft.dropped))


def _conversation(call: ProviderCall, model: ClaudeModel, use: ToolUse, provider: str) -> Conversation:
    conversation = read_conversation(call.messages or [], provider=provider)
    if conversation.has_tools and not use.tools and not use.native:
        # Tool blocks without declared tools are a 400.
        conversation = conversation.map_turns(tools_as_text)
    if model.later_system or all(turn.role != "system" for turn in conversation.turns):
        return conversation
    return conversation.map_turns(system_as_user)


def _check_prefill(draft: Draft, model: ClaudeModel, conversation: Conversation) -> None:
    if conversation.turns[-1].role == "assistant" and not model.prefill:
        raise draft.unsupported("messages", "this model does not continue an assistant message; end with a user's")


def _set_format(draft: Draft, model: ClaudeModel) -> _Format:
    """Take `response_format` and write it where the model has a parameter for it."""
    wanted = draft.take_object("response_format")
    match wanted.get("type", "text"):
        case "text":
            return _Format()
        case "json_object":
            return _Format(is_object=True)
        case "json_schema":
            given = wanted.get("json_schema")
            schema = given.get("schema") if isinstance(given, Mapping) else None
            if not isinstance(schema, Mapping):
                raise draft.invalid("response_format", "must have json_schema.schema")
            if not model.json_schema:
                return _Format(tool_schema=dict(schema))
            strict = strict_schema(schema, param="response_format")
            draft.body["output_config"] = {"format": {"type": "json_schema", "schema": strict}}
            return _Format()
    raise draft.invalid("response_format", "must be text, json_object or json_schema")


def _set_reasoning(draft: Draft, reasoning: Reasoning) -> None:
    if reasoning.thinking is not None:
        draft.body["thinking"] = reasoning.thinking
    if reasoning.effort is not None:
        draft.body.setdefault("output_config", {})["effort"] = reasoning.effort
    own = draft.take_object("output_config")
    if own:
        draft.body["output_config"] = {**own, **draft.body.get("output_config", {})}


def _thinks(model: ClaudeModel, reasoning: Reasoning) -> bool:
    if reasoning.thinking is None:
        return model.thinks_unasked
    return reasoning.thinking["type"] in ("enabled", "adaptive")


def _set_sampling(draft: Draft, model: ClaudeModel, *, allowed: bool) -> None:
    if model.sampling == "none" or not allowed:
        draft.drop_present(frozenset({"temperature", "top_p", "top_k"}))
        return
    temperature, top_p, top_k = draft.take("temperature"), draft.take("top_p"), draft.take("top_k")
    if temperature is not None and top_p is not None and model.sampling == "one":
        top_p = None
        draft.drop("top_p")
    given = {"temperature": temperature, "top_p": top_p, "top_k": top_k}
    draft.body.update({name: value for name, value in given.items() if value is not None})


def _set_max_tokens(draft: Draft, model: ClaudeModel, reasoning: Reasoning) -> None:
    limit = draft.take_max_tokens()
    if limit is None:
        limit = min(DEFAULT_MAX_TOKENS, model.max_output)
    if isinstance(limit, int) and reasoning.budget >= limit:
        # Thinking counts inside the limit, which the caller means for the answer.
        limit += reasoning.budget
    draft.body["max_tokens"] = limit


def _set_messages(draft: Draft, conversation: Conversation, names: ToolNames) -> None:
    writer = BlockWriter(draft, names)
    if conversation.system:
        draft.body["system"] = writer.texts(conversation.system)
    draft.body["messages"] = writer.messages(conversation)
    stop = draft.take_stop("stop") + draft.take_stop("stop_sequences")
    if stop:
        draft.body["stop_sequences"] = stop


def _set_accounting(draft: Draft) -> None:
    user = draft.take("user")
    user = draft.take("safety_identifier") or user
    metadata = draft.take_object("metadata")
    if set(metadata) - {"user_id"}:
        draft.drop("metadata")
    user = metadata.get("user_id") or user
    # The API refuses ids that look like an e-mail address or a phone number.
    if user is not None and (not isinstance(user, str) or _CONTACT.fullmatch(user.strip())):
        draft.drop("user")
    elif user:
        draft.body["metadata"] = {"user_id": user}
    tier = draft.take("service_tier")
    if isinstance(tier, str) and tier in _TIERS:
        draft.body["service_tier"] = _TIERS[tier]
    elif tier is not None:
        draft.drop("service_tier")


def _betas(draft: Draft) -> tuple[str, ...]:
    given: list[Any] = [draft.call.settings.get("beta"), draft.take("betas"), draft.take("anthropic_beta")]
    names: list[str] = []
    for value in given:
        if isinstance(value, str):
            names += [name.strip() for name in value.split(",")]
        elif isinstance(value, list):
            names += [str(name) for name in value]
    # They become a header.
    if not all(re.fullmatch(r"[A-Za-z0-9._-]{1,100}", name) for name in names):
        raise draft.invalid("anthropic_beta", "must be a list of feature names")
    return tuple(dict.fromkeys(names))

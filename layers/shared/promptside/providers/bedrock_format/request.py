"""Builds the body of a Converse request.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, as in the botocore 1.44.5 service
model (read 2026-11-22).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from promptside.errors import JsonObject
from promptside.providers.anthropic_format.request import DROPPED, JSON_INSTRUCTION, REFUSED
from promptside.providers.base import ProviderCall
from promptside.providers.bedrock_format.blocks import BlockWriter, limit_cache_points
from promptside.providers.bedrock_format.fields import set_additional_fields, set_reasoning
from promptside.providers.bedrock_format.models import BedrockModel, bedrock_model
from promptside.providers.bedrock_format.tools import is_silent, set_json_tool, set_tools
from promptside.providers.conversation import read_conversation, system_as_user, tools_as_text
from promptside.providers.draft import Draft, refuse_text
from promptside.providers.json_schema import strict_schema
from promptside.providers.message_parts import compact_json
from promptside.providers.tool_use import PARAMETERS as TOOL_PARAMETERS
from promptside.providers.tool_use import ToolNames, ToolUse, read_tools
from promptside.providers.turns import Conversation, Text, Turn, merge

PROVIDER_NAME = "bedrock"

_NATIVE = ("performanceConfig", "promptVariables", "additionalModelResponseFieldPaths")
_TIERS = frozenset({"priority", "default", "flex", "reserved"})
_METADATA = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,\-.]{0,256}")
_MOST_METADATA = 16
_GUARDRAIL = {
    "guardrail_identifier": "guardrailIdentifier",
    "guardrail_version": "guardrailVersion",
    "guardrail_trace": "trace",
    "stream_processing_mode": "streamProcessingMode",
}


def tool_names(call: ProviderCall) -> ToolNames:
    """Return the names that Bedrock knows the call's tools by."""
    return ToolNames(call, pattern=r"[a-zA-Z0-9_-]+", limit=64)


def json_tool_schema(call: ProviderCall) -> JsonObject | None:
    """Return the schema of the JSON answer if a tool carries it."""
    wanted = call.parameters.get("response_format")
    if not isinstance(wanted, Mapping) or wanted.get("type") != "json_schema" or bedrock_model(call).json_schema:
        return None
    given = wanted.get("json_schema")
    schema = given.get("schema") if isinstance(given, Mapping) else None
    return dict(schema) if isinstance(schema, Mapping) else None


def build_converse_body(call: ProviderCall) -> Draft:
    """Build the body for a chat call. Raises InvalidRequest that names what the model cannot do."""
    refuse_text(call, PROVIDER_NAME)
    draft = Draft(call, PROVIDER_NAME)
    model = bedrock_model(call)
    draft.refuse_several_choices()
    draft.refuse_output_modalities()
    draft.refuse_present(REFUSED)
    draft.drop_present(DROPPED)
    use = read_tools({name: draft.take(name) for name in TOOL_PARAMETERS})
    conversation = _conversation(call, model, use)
    if conversation.turns[-1].role == "assistant" and not model.prefill:
        raise draft.unsupported("messages", "this model does not continue an assistant message; end with a user's")
    writer = BlockWriter(draft, model, tool_names(call))
    conversation = _set_format(draft, model, use, conversation)
    _set_messages(draft, conversation, writer)
    if "toolConfig" not in draft.body:
        set_tools(draft, model, use, names=tool_names(call), writer=writer)
    forced = use.forced or json_tool_schema(call) is not None
    thinks = set_reasoning(draft, model, conversation, forced=forced)
    _set_inference(draft, model, thinks=thinks)
    _set_accounting(draft)
    _set_guardrail(draft)
    for name in _NATIVE:
        value = draft.take(name)
        if value is not None:
            draft.body[name] = value
    set_additional_fields(draft, model, use)
    limit_cache_points(draft, _block_lists(draft.body))
    return draft


def _conversation(call: ProviderCall, model: BedrockModel, use: ToolUse) -> Conversation:
    conversation = read_conversation(call.messages or [], provider=PROVIDER_NAME).map_turns(system_as_user)
    if conversation.has_tools and is_silent(use):
        # Tool blocks without a toolConfig are a 400, and a toolConfig would let the model call again.
        conversation = conversation.map_turns(tools_as_text)
    if conversation.system and not model.family.system:
        return Conversation((), tuple(merge([Turn("user", conversation.system), *conversation.turns])))
    return conversation


def _set_format(draft: Draft, model: BedrockModel, use: ToolUse, conversation: Conversation) -> Conversation:
    """Take `response_format`; a JSON object is asked for in the system prompt, there is no parameter for it."""
    wanted = draft.take_object("response_format")
    match wanted.get("type", "text"):
        case "text":
            return conversation
        case "json_object":
            instruction = Text(JSON_INSTRUCTION)
            if model.family.system:
                return Conversation((*conversation.system, instruction), conversation.turns)
            return Conversation((), tuple(merge([Turn("user", (instruction,)), *conversation.turns])))
        case "json_schema":
            _set_schema(draft, model, use, wanted.get("json_schema"))
            return conversation
    raise draft.invalid("response_format", "must be text, json_object or json_schema")


def _set_schema(draft: Draft, model: BedrockModel, use: ToolUse, given: Any) -> None:
    schema = given.get("schema") if isinstance(given, Mapping) else None
    if not isinstance(schema, Mapping):
        raise draft.invalid("response_format", "must have json_schema.schema")
    if not model.json_schema:
        set_json_tool(draft, model, use, dict(schema))
        return
    # The schema travels as a text inside the JSON.
    definition = {"schema": compact_json(strict_schema(schema, param="response_format"))}
    for name in ("name", "description"):
        if isinstance(given.get(name), str) and given[name]:
            definition[name] = given[name]
    draft.body["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": definition}}}


def _set_messages(draft: Draft, conversation: Conversation, writer: BlockWriter) -> None:
    system = [block for part in conversation.system for block in writer.blocks(part)]
    if system:
        draft.body["system"] = system
    draft.body["messages"] = writer.messages(conversation)
    # Automatic caching is one more cache point at the end.
    marker = draft.take_object("cache_control")
    if marker:
        draft.body["messages"][-1]["content"] += writer.cache_point(marker)


def _set_inference(draft: Draft, model: BedrockModel, *, thinks: bool) -> None:
    sampling = draft.take_object("inferenceConfig")
    limit = draft.take_max_tokens()
    if limit is not None:
        sampling["maxTokens"] = limit
    budget = draft.body.get("additionalModelRequestFields", {}).get("thinking", {}).get("budget_tokens")
    if isinstance(limit, int) and isinstance(budget, int) and budget >= limit:
        # Thinking counts inside the limit, which the caller means for the answer.
        sampling["maxTokens"] = limit + budget
    if not model.family.sampling or thinks or (model.claude and model.claude.sampling == "none"):
        draft.drop_present(frozenset({"temperature", "top_p", "top_k"}))
    temperature, top_p = draft.take("temperature"), draft.take("top_p")
    if temperature is not None and top_p is not None and model.claude and model.claude.sampling == "one":
        top_p = None
        draft.drop("top_p")
    sampling.update({key: value for key, value in (("temperature", temperature), ("topP", top_p)) if value is not None})
    stop = draft.take_stop()
    if stop and not model.family.stop:
        draft.drop("stop")
    elif stop:
        sampling["stopSequences"] = stop
    if sampling:
        draft.body["inferenceConfig"] = sampling


def _set_accounting(draft: Draft) -> None:
    """Write `requestMetadata`, which AWS keeps in the invocation log; entries that do not fit are left out."""
    metadata: JsonObject = {}
    user = draft.take("safety_identifier", "user")
    if user is not None:
        metadata["user"] = user
    metadata.update({**draft.take_object("metadata"), **draft.take_object("requestMetadata")})
    kept = {key: value for key, value in metadata.items() if key and _fits(key) and _fits(value)}
    kept = dict(list(kept.items())[:_MOST_METADATA])
    if "user" in metadata and "user" not in kept:
        draft.drop("user")
    if metadata.keys() - kept.keys() - {"user"}:
        draft.drop("metadata")
    if kept:
        draft.body["requestMetadata"] = kept
    tier = draft.take("service_tier")
    if isinstance(tier, str) and tier in _TIERS:
        draft.body["serviceTier"] = {"type": tier}
    elif tier is not None and tier != "auto":
        draft.drop("service_tier")


def _set_guardrail(draft: Draft) -> None:
    """Write `guardrailConfig`; what the provider's configuration sets cannot be replaced by a request."""
    given = {_GUARDRAIL.get(key, key): value for key, value in draft.take_object("guardrailConfig").items()}
    other = {_GUARDRAIL.get(key, key): value for key, value in draft.take_object("guardrail_config").items()}
    own = {key: draft.call.settings[name] for name, key in _GUARDRAIL.items() if name in draft.call.settings}
    guardrail = {**other, **given, **own}
    if not draft.call.stream:
        guardrail.pop("streamProcessingMode", None)
    if guardrail:
        draft.body["guardrailConfig"] = guardrail


def _fits(value: Any) -> bool:
    return isinstance(value, str) and _METADATA.fullmatch(value) is not None


def _block_lists(body: JsonObject) -> list[list[JsonObject]]:
    lists: list[list[JsonObject]] = [body.get("toolConfig", {}).get("tools", []), body.get("system", [])]
    return lists + [message["content"] for message in body["messages"]]

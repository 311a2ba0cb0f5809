"""Builds the body of a generateContent request; URL and headers are the provider's own, for Vertex AI sends the same.

Parameter by parameter as in https://ai.google.dev/api/generate-content (google-genai 3.4.0, read 2026-11-22).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from promptside.errors import JsonObject
from promptside.providers.base import ProviderCall
from promptside.providers.conversation import read_conversation, system_as_user
from promptside.providers.draft import Draft, refuse_text
from promptside.providers.gemini_format.media import with_files
from promptside.providers.gemini_format.models import GeminiModel, gemini_model
from promptside.providers.gemini_format.parts import PartWriter
from promptside.providers.gemini_format.schema import gemini_schema
from promptside.providers.gemini_format.thinking import take_thinking
from promptside.providers.gemini_format.tools import camel_case, set_tools, take_tools
from promptside.providers.tool_use import ToolNames, ToolUse
from promptside.providers.turns import Conversation, Text, Turn, merge

DROPPED: frozenset[str] = frozenset(
    {
        "audio",
        "logit_bias",
        "moderation",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "store",
        "stream_options",
        "user",
        "verbosity",
    }
)

JSON_INSTRUCTION = "Write your answer as a single JSON object, with no code fence and no other text."

_SAMPLING = frozenset({"temperature", "top_p", "top_k", "topP", "topK"})
_PENALTIES = frozenset({"presence_penalty", "frequency_penalty", "presencePenalty", "frequencyPenalty"})
_GENERATION = frozenset(
    {
        "audioTimestamp",
        "audioTranscriptionConfig",
        "candidateCount",
        "enableAffectiveDialog",
        "enableEnhancedCivicAnswers",
        "frequencyPenalty",
        "imageConfig",
        "maxOutputTokens",
        "mediaResolution",
        "modelSelectionConfig",
        "presencePenalty",
        "responseFormat",
        "responseJsonSchema",
        "responseLogprobs",
        "responseMimeType",
        "responseModalities",
        "responseSchema",
        "routingConfig",
        "seed",
        "speechConfig",
        "stopSequences",
        "temperature",
        "topK",
        "topP",
        "translationConfig",
    }
)
"""The members of `generationConfig`; everything else that is passed on stands beside it."""

_TIERS = {"auto": None, "default": "standard", "standard": "standard", "flex": "flex", "priority": "priority"}
_LABEL_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_MOST_LABELS = 64


def tool_names(call: ProviderCall) -> ToolNames:
    """Return the names that Gemini knows the call's tools by."""
    return ToolNames(call, pattern=r"[a-zA-Z_][a-zA-Z0-9_.-]*", limit=64)


def build_generate_body(call: ProviderCall, *, provider: str, cloud: bool = False) -> Draft:
    """Build the body for a chat call. `cloud` is Vertex AI, which takes labels and knows no uploaded files.

    Raises InvalidRequest that names what the model cannot do.
    """
    refuse_text(call, provider)
    draft = Draft(call, provider)
    model = gemini_model(call)
    draft.refuse_output_modalities()
    draft.drop_present(DROPPED)
    use = take_tools(draft, model)
    conversation = _conversation(call, model, provider)
    names = tool_names(call)
    config = _generation_config(draft, model)
    instruction = _set_format(draft, model, use, config)
    conversation = _with_instruction(conversation, model, instruction)
    writer = PartWriter(draft, model, names, uploads=not cloud)
    if conversation.system:
        draft.body["systemInstruction"] = {"parts": writer.texts(conversation.system)}
    draft.body["contents"] = writer.contents(conversation)
    set_tools(draft, use, names)
    _set_accounting(draft, cloud=cloud)
    _set_rest(draft, config)
    return draft


def _conversation(call: ProviderCall, model: GeminiModel, provider: str) -> Conversation:
    conversation = read_conversation(with_files(call.messages or []), provider=provider).map_turns(system_as_user)
    if conversation.system and not model.system:
        return Conversation((), tuple(merge([Turn("user", conversation.system), *conversation.turns])))
    return conversation


def _with_instruction(conversation: Conversation, model: GeminiModel, instruction: str | None) -> Conversation:
    if instruction is None:
        return conversation
    text = Text(instruction)
    if model.system:
        return Conversation((*conversation.system, text), conversation.turns)
    return Conversation((), tuple(merge([Turn("user", (text,)), *conversation.turns])))


def _generation_config(draft: Draft, model: GeminiModel) -> JsonObject:
    given = draft.take_object("generationConfig", "generation_config")
    config: JsonObject = {camel_case(name): value for name, value in given.items()}
    if not model.sampling:
        draft.drop_present(_SAMPLING)
    if not model.penalties:
        draft.drop_present(_PENALTIES)
    count = draft.take("n")
    if count not in (None, 1):
        config["candidateCount"] = count
    limit = draft.take_max_tokens()
    if limit is not None:
        config["maxOutputTokens"] = limit
    stop = draft.take_stop("stop") + draft.take_stop("stop_sequences")
    if stop:
        config["stopSequences"] = stop
    _set_logprobs(draft, config)
    thinking = take_thinking(draft, model)
    if thinking:
        config["thinkingConfig"] = thinking
    return config


def _set_logprobs(draft: Draft, config: JsonObject) -> None:
    wanted, most = draft.take("logprobs"), draft.take("top_logprobs")
    # Google's own pair has the number under this name.
    if type(wanted) is int:
        wanted, most = True, wanted
    if wanted:
        config["responseLogprobs"] = True
        if most is not None:
            config["logprobs"] = most


def _set_format(draft: Draft, model: GeminiModel, use: ToolUse, config: JsonObject) -> str | None:
    """Take `response_format`; return an instruction where the model cannot be held to JSON beside its tools."""
    wanted = draft.take_object("response_format")
    barred = bool(use.tools or use.native) and not model.combines
    match wanted.get("type", "text"):
        case "text":
            return None
        case "json_object":
            if barred:
                return JSON_INSTRUCTION
            config["responseMimeType"] = "application/json"
            return None
        case "json_schema":
            if barred:
                raise draft.unsupported("response_format", "this model cannot combine a JSON schema with tools")
            config["responseMimeType"] = "application/json"
            config["responseJsonSchema"] = _schema(draft, wanted.get("json_schema"))
            return None
    raise draft.invalid("response_format", "must be text, json_object or json_schema")


def _schema(draft: Draft, given: Any) -> JsonObject:
    schema = given.get("schema") if isinstance(given, Mapping) else None
    if not isinstance(schema, Mapping):
        raise draft.invalid("response_format", "must have json_schema.schema")
    return gemini_schema(schema, param="response_format")


def _set_accounting(draft: Draft, *, cloud: bool) -> None:
    tier = draft.take("service_tier", "serviceTier")
    if isinstance(tier, str) and tier in _TIERS:
        if _TIERS[tier] is not None:
            draft.body["serviceTier"] = _TIERS[tier]
    elif tier is not None:
        draft.drop("service_tier")
    metadata = draft.take_object("metadata")
    if metadata and not cloud:
        draft.drop("metadata")
        return
    labels = {key: value for key, value in metadata.items() if _fits(key, value)}
    labels = dict(list(labels.items())[:_MOST_LABELS])
    if labels.keys() != metadata.keys():
        draft.drop("metadata")
    labels |= draft.take_object("labels")
    if labels:
        draft.body["labels"] = labels


def _fits(key: str, value: Any) -> bool:
    return bool(_LABEL_NAME.fullmatch(key)) and isinstance(value, str) and bool(_LABEL_VALUE.fullmatch(value))


def _set_rest(draft: Draft, config: JsonObject) -> None:
    """Pass on what is left under Google's own names, in either of the spellings that Google takes."""
    for name, value in draft.rest().items():
        spelled = camel_case(name)
        (config if spelled in _GENERATION else draft.body).setdefault(spelled, value)
    if config:
        draft.body["generationConfig"] = config

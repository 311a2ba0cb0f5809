"""Reads a whole answer of generateContent, its usage and its reasons for stopping.

https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse (google-genai 3.4.0, read 2026-11-22).
"""

from __future__ import annotations

from typing import Any, cast

from promptside.errors import JsonObject
from promptside.providers.answers import Answer, final_reason, unusable
from promptside.providers.base import ProviderCall
from promptside.providers.gemini_format.errors import stream_error
from promptside.providers.gemini_format.request import tool_names
from promptside.providers.tool_use import ToolNames
from promptside.schema.chat import Completion, Usage

FINISH_REASONS: dict[str, str] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    **dict.fromkeys(
        (
            "SAFETY",
            "RECITATION",
            "LANGUAGE",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION",
            "IMAGE_OTHER",
            "NO_IMAGE",
            "MODEL_ARMOR",
            "ESCALATION",
            "PUP_LIMITED_DISABLED",
            "OTHER",
        ),
        "content_filter",
    ),
}
"""Reasons may be added at any time; an unknown one is `stop`."""

MALFORMED = frozenset(
    {
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MALFORMED_RESPONSE",
        "MISSING_THOUGHT_SIGNATURE",
    }
)
"""The model's output could not be read: an answer only if there is something in it."""

EXTRAS = ("citationMetadata", "groundingMetadata", "urlContextMetadata", "safetyRatings", "finishMessage")
"""What is kept beside a choice under Google's own names."""

_PLAIN = frozenset({"STOP", "MAX_TOKENS"})


def parse_generated(body: JsonObject, call: ProviderCall, *, provider: str) -> Completion:
    """Turn an answer into a completion. Raises ProviderError for an error body, ProviderUnusable for anything else."""
    if isinstance(body.get("error"), dict):
        raise stream_error(provider, body)
    try:
        return _completion(body, call, provider)
    except (KeyError, TypeError, AttributeError, ValueError) as exc:
        raise unusable(provider, "answered without a candidate of a known shape") from exc


def usage_of(metadata: JsonObject) -> Usage:
    """Return the token counts: thoughts are part of the completion, cached tokens are part of the prompt.

    Some models count thoughts among the candidates' tokens; the total tells:
    https://github.com/BerriAI/litellm/pull/10141.
    """
    prompt = _count(metadata, "promptTokenCount") + _count(metadata, "toolUsePromptTokenCount")
    answered, thoughts = _count(metadata, "candidatesTokenCount"), _count(metadata, "thoughtsTokenCount")
    total = _count(metadata, "totalTokenCount")
    completion = answered if total and prompt + answered == total else answered + thoughts
    usage: JsonObject = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": total or prompt + completion,
        "prompt_tokens_details": {"cached_tokens": _count(metadata, "cachedContentTokenCount")},
        "completion_tokens_details": {"reasoning_tokens": thoughts},
    }
    for target, source in (("prompt", "promptTokensDetails"), ("completion", "candidatesTokensDetails")):
        audio = _audio_tokens(metadata.get(source))
        if audio:
            usage[f"{target}_tokens_details"]["audio_tokens"] = audio
    if isinstance(metadata.get("trafficType"), str):
        usage["trafficType"] = metadata["trafficType"]
    # The provider's extras are no keys of the type.
    return cast("Usage", usage)


def blocked(body: JsonObject) -> str | None:
    """Return why the prompt itself was refused, None when it was not."""
    feedback = body.get("promptFeedback")
    reason = feedback.get("blockReason") if isinstance(feedback, dict) else None
    if not isinstance(feedback, dict) or not isinstance(reason, str):
        return None
    message = feedback.get("blockReasonMessage")
    return f"{reason}: {message}" if isinstance(message, str) and message else reason


def tool_call(part: JsonObject, invented_id: str, names: ToolNames) -> tuple[str, str, Any]:
    """Return id, name and arguments of a functionCall part."""
    function = part["functionCall"]
    name, call_id = function["name"], function.get("id")
    if not isinstance(name, str):
        raise TypeError(name)
    call_id = call_id if isinstance(call_id, str) and call_id else invented_id
    return call_id, names.original(name), function.get("args") or {}


def extra_content(signature: object) -> JsonObject:
    """Return the slot for a thought signature, as Google's own OpenAI endpoint has it."""
    return {"google": {"thought_signature": signature}}


def image_part(part: JsonObject) -> JsonObject:
    """Return an image that the model drew as an `image_url` part."""
    data = part["inlineData"]
    return {"type": "image_url", "image_url": {"url": f"data:{data['mimeType']};base64,{data['data']}"}}


def log_probabilities(candidate: JsonObject) -> JsonObject | None:
    """Return OpenAI's `logprobs` of a candidate, None when it has none."""
    result = candidate.get("logprobsResult")
    chosen = result.get("chosenCandidates") if isinstance(result, dict) else None
    if not isinstance(result, dict) or not isinstance(chosen, list):
        return None
    tops = result.get("topCandidates")
    # The two lists belong together position by position; of different lengths they do not.
    aligned: list[Any] = tops if isinstance(tops, list) and len(tops) == len(chosen) else [{}] * len(chosen)
    content: list[JsonObject] = []
    for token, top in zip(chosen, aligned, strict=True):
        content.append({**_token(token), "top_logprobs": [_token(other) for other in top.get("candidates") or []]})
    return {"content": content, "refusal": None}


def choice_extras(candidate: JsonObject) -> JsonObject:
    """Return what is kept beside a choice."""
    return {name: candidate[name] for name in EXTRAS if candidate.get(name)}


def finish_reason(native: str | None, *, has_calls: bool, legacy: bool) -> str:
    """Return OpenAI's reason: STOP after a function call means that the call is to be made."""
    reason = FINISH_REASONS.get(native or "STOP", "stop")
    if reason == "stop" and has_calls:
        reason = "tool_calls"
    return final_reason(reason, legacy=legacy, is_json=False)


def native_reason(native: str | None) -> JsonObject:
    """Return Google's own reason where it says more than OpenAI's."""
    return {} if native is None or native in _PLAIN else {"native_finish_reason": native}


def invented_id(call: ProviderCall, index: int, number: int) -> str:
    """Return an id for call `number` of candidate `index`: older models give none."""
    return f"call_{call.completion_id}_{index}_{number}"


def _completion(body: JsonObject, call: ProviderCall, provider: str) -> Completion:
    names = tool_names(call)
    candidates = body.get("candidates") or []
    choices = [_choice(candidate, position, call, names) for position, candidate in enumerate(candidates)]
    refusal = blocked(body)
    if not choices and refusal is not None:
        message = Answer(refusal=refusal).message(legacy=False)
        choices = [{"index": 0, "message": message, "logprobs": None, "finish_reason": "content_filter"}]
    if not choices or all(_is_unreadable(choice) for choice in choices):
        found = choices[0]["native_finish_reason"] if choices else "no candidates"
        raise unusable(provider, f"gave an empty answer ({found})")
    completion: Completion = {
        "id": _text(body.get("responseId")) or f"chatcmpl-{call.completion_id}",
        "object": "chat.completion",
        "created": call.created,
        "model": _text(body.get("modelVersion")) or call.model,
        "choices": choices,
    }
    metadata = body.get("usageMetadata")
    if isinstance(metadata, dict):
        completion["usage"] = usage_of(metadata)
    return completion


def _choice(candidate: JsonObject, position: int, call: ProviderCall, names: ToolNames) -> JsonObject:
    index = candidate.get("index")
    index = index if type(index) is int else position
    answer, added = Answer(), JsonObject()
    content = candidate.get("content") or {}
    for part in content.get("parts") or []:
        _read_part(part, answer, added, names=names, made_up=invented_id(call, index, len(answer.tool_calls)))
    native = _text(candidate.get("finishReason"))
    legacy = call.wants_function_call
    reason = finish_reason(native, has_calls=bool(answer.tool_calls), legacy=legacy)
    if reason == "content_filter" and not answer.texts and not answer.tool_calls and not added:
        answer.refusal = _text(candidate.get("finishMessage")) or native
    return {
        "index": index,
        "message": {**answer.message(legacy=legacy), **added},
        "logprobs": log_probabilities(candidate),
        "finish_reason": reason,
        **native_reason(native),
        **choice_extras(candidate),
    }


def _read_part(part: JsonObject, answer: Answer, added: JsonObject, *, names: ToolNames, made_up: str) -> None:
    signature = part.get("thoughtSignature")
    if "functionCall" in part:
        answer.call_tool(*tool_call(part, made_up, names))
        if signature:
            answer.tool_calls[-1]["extra_content"] = extra_content(signature)
    elif part.get("thought"):
        if part.get("text"):
            answer.reasoning.append(part["text"])
    elif "text" in part:
        if part["text"]:
            answer.texts.append(part["text"])
        if signature:
            added["extra_content"] = extra_content(signature)
    elif "inlineData" in part:
        added.setdefault("images", []).append(image_part(part))


def _is_unreadable(choice: JsonObject) -> bool:
    message = choice["message"]
    empty = not message["content"] and not message.get("tool_calls") and not message.get("function_call")
    return empty and choice.get("native_finish_reason") in MALFORMED


def _token(token: JsonObject) -> JsonObject:
    text = token.get("token") or ""
    return {"token": text, "logprob": float(token.get("logProbability") or 0.0), "bytes": list(text.encode())}


def _audio_tokens(details: Any) -> int:
    entries = details if isinstance(details, list) else []
    return sum(
        _count(entry, "tokenCount") for entry in entries if isinstance(entry, dict) and entry.get("modality") == "AUDIO"
    )


def _count(metadata: JsonObject, name: str) -> int:
    value = metadata.get(name)
    return value if type(value) is int else 0


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None

"""Reads a whole answer of Converse, its usage and its errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

from promptside.errors import JsonObject, ProviderError
from promptside.providers.answers import Answer, completion, unusable
from promptside.providers.base import ProviderCall
from promptside.providers.bedrock_format.request import PROVIDER_NAME, json_tool_schema, tool_names
from promptside.providers.error_bodies import ErrorDetails, read_details, says_any, to_error
from promptside.providers.tool_use import ToolNames
from promptside.schema.chat import Completion, Usage

FINISH_REASONS: dict[str, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}

MALFORMED = frozenset({"malformed_model_output", "malformed_tool_use"})
"""Reasons for an answer that the service could not read: `stop` with what there is, an error with nothing."""

_EXTRAS = ("trace", "additionalModelResponseFields", "performanceConfig")


@dataclass(frozen=True, slots=True)
class _Meaning:
    status: int
    code: str | None = None


_EXCEPTIONS: dict[str, _Meaning] = {
    "validationexception": _Meaning(400),
    "accessdeniedexception": _Meaning(403),
    "resourcenotfoundexception": _Meaning(404),
    "conflictexception": _Meaning(409),
    "modeltimeoutexception": _Meaning(504),
    "modelerrorexception": _Meaning(502),
    "modelstreamerrorexception": _Meaning(502),
    "throttlingexception": _Meaning(429),
    "toomanyrequestsexception": _Meaning(429),
    "servicequotaexceededexception": _Meaning(429),
    "modelnotreadyexception": _Meaning(503, "model_not_ready"),
    "serviceunavailableexception": _Meaning(503),
    "internalserverexception": _Meaning(500),
    "internalfailure": _Meaning(500),
    "unrecognizedclientexception": _Meaning(401),
    "invalidsignatureexception": _Meaning(401),
    "signaturedoesnotmatch": _Meaning(401),
    "incompletesignatureexception": _Meaning(401),
    "incompletesignature": _Meaning(401),
    "missingauthenticationtokenexception": _Meaning(401),
    "missingauthenticationtoken": _Meaning(401),
    "expiredtokenexception": _Meaning(401),
    "expiredtoken": _Meaning(401),
    "invalidclienttokenid": _Meaning(401),
}
"""What an exception means, by its name in lower case: streams and whole answers write it differently."""

_TOO_LONG = (
    "input is too long",
    "prompt is too long",
    "maximum context",
    "too many input tokens",
    "context window",
)


def parse_converse(body: JsonObject, call: ProviderCall) -> Completion:
    """Turn an answer into a completion. Raises ProviderUnusable for anything that is none."""
    try:
        return _completion(body, call)
    except (KeyError, TypeError, AttributeError) as exc:
        raise unusable(PROVIDER_NAME, "answered without a message of a known shape") from exc


def usage_of(usage: JsonObject, *, input_includes_cache: bool = False) -> Usage:
    """Return the token counts. `inputTokens` leave out what came from or went to the cache.

    Streams of `openai.*` models count those in both (https://github.com/maximhq/bifrost/pull/6942):
    `input_includes_cache` says that the call is one of them. The total is our own sum for the same reason.
    """
    read = usage.get("cacheReadInputTokens") or 0
    written = usage.get("cacheWriteInputTokens") or 0
    prompt = usage.get("inputTokens") or 0
    if not (input_includes_cache and prompt >= read + written > 0):
        prompt += read + written
    answered = usage.get("outputTokens") or 0
    counted: JsonObject = {
        "prompt_tokens": prompt,
        "completion_tokens": answered,
        "total_tokens": prompt + answered,
        "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
    }
    return cast("Usage", counted)


def thinking_block(content: JsonObject) -> JsonObject | None:
    """Return a `reasoningContent` block in the form that `thinking_blocks` keep it, None without a signature."""
    if content.get("redactedContent"):
        return {"type": "redacted_thinking", "data": content["redactedContent"]}
    text = content.get("reasoningText")
    if not isinstance(text, dict) or not text.get("signature"):
        return None
    return {"type": "thinking", "thinking": text.get("text") or "", "signature": text["signature"]}


def parse_converse_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Return the error for an answer with a status of 400 or more: `{"message": ...}` and `x-amzn-errortype`."""
    kind = headers.get("x-amzn-errortype") or _type_of_body(body)
    return exception_error(kind, status, read_details(body), headers=headers)


def exception_error(
    kind: str | None, status: int, details: ErrorDetails, *, headers: Mapping[str, str] | None = None
) -> ProviderError:
    """Return the error for an exception by its name, such as `ThrottlingException:http://internal/`."""
    name = (kind or "").partition(":")[0].rpartition("#")[2]
    meaning = _EXCEPTIONS.get(name.lower(), _Meaning(status))
    code = meaning.code
    if meaning.status == 400 and says_any(details.message, _TOO_LONG):
        code = "context_length_exceeded"
    extra = {"native_type": name} if name else {}
    return to_error(PROVIDER_NAME, meaning.status, replace(details, code=code, extra=extra), headers=headers)


def _completion(body: JsonObject, call: ProviderCall) -> Completion:
    answer = Answer(json_schema=json_tool_schema(call))
    names = tool_names(call)
    for block in body["output"]["message"]["content"]:
        _read_block(block, answer, names)
    reason = body.get("stopReason")
    if reason in MALFORMED and not answer.texts and not answer.tool_calls:
        raise unusable(PROVIDER_NAME, f"could not read the model's own output ({reason})")
    usage = body.get("usage")
    result = completion(
        call,
        answer,
        finish_reason=FINISH_REASONS.get(str(reason), "stop"),
        usage=usage_of(usage) if isinstance(usage, dict) else None,
    )
    result.update({name: body[name] for name in _EXTRAS if body.get(name)})
    return result


def _read_block(block: JsonObject, answer: Answer, names: ToolNames) -> None:
    if "text" in block:
        answer.texts.append(block["text"])
    elif "reasoningContent" in block:
        _read_reasoning(block["reasoningContent"], answer)
    elif "toolUse" in block:
        call = block["toolUse"]
        # The service has run its own tools already.
        if call.get("type") != "server_tool_use":
            answer.call_tool(call["toolUseId"], names.original(call["name"]), call.get("input") or {})
    elif "citationsContent" in block:
        cited = block["citationsContent"]
        answer.texts += [piece["text"] for piece in cited.get("content") or [] if "text" in piece]
        answer.citations += cited.get("citations") or []


def _read_reasoning(content: JsonObject, answer: Answer) -> None:
    text = content.get("reasoningText")
    if text and text.get("text"):
        answer.reasoning.append(text["text"])
    kept = thinking_block(content)
    if kept is not None:
        answer.thinking_blocks.append(kept)


def _type_of_body(body: bytes) -> str | None:
    # Some of the service's front ends name the exception in the body only.
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    name = value.get("__type") if isinstance(value, dict) else None
    return name if isinstance(name, str) else None

"""Validates what we build and what we answer with the types of the vendors' own SDKs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from openai.types import Completion
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming as ChatParams,
)
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsStreaming as ChatStreamParams,
)
from openai.types.completion_create_params import (
    CompletionCreateParamsNonStreaming as TextParams,
)
from openai.types.completion_create_params import (
    CompletionCreateParamsStreaming as TextStreamParams,
)
from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming as ResponsesParams,
)
from openai.types.responses.response_create_params import (
    ResponseCreateParamsStreaming as ResponsesStreamParams,
)
from pydantic import BaseModel, TypeAdapter

from promptside.providers.base import ProviderCall, ProviderRequest
from tests.family_wire_types import check_groq_request, check_mistral_request, check_together_request
from tests.google_wire_types import check_gemini_request
from tests.native_wire_types import check_anthropic_request, check_bedrock_request
from tests.perplexity_wire_types import check_agent_request

Json = dict[str, Any]


def check_answer(answer: Json, call: ProviderCall) -> None:
    """Validate a normalised completion strictly with openai's types."""
    _strict(ChatCompletion if call.kind == "chat" else Completion, answer)


def check_chunk(chunk: Json, call: ProviderCall) -> None:
    """Validate a normalised chunk strictly with openai's types; text chunks have the type of text completions."""
    _strict(ChatCompletionChunk if call.kind == "chat" else Completion, _with_text_finish(chunk, call))


def check_request(provider: str, request: ProviderRequest, body: Json) -> None:
    """Validate a request body with the vendor's own parameter types, if it has any."""
    validator = VALIDATORS.get(provider)
    if validator is not None:
        validator(request, body)


def _strict(model: type[BaseModel], value: Json) -> None:
    # Extras of a provider stay where they stood, and Groq's tiers are not in OpenAI's list.
    model.model_validate({key: item for key, item in value.items() if key != "service_tier"}, strict=True)


def _with_text_finish(chunk: Json, call: ProviderCall) -> Json:
    # openai's type of a text completion has no null finish reason, although its stream sends one until the end.
    if call.kind == "chat":
        return chunk
    choices = [{**choice, "finish_reason": choice["finish_reason"] or "stop"} for choice in chunk["choices"]]
    return {**chunk, "choices": choices}


def _openai(request: ProviderRequest, body: Json) -> None:
    path = request.url.partition("?")[0]
    streamed = body.get("stream") is True
    if path.endswith("/responses"):
        kind: Any = ResponsesStreamParams if streamed else ResponsesParams
    elif path.endswith("/chat/completions"):
        kind = ChatStreamParams if streamed else ChatParams
    else:
        kind = TextStreamParams if streamed else TextParams
    _typed(kind, body)


def _vertex(request: ProviderRequest, body: Json) -> None:
    if "enerateContent" in request.url:
        check_gemini_request(request, body)
    elif request.url.endswith("/chat/completions"):
        _openai(request, body)


def _perplexity(request: ProviderRequest, body: Json) -> None:
    if request.url.endswith("/chat/completions"):
        _openai(request, body)
    else:
        check_agent_request(request, body)


def _typed(kind: Any, body: Json) -> None:
    _drain(_adapter(kind).validate_python(body))


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    # Kept alive by the cache: values that are still being validated refer to it.
    return TypeAdapter(kind)


def _drain(value: Any) -> None:
    """Read everything: the SDK names Iterable for lists, whose items pydantic checks only while they are read."""
    if isinstance(value, dict):
        value = value.values()
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for item in value:
            _drain(item)


VALIDATORS: dict[str, Callable[[ProviderRequest, Json], None]] = {
    "anthropic": check_anthropic_request,
    "azure-openai": _openai,
    "bedrock": check_bedrock_request,
    "custom": _openai,
    "google": check_gemini_request,
    "groq": check_groq_request,
    "mistral-ai": check_mistral_request,
    "openai": _openai,
    "perplexity-ai": _perplexity,
    "together-ai": check_together_request,
    "vertex-ai": _vertex,
}
"""How to validate a request, by provider; a provider without types of its own is not listed."""

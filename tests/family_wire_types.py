"""Validates the wires of Groq, Mistral and Together with the types of their own SDKs.

A request has to come back from the validation unchanged: what a type does not know is lost on the way.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from groq.types.chat import ChatCompletion as GroqCompletion
from groq.types.chat import ChatCompletionChunk as GroqChunk
from groq.types.chat.completion_create_params import CompletionCreateParams as GroqParams
from mistralai.client.models import (
    ChatCompletionRequest as MistralRequest,
)
from mistralai.client.models import (
    ChatCompletionResponse as MistralCompletion,
)
from mistralai.client.models import (
    ChatCompletionStreamRequest as MistralStreamRequest,
)
from mistralai.client.models import (
    CompletionChunk as MistralChunk,
)
from pydantic import BaseModel, TypeAdapter
from together.types import Completion as TogetherText
from together.types import CompletionChunk as TogetherTextChunk
from together.types.chat import ChatCompletion as TogetherCompletion
from together.types.chat import ChatCompletionChunk as TogetherChunk
from together.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming as TogetherParams,
)
from together.types.chat.completion_create_params import (
    CompletionCreateParamsStreaming as TogetherStreamParams,
)
from together.types.completion_create_params import (
    CompletionCreateParamsNonStreaming as TogetherTextParams,
)
from together.types.completion_create_params import (
    CompletionCreateParamsStreaming as TogetherTextStreamParams,
)

from promptside.providers.base import ProviderRequest

Json = dict[str, Any]

# Kept alive here: values that are still being validated refer to their adapter.
_GROQ: TypeAdapter[Any] = TypeAdapter(GroqParams)
_TOGETHER: dict[tuple[bool, bool], TypeAdapter[Any]] = {
    (True, False): TypeAdapter(TogetherParams),
    (True, True): TypeAdapter(TogetherStreamParams),
    (False, False): TypeAdapter(TogetherTextParams),
    (False, True): TypeAdapter(TogetherTextStreamParams),
}

WHOLE: dict[str, type[BaseModel]] = {
    "groq": GroqCompletion,
    "mistral-ai": MistralCompletion,
    "together-ai": TogetherCompletion,
}
"""What a whole chat answer is, by provider."""

CHUNK: dict[str, type[BaseModel]] = {"groq": GroqChunk, "mistral-ai": MistralChunk, "together-ai": TogetherChunk}
"""What a chunk of a chat stream is, by provider."""

TEXT: dict[str, type[BaseModel]] = {"together-ai": TogetherText}
TEXT_CHUNK: dict[str, type[BaseModel]] = {"together-ai": TogetherTextChunk}


def check_groq_request(_: ProviderRequest, body: Json) -> None:
    """Validate a chat body; the types know `stream_options` only from the answers' side."""
    known = {name: value for name, value in body.items() if name != "stream_options"}
    assert _plain(_GROQ.validate_python(known)) == known


def check_mistral_request(_: ProviderRequest, body: Json) -> None:
    """Validate a chat body."""
    kind: type[BaseModel] = MistralStreamRequest if body.get("stream") else MistralRequest
    assert kind.model_validate(body).model_dump(mode="json", by_alias=True, exclude_unset=True) == body


def check_together_request(request: ProviderRequest, body: Json) -> None:
    """Validate a chat or text body, without what the API takes in OpenAI's form and the types do not know."""
    known = copy.deepcopy({name: value for name, value in body.items() if name != "stream_options"})
    for message in known.get("messages", []):
        for number, call in enumerate(message.get("tool_calls", [])):
            call["index"] = number
    if isinstance(known.get("tool_choice"), dict):
        del known["tool_choice"]
    adapter = _TOGETHER["messages" in body, body.get("stream") is True]
    assert _plain(adapter.validate_python(known)) == known
    assert request.url.endswith("/chat/completions") == ("messages" in body)


def _plain(value: Any) -> Any:
    """Read everything: the SDKs name Iterable for lists, whose items pydantic checks only while they are read."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [_plain(item) for item in value]
    return value

"""Validates Gemini's wire with the types of the vendor's SDK, which know no other keys than its own."""

from __future__ import annotations

import json
from typing import Any

from google.genai import types
from pydantic import BaseModel

from promptside.providers.base import ProviderRequest

Json = dict[str, Any]

_PARTS: dict[str, type[BaseModel]] = {
    "contents": types.Content,
    "generationConfig": types.GenerationConfig,
    "safetySettings": types.SafetySetting,
    "systemInstruction": types.Content,
    "toolConfig": types.ToolConfig,
    "tools": types.Tool,
}
_PLAIN: dict[str, type] = {"cachedContent": str, "labels": dict, "serviceTier": str}


def check_gemini_request(request: ProviderRequest, body: Json) -> None:
    """Validate a generateContent body; nothing may get lost in the SDK's own form of it."""
    assert ":generateContent" in request.url or ":streamGenerateContent?alt=sse" in request.url
    for name, value in body.items():
        if name in _PLAIN:
            assert isinstance(value, _PLAIN[name])
            continue
        for item in value if isinstance(value, list) else [value]:
            _same(_PARTS[name], item)
    assert {content["role"] for content in body["contents"]} <= {"user", "model"}
    assert all(content["parts"] for content in body["contents"])


def check_gemini_answer(body: Json) -> None:
    """Validate a whole answer, or one event of a stream."""
    _parsed(types.GenerateContentResponse, body)


def _same(model: type[BaseModel], value: Json) -> None:
    parsed = _parsed(model, value)
    written = json.loads(_one_alphabet(parsed.model_dump_json(by_alias=True, exclude_none=True)))
    assert written == json.loads(_one_alphabet(json.dumps(value))), "the SDK reads something else"


def _one_alphabet(text: str) -> str:
    """Return the text with bytes as the SDK writes them, in the URL-safe one of base64's two alphabets."""
    return text.replace("+", "-").replace("/", "_")


def _parsed(model: type[BaseModel], value: Json) -> BaseModel:
    # From JSON, for only there bytes are base64.
    return model.model_validate_json(json.dumps(value))

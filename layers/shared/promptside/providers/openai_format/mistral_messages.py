"""Writes messages and tools the way Mistral's API demands them; it answers 422 to any key it does not know."""

from __future__ import annotations

import hashlib
import re
import string

from promptside.errors import InvalidRequest, JsonObject
from promptside.providers.json_schema import without_references
from promptside.providers.openai_format.parts import without_markers

_ID = re.compile(r"[a-zA-Z0-9]{9}")
_ALPHABET = string.digits + string.ascii_letters


def nine_characters(call_id: str) -> str:
    """Return a legal tool call id, the same one for the same foreign id, so that a call and its result still match.

    https://github.com/anomalyco/opencode/issues/1680: all but nine letters and digits is error 3280.
    """
    if _ID.fullmatch(call_id):
        return call_id
    number = int.from_bytes(hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).digest()[:8], "big")
    digits = [_ALPHABET[number // len(_ALPHABET) ** place % len(_ALPHABET)] for place in range(9)]
    return "".join(digits)


def mistral_part(part: JsonObject) -> JsonObject:
    """Return a content part in Mistral's form. Raises InvalidRequest for a file that is neither an id nor a data URI.

    OpenAI nests what Mistral keeps beside `type`: `{"type": "file", "file": {"file_id": "f"}}` becomes
    `{"type": "file", "file_id": "f"}`, the data of a file becomes a `document_url`.
    """
    bare = without_markers(part)
    nested = bare.get(str(bare.get("type")))
    match bare.get("type"), nested:
        case "file", {"file_id": str(file_id)}:
            return {"type": "file", "file_id": file_id}
        case "file", {"file_data": str(data), **rest} if data.startswith("data:"):
            name = rest.get("filename")
            named = {"document_name": name} if isinstance(name, str) else {}
            return {"type": "document_url", "document_url": data, **named}
        case "file", dict():
            raise InvalidRequest(
                "mistral-ai takes a file by its file_id, or as a data: URI in file_data",
                param="messages",
                code="unsupported_content",
            )
        case "input_audio", {"data": str(data)}:
            return {"type": "input_audio", "input_audio": data}
        case "refusal", str(text):
            return {"type": "text", "text": text}
    return bare


def mistral_schema(schema: JsonObject) -> JsonObject:
    """Return a tool's schema without references and identifiers, neither of which the API resolves."""
    resolved = without_references(schema, param="tools")
    return {name: value for name, value in resolved.items() if name not in {"$schema", "$id"}}

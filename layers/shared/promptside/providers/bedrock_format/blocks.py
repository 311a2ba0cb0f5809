"""Turns as content blocks of the Converse API, in its REST form: bytes are base64 once.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, as in the botocore 1.44.5 service
model (read 2026-11-22).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from promptside.errors import JsonObject
from promptside.providers.anthropic_format.blocks import MAX_CACHE_MARKERS
from promptside.providers.bedrock_format.models import BedrockModel
from promptside.providers.draft import Draft
from promptside.providers.media import Media
from promptside.providers.message_parts import json_object_text, unsupported_content
from promptside.providers.tool_use import ToolNames
from promptside.providers.turns import (
    Content,
    Conversation,
    Document,
    Image,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)

DOCUMENT_FORMATS: dict[str, str] = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}

_IMAGE_FORMATS = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "gif": "gif", "webp": "webp"}
_TOOL_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_S3_URI = re.compile(r"s3://[a-z0-9][.\-a-z0-9]{1,61}[a-z0-9](/.*)?", re.DOTALL)


class BlockWriter:
    """Writes the blocks of one conversation."""

    def __init__(self, draft: Draft, model: BedrockModel, names: ToolNames) -> None:
        self._draft = draft
        self._model = model
        self._names = names
        self._document_names: set[str] = set()

    def messages(self, conversation: Conversation) -> list[JsonObject]:
        """Return the `messages` of the request."""
        messages = []
        for turn in conversation.turns:
            _check_documents(turn)
            blocks = [block for part in _with_texts_folded(turn, self._model) for block in self.blocks(part)]
            messages.append({"role": turn.role, "content": blocks})
        return messages

    def blocks(self, part: Part) -> list[JsonObject]:
        """Return the block of a part, and the cache point that its marker asks for."""
        match part:
            case Text():
                block: JsonObject = {"text": part.text}
            case Image():
                block = {"image": self._image(part)}
            case Document():
                block = {"document": self._document(part)}
            case ToolCall():
                name = self._names.wire(part.name)
                block = {"toolUse": {"toolUseId": tool_id(part.id), "name": name, "input": part.arguments}}
            case ToolResult():
                block = {"toolResult": self._result(part)}
            case Thinking():
                return _thinking(part, self._model)
        return [block, *self.cache_point(part.cache_control)]

    def cache_point(self, marker: JsonObject | None, *, tools: bool = False) -> list[JsonObject]:
        """Return the cache point for a marker: a block of its own, after the one that is marked."""
        if marker is None:
            return []
        family = self._model.family
        if not (family.cache_tools if tools else family.cache):
            self._draft.drop("cache_control")
            return []
        point: JsonObject = {"type": "default"}
        if marker.get("ttl") in ("5m", "1h") and self._model.cache_ttl:
            point["ttl"] = marker["ttl"]
        return [{"cachePoint": point}]

    def _result(self, result: ToolResult) -> JsonObject:
        written: JsonObject = {
            "toolUseId": tool_id(result.call_id),
            "content": [self._result_content(part) for part in result.content],
        }
        if self._model.family.result_status:
            written["status"] = "error" if result.is_error else "success"
        return written

    def _result_content(self, part: Content) -> JsonObject:
        if isinstance(part, Text):
            value = json_object_text(part.text)
            return {"text": part.text} if value is None else {"json": value}
        return self.blocks(part)[0]

    def _image(self, image: Image) -> JsonObject:
        if image.detail is not None:
            self._draft.drop("detail")
        if image.media is not None:
            return {"format": image.media.media_type.removeprefix("image/"), "source": {"bytes": image.media.data}}
        location = self._location(image.url, image.where)
        extension = PurePosixPath(image.url or "").suffix.lower().lstrip(".")
        if extension not in _IMAGE_FORMATS:
            raise unsupported_content(image.where, "the name of an image in S3 must end in .png, .jpg, .gif or .webp")
        return {"format": _IMAGE_FORMATS[extension], "source": location}

    def _document(self, document: Document) -> JsonObject:
        if document.file_id is not None:
            raise unsupported_content(document.where, "bedrock has no uploaded files; send file_data")
        source = {"bytes": document.media.data} if document.media else self._location(document.url, document.where)
        return {
            "format": _document_format(document.media, document.name or document.url or "", document.where),
            "name": self._document_name(document.name),
            "source": source,
        }

    def _location(self, url: str | None, where: str) -> JsonObject:
        if url is None or not _S3_URI.fullmatch(url):
            raise unsupported_content(where, "bedrock reads data URIs and s3:// addresses only")
        return {"s3Location": {"uri": url}}

    def _document_name(self, name: str | None) -> str:
        """Return a name of letters, digits, single spaces and `-()[]`, different from the request's other ones."""
        stem = PurePosixPath(name or "document").stem
        clean = " ".join(re.sub(r"[^a-zA-Z0-9\-()\[\] ]+", " ", stem).split())[:190].strip() or "document"
        unique, number = clean, 1
        while unique in self._document_names:
            number += 1
            unique = f"{clean} {number}"
        self._document_names.add(unique)
        return unique


def tool_id(call_id: str) -> str:
    """Return an id that Bedrock allows; the same call and result get the same one."""
    if _TOOL_ID.fullmatch(call_id):
        return call_id
    return f"call_{hashlib.sha256(call_id.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def limit_cache_points(draft: Draft, lists: Iterable[list[JsonObject]]) -> None:
    """Keep the last four cache points; a later one covers what stands before it."""
    found = [(blocks, block) for blocks in lists for block in blocks if "cachePoint" in block]
    for blocks, block in found[: max(len(found) - MAX_CACHE_MARKERS, 0)]:
        blocks[:] = [kept for kept in blocks if kept is not block]
        draft.drop("cache_control")


def _with_texts_folded(turn: Turn, model: BedrockModel) -> Iterable[Part]:
    """Keep a user's text out of the turn that answers tools, where a family refuses it: the last result takes it.

    https://github.com/BerriAI/litellm/issues/6053.
    """
    if model.family.text_beside_results or not turn.has(ToolResult):
        return turn.parts
    results = [part for part in turn.parts if isinstance(part, ToolResult)]
    others = tuple(part for part in turn.parts if isinstance(part, Text | Image | Document))
    last = results[-1]
    results[-1] = ToolResult(
        last.call_id, last.name, last.content + others, is_error=last.is_error, cache_control=last.cache_control
    )
    return results


def _check_documents(turn: Turn) -> None:
    """Raise InvalidRequest for what Bedrock answers with an unclear message: a file without any text beside it."""
    documents = [part for part in turn.parts if isinstance(part, Document)]
    if documents and turn.role != "user":
        raise unsupported_content(documents[0].where, "bedrock takes files in user messages only")
    if documents and not turn.has(Text):
        raise unsupported_content(documents[0].where, "bedrock wants a text part beside a file; add one to the message")


def _document_format(media: Media | None, name: str, where: str) -> str:
    if media is not None and media.media_type in DOCUMENT_FORMATS and media.media_type != "text/plain":
        return DOCUMENT_FORMATS[media.media_type]
    extension = PurePosixPath(name).suffix.lower().lstrip(".")
    if extension in DOCUMENT_FORMATS.values():
        return extension
    if media is not None and media.media_type.startswith("text/"):
        return "txt"
    formats = ", ".join(DOCUMENT_FORMATS.values())
    raise unsupported_content(where, f"bedrock takes files of these formats: {formats}")


def _thinking(part: Thinking, model: BedrockModel) -> list[JsonObject]:
    if model.claude is None and model.family.name != "unknown":
        return []
    block = part.block
    if block["type"] == "redacted_thinking":
        return [{"reasoningContent": {"redactedContent": block["data"]}}]
    text = {"text": block.get("thinking") or "", "signature": block["signature"]}
    return [{"reasoningContent": {"reasoningText": text}}]

"""Media for Gemini: bytes in line, addresses with their type, and the parts that OpenAI has no file for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from promptside.errors import JsonObject
from promptside.providers.message_parts import unsupported_content
from promptside.providers.turns import Document, Image
from promptside.schema.chat import Message

TYPES: Mapping[str, str] = {
    ".pdf": "application/pdf",
    ".txt": "text/plain",
    ".md": "text/markdown",
    ".html": "text/html",
    ".css": "text/css",
    ".csv": "text/csv",
    ".xml": "text/xml",
    ".json": "application/json",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".mp3": "audio/mp3",
    ".wav": "audio/wav",
    ".aac": "audio/aac",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".m4a": "audio/m4a",
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".mpeg": "video/mpeg",
    ".avi": "video/avi",
    ".webm": "video/webm",
    ".wmv": "video/wmv",
    ".3gp": "video/3gpp",
}
"""What Google reads, by the ending of a name; an address needs its type said."""

MAKER = "google"
"""Marks a thinking block that holds a thought signature of Gemini's: those of other providers would be a 400."""

UPLOADS = "https://generativelanguage.googleapis.com/v1beta/files/"

_RESOLUTIONS = {"low": "MEDIA_RESOLUTION_LOW", "medium": "MEDIA_RESOLUTION_MEDIUM", "high": "MEDIA_RESOLUTION_HIGH"}
_UPLOAD = re.compile(r"(?:files/)?([a-z0-9-]{1,40})")
_VIDEO_HOSTS = frozenset({"www.youtube.com", "youtube.com", "youtu.be"})


def media_part(media: Image | Document, *, detail: bool, uploads: bool) -> JsonObject:
    """Return the part of an image or file. `uploads` says whether ids of uploaded files mean anything here.

    Raises InvalidRequest for an address that Google cannot read.
    """
    if media.media is not None:
        part: JsonObject = {"inlineData": {"mimeType": media.media.media_type, "data": media.media.data}}
    elif isinstance(media, Document) and media.file_id is not None:
        part = {"fileData": _uploaded(media, media.file_id, uploads=uploads)}
    else:
        name = media.name if isinstance(media, Document) else None
        part = {"fileData": _address(media.url or "", name, media.where)}
    if detail and isinstance(media, Image) and media.detail in _RESOLUTIONS:
        part["mediaResolution"] = {"level": _RESOLUTIONS[media.detail]}
    return part


def with_files(messages: Iterable[Message]) -> list[Message]:
    """Return the messages with audio and video parts as files, and thought signatures as thinking blocks."""
    return [_message(message) if isinstance(message, Mapping) else message for message in messages]


def signature_of(holder: Mapping[str, Any]) -> str | None:
    """Return the thought signature in `extra_content.google`, where Google's own OpenAI endpoint has it."""
    match holder.get("extra_content"):
        case {"google": {"thought_signature": str(signature)}} if signature:
            return signature
    return None


def _message(message: Message) -> Message:
    content = message.get("content")
    if isinstance(content, list):
        message = {**message, "content": [_part(part) if isinstance(part, Mapping) else part for part in content]}
    signature = signature_of(message)
    # Blocks of another provider are of no use here.
    kept: JsonObject = {name: value for name, value in message.items() if name != "thinking_blocks"}
    if signature is not None and message.get("role") == "assistant":
        kept["thinking_blocks"] = [{"type": "thinking", "thinking": "", "signature": signature, "maker": MAKER}]
    return kept


def _part(part: Mapping[str, Any]) -> Mapping[str, Any]:
    match part:
        case {"type": "input_audio", "input_audio": {"data": str(data), "format": str(kind)}}:
            return {"type": "file", "file": {"file_data": f"data:audio/{kind};base64,{data}"}}
        case {"type": "video_url", "video_url": str(url) | {"url": str(url)}}:
            return {"type": "file", "file": {"file_data": url}}
        case _:
            return part


def _uploaded(document: Document, file_id: str, *, uploads: bool) -> JsonObject:
    if "://" in file_id:
        return _address(file_id, document.name, document.where)
    found = _UPLOAD.fullmatch(file_id)
    if not uploads or found is None:
        raise unsupported_content(document.where, "the id of an uploaded file means nothing here; send file_data")
    return {"fileUri": f"{UPLOADS}{found[1]}", **_type_of(document.name or "")}


def _address(url: str, name: str | None, where: str) -> JsonObject:
    try:
        parts = urlsplit(url)
    except ValueError as exc:
        raise unsupported_content(where, "the address cannot be read") from exc
    if parts.scheme not in ("https", "gs") or not parts.netloc:
        raise unsupported_content(where, "Google reads data URIs, https:// and gs:// addresses only")
    if parts.netloc in _VIDEO_HOSTS:
        return {"fileUri": url, "mimeType": "video/mp4"}
    return {"fileUri": url, **(_type_of(name or "") or _type_of(parts.path))}


def _type_of(name: str) -> JsonObject:
    media_type = TYPES.get(PurePosixPath(name).suffix.lower())
    return {} if media_type is None else {"mimeType": media_type}

"""Reads data URIs: the media type comes from the bytes where they tell it, for the label is often wrong.

Mislabelled images are common in practice (https://github.com/boto/boto3/issues/4415), and providers refuse them.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from promptside.errors import InvalidRequest

IMAGE_TYPES: frozenset[str] = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})

_ALIASES = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-png": "image/png"}
_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)


@dataclass(frozen=True, slots=True)
class Media:
    """Bytes with their type; `data` is standard base64 without line breaks."""

    media_type: str
    data: str = field(repr=False)

    def decode(self) -> bytes:
        """Return the bytes."""
        return base64.b64decode(self.data)


def parse_data_uri(uri: str, *, where: str) -> Media:
    """Read `data:image/png;base64,iVBOR...`; `where` names the field in the error.

    Parameters of the media type are ignored and its letter case does not matter. Raises InvalidRequest for anything
    that is not a data URI with bytes in it.
    """
    header, comma, payload = uri[len("data:") :].partition(",")
    if not uri[:5].lower() == "data:" or not comma:
        raise _malformed(where)
    label, *parameters = (piece.strip().lower() for piece in header.split(";"))
    data = _standard(payload) if "base64" in parameters else base64.b64encode(unquote_to_bytes(payload)).decode()
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise _malformed(where) from exc
    if not content:
        raise _malformed(where)
    return Media(_media_type(content) or _ALIASES.get(label, label) or "text/plain", data)


def parse_image(uri: str, *, where: str) -> Media:
    """Read a data URI that must hold a PNG, JPEG, GIF or WebP image. Raises InvalidRequest otherwise."""
    media = parse_data_uri(uri, where=where)
    head = base64.b64decode(media.data[:32])
    if media.media_type not in IMAGE_TYPES or _media_type(head) not in IMAGE_TYPES:
        raise InvalidRequest(
            f"{where} is not a PNG, JPEG, GIF or WebP image: send one of these", param=where, code="unsupported_image"
        )
    return media


def _standard(payload: str) -> str:
    """Return base64 in its standard alphabet, padded and without line breaks."""
    if "%" in payload:
        payload = unquote_to_bytes(payload).decode("ascii", "replace")
    compact = "".join(payload.split()).rstrip("=").replace("-", "+").replace("_", "/")
    return compact + "=" * (-len(compact) % 4)


def _media_type(content: bytes) -> str | None:
    for signature, media_type in _SIGNATURES:
        if content.startswith(signature):
            return media_type
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return None


def _malformed(where: str) -> InvalidRequest:
    return InvalidRequest(
        f"{where} is not a usable data URI: send data:<media type>;base64,<data>", param=where, code="invalid_data_uri"
    )

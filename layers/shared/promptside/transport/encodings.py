"""Undoes the content encoding of a whole body, although we ask for none, and never inflates a bomb."""

from __future__ import annotations

import zlib

from promptside.errors import ProviderUnusable

# zlib's own numbers: 32 added to the window size finds out itself whether the header is gzip's or zlib's.
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_RAW_DEFLATE = -zlib.MAX_WBITS


def is_identity(content_encoding: str) -> bool:
    """Tell whether the header's value means that nothing was encoded."""
    return content_encoding.strip().lower() in ("", "identity")


def decode_body(body: bytes, content_encoding: str, most_bytes: int) -> bytes:
    """Return the plain body. Raises ProviderUnusable for an unknown encoding, broken data or more than `most_bytes`."""
    if is_identity(content_encoding) or not body:
        return body
    encoding = content_encoding.strip().lower()
    if encoding in ("gzip", "x-gzip"):
        return _inflate(body, _GZIP_OR_ZLIB, most_bytes)
    if encoding == "deflate":
        # Some servers send the bare format, without zlib's header, whose first byte always ends in 8.
        return _inflate(body, _GZIP_OR_ZLIB if body[0] & 0x0F == 8 else _RAW_DEFLATE, most_bytes)
    raise ProviderUnusable("The provider's answer has a content encoding that was not asked for")


def _inflate(body: bytes, window_bits: int, most_bytes: int) -> bytes:
    inflater = zlib.decompressobj(window_bits)
    try:
        plain = inflater.decompress(body, most_bytes + 1)
    except zlib.error as exc:
        raise ProviderUnusable("The provider's compressed answer is broken") from exc
    if len(plain) > most_bytes:
        raise ProviderUnusable(f"The provider's answer is larger than {most_bytes} bytes when inflated")
    if not inflater.eof:
        raise ProviderUnusable("The provider's compressed answer is cut short")
    return plain

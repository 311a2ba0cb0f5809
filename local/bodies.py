"""Reads the body of a request from cheroot's connection, whole and within bounds."""

from __future__ import annotations

from typing import Any

from promptside.errors import InvalidRequest, PayloadTooLarge, PromptsideError

# The contract's own limit is lower and answers in the layer; this one only keeps the memory of a laptop free.
LARGEST_BODY_BYTES = 32 * 1024 * 1024
_LARGEST_TRAILER_BYTES = 64 * 1024


def read_body(request: Any) -> bytes:
    """Return the whole body. Raises PayloadTooLarge or InvalidRequest; then the connection is of no more use."""
    if request.chunked_read:
        return _read_chunks(request.conn.rfile)
    length = int(request.inheaders.get(b"Content-Length", 0))
    if length < 0:
        raise InvalidRequest("The header Content-Length must not be negative", param="content-length")
    if length > LARGEST_BODY_BYTES:
        raise _too_large()
    body: bytes = request.conn.rfile.read(length) if length else b""
    if len(body) < length:
        raise InvalidRequest("The body is shorter than its Content-Length", param="content-length")
    return body


def _read_chunks(stream: Any) -> bytes:
    parts: list[bytes] = []
    total = 0
    while size := _chunk_size(stream.readline(1024)):
        total += size
        if total > LARGEST_BODY_BYTES:
            raise _too_large()
        parts.append(stream.read(size))
        if stream.readline(16) != b"\r\n":
            raise _bad_chunk()
    # Trailers mean nothing here, but they stand between this request and the next.
    trailers = 0
    while (line := stream.readline(1024)) not in {b"\r\n", b""}:
        trailers += len(line)
        if trailers > _LARGEST_TRAILER_BYTES:
            raise _bad_chunk()
    return b"".join(parts)


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not line.endswith(b"\n") or not 0 < len(digits) <= 16 or not all(c in b"0123456789abcdefABCDEF" for c in digits):
        raise _bad_chunk()
    return int(digits, 16)


def _bad_chunk() -> PromptsideError:
    return InvalidRequest("The chunked body is malformed", param="transfer-encoding")


def _too_large() -> PromptsideError:
    return PayloadTooLarge(f"The body is over {LARGEST_BODY_BYTES // (1024 * 1024)} MB")

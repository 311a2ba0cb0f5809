"""HTTP/1.1 as bytes (RFC 9110, RFC 9112): requests to write, and the incremental reading of answers. Does no I/O.

Our own because every byte of an answer must count against one deadline, and because the general-purpose clients spend
more time on a call than everything else we do for it (docs/decisions/0003-provider-transport.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from promptside.errors import InvalidRequest

MOST_HEAD_BYTES = 64 * 1024
_MOST_LINE_BYTES = 4096
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)(?: [^\r\n]*)?")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")
_LENGTH = re.compile(r"\d{1,15}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_FORBIDDEN_IN_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]")
_FORBIDDEN_IN_URL = re.compile(r"[^\x21-\x7e]|[\\<>\"{}|^`#]")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9_.])?|[0-9A-Fa-f:.]{2,45}")

# What frames the message and the connection is decided here, whatever a caller wants to forward.
_OURS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


class MalformedAnswer(Exception):
    """What arrived is not HTTP/1.1; the text says what is wrong with it and quotes nothing of it."""


class CutShort(Exception):
    """The connection ended before the answer did."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a connection leads. `host` is lower case and without brackets."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The value of the host header: the port only if it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"


def parse_url(url: str) -> tuple[Origin, str]:
    """Return the origin and the request target, the latter unchanged. Raises InvalidRequest."""
    if _FORBIDDEN_IN_URL.search(url):
        raise InvalidRequest("The provider's URL holds a character that no URL may hold", param="url")
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme.lower(), parts.hostname or "", parts.port
    except ValueError as exc:
        raise InvalidRequest("The provider's URL has no valid host and port", param="url") from exc
    if scheme not in ("http", "https") or "@" in parts.netloc or not _HOST.fullmatch(host) or port == 0:
        raise InvalidRequest("The provider's URL must be http or https, with a plain host name", param="url")
    origin = Origin(scheme, host, port or (443 if scheme == "https" else 80))
    target = parts.path or "/"
    return origin, f"{target}?{parts.query}" if parts.query else target


def encode_request(
    method: str, url: tuple[Origin, str], *, headers: Mapping[str, str], body: bytes, user_agent: str
) -> bytes:
    """Encode a request in one piece, so that it leaves in one packet when it is small.

    Raises InvalidRequest that names a header which cannot be sent.
    """
    origin, target = url
    lines = [f"{method} {target} HTTP/1.1", f"host: {origin.authority}", "accept-encoding: identity"]
    named = {name.lower() for name in headers}
    if "user-agent" not in named:
        lines.append(f"user-agent: {user_agent}")
    for name, value in headers.items():
        if name.lower() not in _OURS:
            _check_header(name, value)
            lines.append(f"{name}: {value}")
    if body or method == "POST":
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _check_header(name: str, value: str) -> None:
    if not _HEADER_NAME.fullmatch(name):
        raise InvalidRequest("A header to be sent to the provider has an invalid name", param="headers")
    if _FORBIDDEN_IN_VALUE.search(value):
        raise InvalidRequest(f"The value for the header '{name}' holds a character that no header may hold", param=name)


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers. Names are lower case; the values of a repeated header are joined with a comma."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    keep_alive: bool = False


class HeadReader:
    """Collects bytes until the head is there; `rest` is then what followed it."""

    def __init__(self) -> None:
        self.rest = b""
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Head | None:
        """Return the head once it is complete; interim answers (1xx) are skipped. Raises MalformedAnswer."""
        searched = max(len(self._buffer) - 3, 0)
        self._buffer += data
        while (end := _HEAD_END.search(self._buffer, searched)) is not None:
            head = _parse_head(bytes(self._buffer[: end.start()]))
            del self._buffer[: end.end()]
            if head.status >= 200:
                self.rest = bytes(self._buffer)
                return head
            searched = 0
        if len(self._buffer) > MOST_HEAD_BYTES:
            raise MalformedAnswer("headers that do not end")
        return None


def _parse_head(head: bytes) -> Head:
    first, *lines = head.split(b"\n")
    status_line = _STATUS_LINE.fullmatch(first.rstrip(b"\r"))
    if status_line is None:
        raise MalformedAnswer("something other than HTTP/1.1")
    status = int(status_line[2])
    if status == 101:
        raise MalformedAnswer("an upgrade that nobody asked for")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or not _HEADER_NAME.fullmatch(name):
            raise MalformedAnswer("a malformed header")
        key, text = name.lower(), value.strip(" \t\r")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    connection = [token.strip() for token in headers.get("connection", "").lower().split(",")]
    keep_alive = "close" not in connection if status_line[1] == b"1" else "keep-alive" in connection
    return Head(status, headers, keep_alive)


class Body(Protocol):
    """Takes the bytes that follow the head and gives back the payload; `excess` says that more came than belongs."""

    complete: bool
    excess: bool

    def feed(self, data: bytes) -> bytes:
        """Return the payload in these bytes. Raises MalformedAnswer."""
        ...

    def end(self) -> None:
        """Take note of the end of the connection. Raises CutShort when it came too early."""
        ...


def body_of(head: Head) -> Body:
    """Choose the framing (RFC 9112 section 6.3). Raises MalformedAnswer."""
    if head.status in (204, 304):
        return SizedBody(0)
    coding = head.headers.get("transfer-encoding")
    if coding is not None:
        if coding.lower() != "chunked":
            raise MalformedAnswer("an unknown transfer encoding")
        return ChunkedBody()
    length = head.headers.get("content-length")
    if length is None:
        return OpenBody()
    lengths = {text.strip() for text in length.split(",")}
    if len(lengths) != 1 or not _LENGTH.fullmatch(next(iter(lengths))):
        raise MalformedAnswer("an invalid content-length")
    return SizedBody(int(lengths.pop()))


class SizedBody:
    """A body whose size was announced."""

    def __init__(self, size: int) -> None:
        self.complete = size == 0
        self.excess = False
        self._left = size

    def feed(self, data: bytes) -> bytes:
        """Return what belongs to the body."""
        self.excess = self.excess or len(data) > self._left
        payload = data[: self._left]
        self._left -= len(payload)
        self.complete = self._left == 0
        return payload

    def end(self) -> None:
        """Raise CutShort if bytes are missing."""
        if not self.complete:
            raise CutShort


class OpenBody:
    """A body that ends with the connection; nothing can tell a cut from an end."""

    def __init__(self) -> None:
        self.complete = False
        self.excess = False

    def feed(self, data: bytes) -> bytes:
        """Return everything."""
        return data

    def end(self) -> None:
        """Complete the body."""
        self.complete = True


class ChunkedBody:
    """A body in chunks (RFC 9112 section 7.1); trailers are read and dropped."""

    def __init__(self) -> None:
        self.complete = False
        self.excess = False
        self._pending = b""
        self._left = 0
        self._line: int = _SIZE

    def feed(self, data: bytes) -> bytes:
        """Return the payload of all chunks, or parts of chunks, in these bytes."""
        buffer = self._pending + data if self._pending else data
        self._pending = b""
        payload: list[bytes] = []
        position = 0
        while position < len(buffer) and not self.complete:
            if self._left:
                piece = buffer[position : position + self._left]
                payload.append(piece)
                position += len(piece)
                self._left -= len(piece)
                continue
            end = buffer.find(b"\r\n", position)
            if end < 0:
                self._pending = buffer[position:]
                if len(self._pending) > _MOST_LINE_BYTES:
                    raise MalformedAnswer("a chunk without a size")
                break
            self._take_line(buffer[position:end])
            position = end + 2
        self.excess = self.complete and position < len(buffer)
        return b"".join(payload)

    def end(self) -> None:
        """Raise CutShort if the last chunk was not seen."""
        if not self.complete:
            raise CutShort

    def _take_line(self, line: bytes) -> None:
        if self._line == _SIZE:
            size = line.partition(b";")[0].strip(b" \t")
            if not _CHUNK_SIZE.fullmatch(size):
                raise MalformedAnswer("a chunk without a size")
            self._left = int(size, 16)
            self._line = _AFTER_DATA if self._left else _TRAILER
        elif self._line == _AFTER_DATA:
            if line:
                raise MalformedAnswer("a chunk longer than its size")
            self._line = _SIZE
        elif not line:
            self.complete = True


# Which line a chunked body expects next.
_SIZE, _AFTER_DATA, _TRAILER = range(3)

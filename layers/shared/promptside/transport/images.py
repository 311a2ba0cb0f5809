"""Downloads an image or document for a provider that takes no URLs."""

from __future__ import annotations

import time
from urllib.parse import urljoin

from promptside.errors import InvalidRequest, PromptsideError
from promptside.transport.base import Limits
from promptside.transport.client import HttpAnswer, HttpClient, HttpRequest

MOST_IMAGE_BYTES = 20 * 1024 * 1024
_MOST_REDIRECTS = 3
_TYPES = frozenset({"image/png", "image/jpeg", "image/jpg", "image/gif", "image/webp", "application/pdf"})
# Types that say nothing: object stores send them for whatever was uploaded without one.
_VAGUE = frozenset({"", "application/octet-stream", "binary/octet-stream"})


def fetch_image(
    url: str,
    *,
    param: str,
    allow_private_hosts: bool = False,
    most_bytes: int = MOST_IMAGE_BYTES,
    most_seconds: float = 10.0,
    client: HttpClient | None = None,
) -> tuple[str, bytes]:
    """Return MIME type and bytes: PNG, JPEG, GIF, WebP or PDF, as the first bytes say and not as the header claims.

    Only public https hosts are asked, at every step of at most three redirects; `allow_private_hosts` lifts that for
    local runs. Raises InvalidRequest that names `param`.
    """
    limits = Limits(
        deadline=time.monotonic() + most_seconds,
        first_byte_seconds=most_seconds,
        idle_seconds=most_seconds,
        body_bytes=most_bytes,
    )
    own = client or HttpClient(allow_private_hosts=allow_private_hosts)
    try:
        return _fetch(own, url, limits, allow_http=allow_private_hosts)
    except PromptsideError as error:
        raise InvalidRequest(
            f"The URL in {param} gives no image: {error}", param=param, code="invalid_image"
        ) from error
    finally:
        if client is None:
            own.close()


def _fetch(client: HttpClient, url: str, limits: Limits, *, allow_http: bool) -> tuple[str, bytes]:
    for _ in range(_MOST_REDIRECTS + 1):
        if not url.startswith(("https://", "http://") if allow_http else "https://"):
            raise InvalidRequest("it must start with https://")
        answer = client.open(HttpRequest("GET", url, {"accept": "image/*, application/pdf"}), limits, guarded=True)
        try:
            location = answer.headers.get("location") if answer.status in (301, 302, 303, 307, 308) else None
            if location is None:
                return _read(answer, limits)
            url = urljoin(url, location)
        finally:
            answer.close()
    raise InvalidRequest("it redirects too often")


def _read(answer: HttpAnswer, limits: Limits) -> tuple[str, bytes]:
    if answer.status != 200:
        raise InvalidRequest(f"its host answered with status {answer.status}")
    claimed = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if claimed not in _TYPES and claimed not in _VAGUE:
        raise InvalidRequest("its content type is not that of a PNG, JPEG, GIF or WebP image or a PDF")
    announced = answer.headers.get("content-length", "")[:20]
    if announced.isascii() and announced.isdigit() and int(announced) > limits.body_bytes:
        # Said at once, not after downloading that much.
        raise InvalidRequest(f"The answer of {answer.host} is larger than {limits.body_bytes} bytes")
    body = answer.read(limits)
    found = _type_of(body)
    if found is None:
        raise InvalidRequest("its content is not a PNG, JPEG, GIF or WebP image or a PDF")
    return found, body


def _type_of(body: bytes) -> str | None:
    """Tell the type by the first bytes, as https://mimesniff.spec.whatwg.org/ lists them."""
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return "application/pdf" if body.startswith(b"%PDF-") else None

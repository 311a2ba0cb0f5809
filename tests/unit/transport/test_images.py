from __future__ import annotations

import time
from pathlib import Path

import pytest

from promptside.errors import InvalidRequest
from promptside.transport.client import HttpClient
from promptside.transport.images import fetch_image
from tests.certificates import make_contexts
from tests.upstream import Fault, Reply, Upstream, drip

_PNG = b"\x89PNG\r\n\x1a\nrest"
_WHERE = "messages[0].content[1].image_url.url"


def _image(body: bytes, mime: str = "image/png") -> Reply:
    return Reply(200, {"content-type": mime}, [body])


def _refusal(url: str, **options: float) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        fetch_image(url, param=_WHERE, allow_private_hosts=True, **options)  # type: ignore[arg-type] # ints too
    error = caught.value
    assert (error.status, error.code, error.param) == (400, "invalid_image", _WHERE)
    return error


@pytest.mark.parametrize(
    ("body", "claimed", "mime"),
    [
        (_PNG, "image/png", "image/png"),
        (_PNG, "image/jpeg; charset=x", "image/png"),
        (_PNG, "application/octet-stream", "image/png"),
        (b"\xff\xd8\xff\xe0rest", "image/jpeg", "image/jpeg"),
        (b"\xff\xd8\xff\xe0rest", "image/jpg", "image/jpeg"),
        (b"GIF89arest", "image/gif", "image/gif"),
        (b"GIF87arest", "image/gif", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp", "image/webp"),
        (b"%PDF-1.7 rest", "application/pdf", "application/pdf"),
    ],
)
def test_the_type_is_what_the_first_bytes_say(body: bytes, claimed: str, mime: str) -> None:
    with Upstream(_image(body, claimed)) as upstream:
        assert fetch_image(upstream.url + "/a", param=_WHERE, allow_private_hosts=True) == (mime, body)

    assert upstream.requests[0].method == "GET"
    assert "authorization" not in upstream.requests[0].headers


@pytest.mark.parametrize(
    "reply",
    [
        _image(b"<svg/>", "image/svg+xml"),
        _image(_PNG, "text/html"),
        _image(b"<html>", "image/png"),
        _image(b"RIFF\x00\x00\x00\x00WAVE"),
        _image(b""),
        Reply(404, {"content-type": "image/png"}, [_PNG]),
        Reply(206, {"content-type": "image/png"}, [_PNG]),
        Reply(304, {}, []),
        Reply(200, {"content-type": "image/png", "content-length": "99"}, [_PNG, Fault.CUT]),
    ],
)
def test_what_is_no_image_is_refused(reply: Reply) -> None:
    with Upstream(reply) as upstream:
        error = _refusal(upstream.url)

    assert error.message.startswith(f"The URL in {_WHERE} gives no image: ")


def test_three_redirects_are_followed_and_a_fourth_is_not() -> None:
    with Upstream() as upstream:
        for number in range(4):
            upstream.routes[f"/{number}"] = Reply(302, {"location": f"{number + 1}"})
        upstream.routes["/4"] = _image(_PNG)
        found = fetch_image(upstream.url + "/1", param=_WHERE, allow_private_hosts=True)
        error = _refusal(upstream.url + "/0")

    assert found == ("image/png", _PNG)
    assert error.message == f"The URL in {_WHERE} gives no image: it redirects too often"


@pytest.mark.parametrize("location", ["ftp://h/", "file:///etc/passwd", "http://h\r\n/", "//user@h/"])
def test_a_redirect_to_something_else_is_refused(location: str) -> None:
    reply = Reply(302, {"location": location.replace("\r\n", "\t")})

    with Upstream(reply) as upstream:
        _refusal(upstream.url)


def test_an_image_over_the_limit_is_refused() -> None:
    with Upstream(_image(_PNG + b"x" * 5000)) as upstream:
        error = _refusal(upstream.url, most_bytes=1000)

    assert error.message == f"The URL in {_WHERE} gives no image: The answer of 127.0.0.1 is larger than 1000 bytes"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, {"content-type": "image/png", "content-length": "99"}, [_PNG, Fault.HANG]),
        Reply(200, {"content-type": "image/png", "content-length": "99"}, drip(_PNG * 5, 0.02)),
        Reply(200, {}, [Fault.HANG], "raw"),
    ],
)
def test_a_slow_host_cannot_outlive_the_limit(reply: Reply) -> None:
    started = time.monotonic()

    with Upstream(reply) as upstream:
        _refusal(upstream.url, most_seconds=0.15)

    assert time.monotonic() - started < 1.0


@pytest.mark.parametrize("url", ["http://example.com/a.png", "ftp://example.com/a", "data:image/png;base64,AA", ""])
def test_only_https_is_asked_by_default(url: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        fetch_image(url, param=_WHERE)

    assert caught.value.message == f"The URL in {_WHERE} gives no image: it must start with https://"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "169.254.169.254", "[fd00:ec2::254]", "10.0.0.1"])
def test_a_private_host_is_not_asked_by_default(host: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        fetch_image(f"https://{host}/a.png", param=_WHERE)

    assert (caught.value.code, caught.value.param) == ("invalid_image", _WHERE)
    assert "is not on the public internet" in caught.value.message


def test_a_redirect_from_https_to_http_is_refused(tmp_path: Path) -> None:
    server, trusting = make_contexts(tmp_path)
    client = HttpClient(allow_private_hosts=True, ssl_context=trusting, resolver=lambda host, port: ["127.0.0.1"])

    with Upstream(_image(_PNG)) as plain, Upstream(ssl_context=server) as secure:
        secure.routes["/good"] = _image(_PNG)
        secure.routes["/bad"] = Reply(302, {"location": plain.url})
        found = fetch_image(secure.url + "/good", param=_WHERE, client=client)
        with pytest.raises(InvalidRequest):
            fetch_image(secure.url + "/bad", param=_WHERE, client=client)
        client.close()

    assert (found, plain.connections) == (("image/png", _PNG), 0)

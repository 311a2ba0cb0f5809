from __future__ import annotations

import base64

import pytest

from promptside.errors import InvalidRequest
from promptside.providers.media import Media, parse_data_uri, parse_image

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(16)).decode()
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(16)).decode()
GIF = base64.b64encode(b"GIF89a" + bytes(16)).decode()
WEBP = base64.b64encode(b"RIFF\x00\x00\x00\x00WEBPVP8 ").decode()


@pytest.mark.parametrize(
    ("label", "data", "media_type"),
    [
        ("image/png", PNG, "image/png"),
        ("IMAGE/PNG", PNG, "image/png"),
        ("image/jpg", JPEG, "image/jpeg"),
        ("image/jpeg", PNG, "image/png"),
        ("application/octet-stream;name=a.gif", GIF, "image/gif"),
        ("image/webp", WEBP, "image/webp"),
    ],
)
def test_an_image_has_the_type_of_its_bytes_whatever_its_label(label: str, data: str, media_type: str) -> None:
    assert parse_image(f"data:{label};base64,{data}", where="x") == Media(media_type, data)


@pytest.mark.parametrize("change", [lambda data: data.rstrip("="), lambda data: data[:5] + "\r\n" + data[5:]])
def test_missing_padding_and_line_breaks_are_repaired(change: object) -> None:
    assert callable(change)

    assert parse_image(f"data:image/png;base64,{change(PNG)}", where="x") == Media("image/png", PNG)


def test_a_data_uri_without_base64_is_percent_encoded_text() -> None:
    assert parse_data_uri("data:text/plain,a%20b", where="x").decode() == b"a b"


@pytest.mark.parametrize("uri", ["data:image/png;base64", "data:image/png;base64,", "data:image/png;base64,%%%", "x,y"])
def test_what_holds_no_bytes_is_refused_naming_the_field(uri: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_data_uri(uri, where="messages[0]")

    assert (caught.value.param, caught.value.code) == ("messages[0]", "invalid_data_uri")


@pytest.mark.parametrize("label", ["image/png", "image/svg+xml", "text/html"])
def test_bytes_that_are_no_image_are_refused(label: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_image(f"data:{label};base64,aGVsbG8=", where="messages[0]")

    assert caught.value.code == "unsupported_image"

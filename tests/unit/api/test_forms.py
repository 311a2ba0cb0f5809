"""Forms come out byte for byte, and what is no form is refused."""

import random

import pytest

from promptside.api.forms import MOST_FIELDS, FormField, parse_form
from promptside.api.http import HttpRequest
from promptside.errors import InvalidRequest

TYPE = "multipart/form-data; boundary=x1y2"
NASTY = b"\r\n-x1y2 \x0b\x0c\x1c\x85\xff\x00a\xe2\x80\xa8"


def part(name: str, content: bytes, *more: str) -> bytes:
    head = "; ".join([f'Content-Disposition: form-data; name="{name}"', *more])
    return b"--x1y2\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n"


def parse(*parts: bytes, content_type: str = TYPE, end: bytes = b"--x1y2--\r\n") -> dict[str, FormField]:
    return dict(
        parse_form(HttpRequest("POST", "/v1/files", {"content-type": content_type}, body=b"".join(parts) + end))
    )


def test_fields_and_files_are_told_apart() -> None:
    form = parse(part("purpose", b"batch"), part("file", b"{}\n", 'filename="a b.jsonl"'))

    assert form == {"purpose": FormField(b"batch"), "file": FormField(b"{}\n", "a b.jsonl")}
    assert form["purpose"].text == "batch"


@pytest.mark.parametrize(
    "sent",
    [
        'filename="größe.jsonl"',
        "filename*=UTF-8''gr%C3%B6%C3%9Fe.jsonl",
    ],
)
def test_names_of_files_may_have_any_letters(sent: str) -> None:
    assert parse(part("file", b"{}", sent))["file"].filename == "größe.jsonl"


@pytest.mark.parametrize("seed", range(20))
def test_content_comes_out_byte_for_byte(seed: int) -> None:
    chosen = random.Random(seed)
    content = bytes(chosen.choice(NASTY) for _ in range(500)).replace(b"--x1y2", b"")

    assert parse(part("file", content, 'filename="a"'))["file"].content == content


def test_a_boundary_may_be_quoted_and_the_type_in_any_case() -> None:
    assert parse(part("a", b"1"), content_type='Multipart/Form-Data; Boundary="x1y2"') == {"a": FormField(b"1")}


def test_of_a_repeated_field_the_last_counts() -> None:
    assert parse(part("a", b"1"), part("a", b"2"))["a"].content == b"2"


@pytest.mark.parametrize(
    ("content_type", "message"),
    [
        ("application/json", "Send the file as multipart/form-data with a boundary"),
        ("", "Send the file as multipart/form-data with a boundary"),
        ("multipart/form-data", "Send the file as multipart/form-data with a boundary"),
        ('multipart/form-data; boundary="a\nb"', "The form has a boundary that is none"),
        ('multipart/form-data; boundary=""', "The form has a boundary that is none"),
        (f"multipart/form-data; boundary={'x' * 71}", "The form has a boundary that is none"),
        ("multipart/form-data; boundary=other", "The form is not complete: its last boundary is missing"),
    ],
)
def test_other_types_are_refused(content_type: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse(part("a", b"1"), content_type=content_type)

    assert refused.value.message == message


@pytest.mark.parametrize("end", [b"", b"--x1y2\r\n", b"--x1y2"])
def test_a_form_that_was_cut_is_refused(end: bytes) -> None:
    with pytest.raises(InvalidRequest, match="its last boundary is missing"):
        parse(part("a", b"1"), end=end)


def test_a_field_needs_a_name() -> None:
    with pytest.raises(InvalidRequest, match="holds a field without a name"):
        parse(b"--x1y2\r\nContent-Type: text/plain\r\n\r\n1\r\n")


def test_a_form_within_the_form_is_refused() -> None:
    inner = b"--in\r\n\r\n1\r\n--in--\r\n"
    with pytest.raises(InvalidRequest, match="or a form within the form"):
        parse(part("a", inner, 'filename="a"\r\nContent-Type: multipart/mixed; boundary=in'))


def test_nobody_sends_a_million_fields() -> None:
    with pytest.raises(InvalidRequest, match=f"has more than {MOST_FIELDS} fields"):
        parse(b"--x1y2\r\n\r\n\r\n" * 100_000)

"""Reads `multipart/form-data`: a few named fields, files among them. docs/decisions/0020-forms.md says why so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from email.policy import Compat32

from promptside.api.http import HttpRequest
from promptside.errors import InvalidRequest

MOST_FIELDS = 32
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
"""RFC 2046, section 5.1.1."""


@dataclass(frozen=True, slots=True)
class FormField:
    """One field: its bytes as they were sent, and the name of the file when it is one."""

    content: bytes = field(repr=False)
    filename: str | None = None

    @property
    def text(self) -> str:
        """The content as text."""
        return self.content.decode("utf-8", "replace")


def parse_form(request: HttpRequest) -> Mapping[str, FormField]:
    """Return the fields of a request by name; of a repeated one the last. Raises InvalidRequest."""
    boundary = _boundary(request.headers.get("content-type", ""))
    # The parser would take its time with a body of nothing but delimiters.
    if request.body.count(b"--" + boundary.encode()) > MOST_FIELDS + 1:
        raise _invalid(f"has more than {MOST_FIELDS} fields")
    head = f'Content-Type: multipart/form-data; boundary="{boundary}"\r\n\r\n'.encode()
    form = BytesParser(policy=_AsSent()).parsebytes(head + request.body)
    parts = form.get_payload()
    if form.defects or not isinstance(parts, list):
        raise _invalid("is not complete: its last boundary is missing")
    return dict(_field(part) for part in parts if isinstance(part, Message))


class _AsSent(Compat32):
    """Gives headers as they came: bytes that are not ASCII would be replaced otherwise."""

    def header_fetch_parse(self, name: str, value: str) -> str:  # noqa: ARG002 - as the policy has it
        """Return the value, with such bytes as lone surrogates."""
        return value


def _boundary(content_type: str) -> str:
    described = Message()
    described["content-type"] = content_type
    boundary = described.get_boundary()
    if described.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise InvalidRequest(
            "Send the file as multipart/form-data with a boundary", param="content-type", code="invalid_content_type"
        )
    if not _BOUNDARY.fullmatch(boundary):
        raise _invalid("has a boundary that is none")
    return boundary


def _field(part: Message) -> tuple[str, FormField]:
    name = part.get_param("name", header="content-disposition")
    content = part.get_payload(decode=True)
    if not isinstance(name, str) or not isinstance(content, bytes):
        raise _invalid("holds a field without a name, or a form within the form")
    filename = part.get_filename()
    return name, FormField(content, None if filename is None else _as_utf8(filename))


def _as_utf8(text: str) -> str:
    """Return a name that was sent as bare UTF-8, as browsers and the SDKs do."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _invalid(problem: str) -> InvalidRequest:
    return InvalidRequest(f"The form {problem}", param="body", code="invalid_form")

"""OpenAI's files: create, list, retrieve, read and delete. What batches have written is among them.

https://developers.openai.com/api/docs/api-reference/files, openai 3.54.0 types, read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from promptside.api.forms import FormField, parse_form
from promptside.api.http import HttpRequest, HttpResponse
from promptside.api.run_routes import list_object, read_limit
from promptside.batches.file_services import (
    FileServices,
    filename_of,
    object_key,
    purpose_of,
    seconds_of,
)
from promptside.batches.objects import ObjectGone, ObjectRange
from promptside.errors import InvalidRequest, JsonObject, NotFound, PayloadTooLarge
from promptside.schema.file import FileRecord
from promptside.store.files import file_id_of

LARGEST_FORM = 4_500_000
"""Bytes; Lambda takes 6 MB, and a form comes in base64."""
LARGEST_INLINE = 1_000_000
"""Bytes of an answer in one piece: written as JSON text, a byte can become six, and Lambda answers 6 MB."""
LINK_SECONDS = 300
MOST_LISTED = 10_000
"""What a caller may ask for, as with OpenAI."""
MOST_ANSWERED = 1000
"""What one answer holds: with the longest names, more of them would not fit into what Lambda answers."""
_JSON_LINES = "application/jsonl"
# As OpenAI has it; SDKs take "application/jsonl" for JSON.
_CONTENT = "application/octet-stream"


def create_file(services: FileServices, request: HttpRequest) -> JsonObject:
    """Keep a file that came as a form with `file`, `purpose` and perhaps `expires_after`."""
    if len(request.body) > LARGEST_FORM:
        raise PayloadTooLarge(
            f"The form has {len(request.body)} bytes and the limit is {LARGEST_FORM}: send a larger file in parts,"
            " with POST /v1/uploads",
            param="file",
        )
    form = parse_form(request)
    purpose = purpose_of(form["purpose"].text if "purpose" in form else None)
    sent = form.get("file")
    if sent is None:
        raise InvalidRequest("The form has no field 'file'", param="file", code="missing_file")
    if not sent.content:
        raise InvalidRequest("The file is empty", param="file", code="empty_file")
    now = int(services.clock())
    file_id = file_id_of(services.clock())
    record = FileRecord(
        file_id=file_id,
        filename=filename_of(sent.filename),
        purpose=purpose,
        size=len(sent.content),
        key=object_key(file_id),
        created_at=now,
        expires_at=now + seconds_of(services, _expiry(form)),
    )
    # The record comes last: whoever finds it finds the bytes.
    services.objects.put(record.key, sent.content, _JSON_LINES)
    services.files.create(record)
    return file_object(record)


def list_files(services: FileServices, query: Mapping[str, str]) -> JsonObject:
    """Return a page of files: `purpose`, `limit`, `order` and `after` are in the query."""
    order = query.get("order", "desc")
    if order not in ("asc", "desc"):
        raise InvalidRequest("'order' must be 'asc' or 'desc'", param="order")
    purpose = query.get("purpose")
    limit = min(read_limit(query, default=MOST_LISTED, most=MOST_LISTED), MOST_ANSWERED)
    after = query.get("after") or None
    found = services.files.page(
        limit=limit + 1,
        after=None if after is None else services.files.get(after).file_id,
        purpose=None if purpose is None else purpose_of(purpose),
        oldest_first=order == "asc",
    )
    return list_object([file_object(record) for record in found[:limit]], has_more=len(found) > limit)


def retrieve_file(services: FileServices, file_id: str) -> JsonObject:
    """Return one file."""
    return file_object(services.files.get(file_id))


def delete_file(services: FileServices, file_id: str) -> JsonObject:
    """Delete a file and its bytes."""
    record = services.files.get(file_id)
    services.files.delete(file_id)
    services.objects.delete([record.key])
    return {"id": file_id, "object": "file", "deleted": True}


def file_content(services: FileServices, file_id: str) -> HttpResponse:
    """Answer with the bytes of a file, or with a short-lived link to them when they are many."""
    record = services.files.get(file_id)
    if record.size <= LARGEST_INLINE:
        content = _bytes(services, record)
        if _is_text(content):
            headers = {"content-type": _CONTENT, "content-disposition": _disposition(record.filename)}
            return HttpResponse(200, headers, content)
    location = services.objects.link(
        record.key, seconds=LINK_SECONDS, content_type=_CONTENT, disposition=_disposition(record.filename)
    )
    return HttpResponse(307, {"location": location, "cache-control": "no-store", "content-type": _CONTENT}, b"\n")


def file_object(record: FileRecord) -> JsonObject:
    """Return a file as OpenAI describes one."""
    return {
        "id": record.file_id,
        "object": "file",
        "bytes": record.size,
        "created_at": record.created_at,
        "expires_at": record.expires_at,
        "filename": record.filename,
        "purpose": record.purpose,
        "status": "processed",
        "status_details": None,
    }


def _expiry(form: Mapping[str, FormField]) -> JsonObject | None:
    """Return `expires_after`, which forms carry as `expires_after[anchor]` and `expires_after[seconds]`."""
    given = {name: form[f"expires_after[{name}]"].text for name in ("anchor", "seconds") if _expires(name) in form}
    if not given:
        return None
    seconds = given.get("seconds", "")
    is_number = seconds.isascii() and seconds.isdigit() and len(seconds) < 10
    return {"anchor": given.get("anchor"), "seconds": int(seconds) if is_number else None}


def _expires(name: str) -> str:
    return f"expires_after[{name}]"


def _bytes(services: FileServices, record: FileRecord) -> bytes:
    try:
        return b"".join(services.objects.read(ObjectRange(services.objects.bucket, record.key)))
    except ObjectGone as exc:
        raise NotFound(f"The bytes of {record.file_id} are gone", param="id", code="file_not_found") from exc


def _is_text(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return bool(content)


def _disposition(filename: str) -> str:
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"

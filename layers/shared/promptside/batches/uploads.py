"""OpenAI's uploads: a file in parts, for files that no single request can carry.

https://developers.openai.com/api/docs/api-reference/uploads, openai 3.54.0 types, read 2026-11-23.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from promptside.api.forms import parse_form
from promptside.api.http import HttpRequest
from promptside.batches.file_services import LARGEST_FILE, FileServices, filename_of, object_key, purpose_of, seconds_of
from promptside.batches.files import LARGEST_FORM, file_object
from promptside.errors import Conflict, InvalidRequest, JsonObject, PayloadTooLarge
from promptside.log import log_event
from promptside.schema.file import FileRecord, PartRecord, UploadRecord
from promptside.store.files import file_id_of

UPLOAD_SECONDS = 3600
MOST_PARTS = 1000
MOST_PART_BYTES = 2 * LARGEST_FILE
"""Bytes of all parts of one upload: parts may be sent again, and not all need be used."""
_JOINING_SECONDS = 60
_AHEAD = 4
"""Parts that are read at the same time."""
_LONGEST_TYPE = 255
_MD5 = re.compile(r"[0-9a-fA-F]{32}")


def create_upload(services: FileServices, body: JsonObject) -> JsonObject:
    """Begin an upload: `{"filename", "purpose", "bytes", "mime_type", "expires_after"?}`."""
    size = body.get("bytes")
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise InvalidRequest("'bytes' must be the size of the file", param="bytes", code="invalid_bytes")
    if size > LARGEST_FILE:
        raise PayloadTooLarge(f"The file has {size} bytes; the limit is {LARGEST_FILE}", param="bytes")
    mime_type = body.get("mime_type")
    if not isinstance(mime_type, str) or not 0 < len(mime_type) <= _LONGEST_TYPE:
        raise InvalidRequest("'mime_type' must be a text such as 'application/jsonl'", param="mime_type")
    expires_after = body.get("expires_after")
    if expires_after is not None and not isinstance(expires_after, dict):
        raise InvalidRequest("'expires_after' must be an object", param="expires_after", code="invalid_type")
    now = int(services.clock())
    record = UploadRecord(
        upload_id=f"upload_{secrets.token_hex(16)}",
        file_id=file_id_of(services.clock()),
        filename=filename_of(body.get("filename")),
        purpose=purpose_of(body.get("purpose")),
        size=size,
        status="pending",
        created_at=now,
        ends_at=now + UPLOAD_SECONDS,
        file_seconds=seconds_of(services, expires_after),
    )
    services.uploads.create(record)
    return _upload_object(services, record)


def add_part(services: FileServices, upload_id: str, request: HttpRequest) -> JsonObject:
    """Keep one part, which came as a form with `data`."""
    if len(request.body) > LARGEST_FORM:
        raise PayloadTooLarge(
            f"The form has {len(request.body)} bytes and the limit is {LARGEST_FORM}: use parts of at most 4 MB",
            param="data",
        )
    record = _pending(services, upload_id)
    form = parse_form(request)
    if "data" not in form or not form["data"].content:
        raise InvalidRequest("The form has no field 'data' with bytes in it", param="data", code="missing_data")
    part = PartRecord(f"part_{secrets.token_hex(16)}", len(form["data"].content))
    # The bytes come first: whoever finds the part finds them.
    services.objects.put(_part_key(upload_id, part.part_id), form["data"].content, "application/octet-stream")
    if not services.uploads.add_part(record, part, most_parts=MOST_PARTS, most_bytes=MOST_PART_BYTES):
        services.objects.delete([_part_key(upload_id, part.part_id)])
        _pending(services, upload_id)
        raise PayloadTooLarge(
            f"An upload takes {MOST_PARTS} parts with {MOST_PART_BYTES} bytes at most",
            param="data",
            code="too_many_parts",
        )
    return {
        "id": part.part_id,
        "object": "upload.part",
        "created_at": int(services.clock()),
        "upload_id": upload_id,
    }


def complete_upload(services: FileServices, upload_id: str, body: JsonObject) -> JsonObject:
    """Make a file of the parts in `part_ids`, in that order; with `md5` only if that is its checksum."""
    part_ids, md5 = _part_ids(body.get("part_ids")), _checksum(body.get("md5"))
    record = services.uploads.get(upload_id)
    joined = hashlib.sha256("\n".join(part_ids).encode()).hexdigest()
    if record.status == "completed" and record.joined == joined:
        # The answer was lost on the way, and the client asks again.
        return _upload_object(services, record)
    # The same reading of it: whoever has completed it since then keeps us from claiming it.
    _require_pending(services, record)
    _check_sizes(services, record, part_ids)
    claimed = _claim(services, record)
    try:
        _join(services, claimed, part_ids, md5)
    except BaseException:
        services.uploads.move(claimed, status="pending", busy_until=0)
        raise
    now = int(services.clock())
    file = FileRecord(
        file_id=record.file_id,
        filename=record.filename,
        purpose=record.purpose,
        size=record.size,
        key=object_key(record.file_id),
        created_at=now,
        expires_at=now + record.file_seconds,
    )
    services.files.create(file)
    services.uploads.move(claimed, status="completed", joined=joined)
    _delete_parts(services, upload_id)
    return _upload_object(services, services.uploads.get(upload_id))


def cancel_upload(services: FileServices, upload_id: str) -> JsonObject:
    """Give an upload up and delete its parts."""
    record = services.uploads.get(upload_id)
    if record.status != "cancelled":
        record = _pending(services, upload_id)
        if not services.uploads.move(record, status="cancelled"):
            raise _in_use()
    _delete_parts(services, upload_id)
    return _upload_object(services, services.uploads.get(upload_id))


def _pending(services: FileServices, upload_id: str) -> UploadRecord:
    """Return an upload that still takes parts. Raises InvalidRequest, Conflict, NotFound."""
    record = services.uploads.get(upload_id)
    _require_pending(services, record)
    return record


def _require_pending(services: FileServices, record: UploadRecord) -> None:
    """Raise InvalidRequest or Conflict for an upload that takes no parts any more."""
    now = services.clock()
    if record.over(now):
        raise InvalidRequest("The upload has expired: begin a new one", param="upload_id", code="upload_expired")
    if record.status == "completing" and record.busy_until > now:
        raise _in_use()
    if record.status in ("completed", "cancelled"):
        raise InvalidRequest(f"The upload is {record.status}", param="upload_id", code=f"upload_{record.status}")


def _check_sizes(services: FileServices, record: UploadRecord, part_ids: list[str]) -> None:
    sizes = services.uploads.parts(record.upload_id, part_ids)
    missing = next((part_id for part_id in part_ids if part_id not in sizes), None)
    if missing is not None:
        raise InvalidRequest(f"The upload has no part {missing[:64]}", param="part_ids", code="part_not_found")
    total = sum(sizes[part_id] for part_id in part_ids)
    if total != record.size:
        raise InvalidRequest(
            f"The parts have {total} bytes; the upload was made for {record.size}",
            param="part_ids",
            code="size_mismatch",
        )


def _claim(services: FileServices, record: UploadRecord) -> UploadRecord:
    """Keep others from joining at the same time; a claim of a process that died ends by itself."""
    busy_until = int(services.clock()) + _JOINING_SECONDS
    if not services.uploads.move(record, status="completing", busy_until=busy_until):
        raise _in_use()
    return services.uploads.get(record.upload_id)


def _join(services: FileServices, record: UploadRecord, part_ids: list[str], md5: str | None) -> None:
    """Write the file part by part. Raises InvalidRequest when it is not what the caller meant to send."""
    # A checksum against damage, as OpenAI's API has it, and no safeguard against anybody.
    digest = hashlib.md5(usedforsecurity=False)
    key = object_key(record.file_id)

    def contents() -> Iterator[bytes]:
        for content in _contents(services, record.upload_id, part_ids):
            digest.update(content)
            yield content

    size = services.objects.write(key, contents(), "application/jsonl")
    if size == record.size and md5 in (None, digest.hexdigest()):
        return
    services.objects.delete([key])
    raise InvalidRequest(
        "The joined file has another checksum than 'md5': send the parts again", param="md5", code="checksum_mismatch"
    )


def _contents(services: FileServices, upload_id: str, part_ids: list[str]) -> Iterator[bytes]:
    """Yield the parts in order, with a few read ahead: the front doors wait for half a minute."""
    keys = [_part_key(upload_id, part_id) for part_id in part_ids]
    with ThreadPoolExecutor(_AHEAD) as pool:
        for start in range(0, len(keys), _AHEAD):
            for content in pool.map(services.objects.get, keys[start : start + _AHEAD]):
                if content is None:
                    raise InvalidRequest("A part is gone: begin a new upload", param="part_ids", code="part_not_found")
                yield content


def _delete_parts(services: FileServices, upload_id: str) -> None:
    keys = [_part_key(upload_id, part_id) for part_id in services.uploads.all_parts(upload_id)]
    services.objects.delete(keys)
    log_event("upload_ended", upload_id=upload_id, parts=len(keys))


def _part_ids(value: Any) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(part_id, str) for part_id in value):
        raise InvalidRequest("'part_ids' must be a list of part ids", param="part_ids", code="invalid_part_ids")
    if len(value) > MOST_PARTS or len(set(value)) != len(value) or max(map(len, value)) > 100:
        raise InvalidRequest(
            f"'part_ids' must name each part once, and {MOST_PARTS} at most", param="part_ids", code="invalid_part_ids"
        )
    return value


def _checksum(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _MD5.fullmatch(value):
        raise InvalidRequest("'md5' must be 32 hexadecimal digits", param="md5", code="invalid_checksum")
    return value.lower()


def _upload_object(services: FileServices, record: UploadRecord) -> JsonObject:
    """Return an upload as OpenAI describes one."""
    file = services.files.find(record.file_id) if record.status == "completed" else None
    status = "expired" if record.over(services.clock()) else record.status
    return {
        "id": record.upload_id,
        "object": "upload",
        "bytes": record.size,
        "created_at": record.created_at,
        "expires_at": record.ends_at,
        "filename": record.filename,
        "purpose": record.purpose,
        "status": "pending" if status == "completing" else status,
        "file": None if file is None else file_object(file),
    }


def _part_key(upload_id: str, part_id: str) -> str:
    return f"uploads/{upload_id}/{part_id}"


def _in_use() -> Conflict:
    error = Conflict("The upload is being completed: ask again in a moment", param="upload_id", code="upload_busy")
    error.retry_after = 2.0
    return error

"""The routes of files, uploads and batches: method, path, the scope they need, and what answers them."""

from __future__ import annotations

from collections.abc import Callable

from promptside.api.tables import Row
from promptside.batches.file_services import FileServices
from promptside.batches.files import create_file, delete_file, file_content, list_files, retrieve_file
from promptside.batches.openai_api import batch_output, cancel, create_batch, list_batches, retrieve_batch
from promptside.batches.uploads import add_part, cancel_upload, complete_upload, create_upload

_FILE = "/files/{id}"
_UPLOAD = "/uploads/{id}"
_BATCH = "/batches/{id}"


def batch_routes(services: Callable[[], FileServices]) -> tuple[Row, ...]:
    """Return the rows of files, uploads and batches. Whoever may create files may upload them in parts.

    `services` gives what they need, made when it is first asked for.
    """
    return (
        Row("POST", "/files", "files.create", lambda asked: create_file(services(), asked.request)),
        Row("GET", "/files", "files.list", lambda asked: list_files(services(), asked.query)),
        Row("GET", _FILE, "files.read", lambda asked: retrieve_file(services(), asked.names["id"])),
        Row("DELETE", _FILE, "files.delete", lambda asked: delete_file(services(), asked.names["id"])),
        Row("GET", f"{_FILE}/content", "files.read", lambda asked: file_content(services(), asked.names["id"])),
        Row("POST", "/uploads", "files.create", lambda asked: create_upload(services(), asked.json())),
        Row(
            "POST",
            f"{_UPLOAD}/parts",
            "files.create",
            lambda asked: add_part(services(), asked.names["id"], asked.request),
        ),
        Row(
            "POST",
            f"{_UPLOAD}/complete",
            "files.create",
            lambda asked: complete_upload(services(), asked.names["id"], asked.json()),
        ),
        Row("POST", f"{_UPLOAD}/cancel", "files.create", lambda asked: cancel_upload(services(), asked.names["id"])),
        Row("POST", "/batches", "batches.create", lambda asked: create_batch(services(), asked)),
        Row("GET", "/batches", "batches.list", lambda asked: list_batches(services(), asked.query)),
        Row("GET", _BATCH, "batches.read", lambda asked: retrieve_batch(services(), asked.names["id"])),
        Row("POST", f"{_BATCH}/cancel", "batches.update", lambda asked: cancel(services(), asked.names["id"])),
        Row("GET", f"{_BATCH}/output", "files.read", lambda asked: batch_output(services(), asked.names["id"])),
    )

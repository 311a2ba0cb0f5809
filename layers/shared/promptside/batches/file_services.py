"""What files and uploads need from outside, and how long they are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from promptside.batches.base import BatchServices
from promptside.batches.objects import Objects
from promptside.errors import InvalidRequest, JsonObject
from promptside.schema.file import PURPOSES, FilePurpose
from promptside.store.files import FileStore
from promptside.store.uploads import UploadStore

LARGEST_FILE = 200 * 1024 * 1024
"""Bytes; OpenAI's limit for the input of a batch."""
_SHORTEST_SECONDS = 3600
_LONGEST_SECONDS = 30 * 86400
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class FileServices:
    """The outside world of files, uploads and batches over HTTP; `wiring.build_files` builds it.

    `clock` gives unix seconds, `days` is how long files are kept by default and at most.
    """

    batches: BatchServices
    files: FileStore
    uploads: UploadStore
    clock: Callable[[], float]
    days: int = field(default=30)

    @property
    def objects(self) -> Objects:
        """The stack's bucket."""
        return self.batches.objects

    @property
    def longest_seconds(self) -> int:
        """How long a file can be kept: what the bucket itself keeps, and never more than OpenAI's 30 days."""
        return min(self.days * 86400, _LONGEST_SECONDS)


def object_key(file_id: str) -> str:
    """Return where the bytes of an uploaded file are."""
    return f"files/{file_id}"


def purpose_of(value: object) -> FilePurpose:
    """Return the purpose of a new file. Raises InvalidRequest."""
    found = next((purpose for purpose in PURPOSES if purpose == value), None)
    if found is None:
        raise InvalidRequest(
            f"'purpose' must be one of: {', '.join(PURPOSES)}", param="purpose", code="invalid_purpose"
        )
    return found


def filename_of(value: object) -> str:
    """Return a file's name without folders and control characters. Raises InvalidRequest."""
    text = value if isinstance(value, str) else ""
    name = "".join(character for character in text if character.isprintable())
    name = name.replace("\\", "/").rpartition("/")[2].strip()
    if not name or len(name) > _LONGEST_NAME:
        raise InvalidRequest(
            f"The file needs a name of at most {_LONGEST_NAME} characters", param="file", code="invalid_filename"
        )
    return name


def seconds_of(services: FileServices, expires_after: JsonObject | None) -> int:
    """Return how long a file shall be kept: `{"anchor": "created_at", "seconds": 3600}`. Raises InvalidRequest."""
    if expires_after is None:
        return services.longest_seconds
    seconds = expires_after.get("seconds")
    if expires_after.get("anchor") != "created_at" or isinstance(seconds, bool) or not isinstance(seconds, int):
        raise _bad_expiry()
    if not _SHORTEST_SECONDS <= seconds <= _LONGEST_SECONDS:
        raise _bad_expiry()
    return min(seconds, services.longest_seconds)


def _bad_expiry() -> InvalidRequest:
    return InvalidRequest(
        "'expires_after' must be an object with the anchor 'created_at' and"
        f" {_SHORTEST_SECONDS} to {_LONGEST_SECONDS} seconds",
        param="expires_after",
        code="invalid_expires_after",
    )

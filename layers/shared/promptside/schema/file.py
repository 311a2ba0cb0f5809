"""Files and uploads as they are kept: what a caller has sent, and what batches have written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

FilePurpose = Literal["batch", "batch_output"]
UploadStatus = Literal["pending", "completing", "completed", "cancelled"]

PURPOSES: tuple[FilePurpose, ...] = get_args(FilePurpose)


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file. `key` is where its bytes are in the stack's bucket, `size` their number. Times are unix seconds."""

    file_id: str
    filename: str
    purpose: FilePurpose
    size: int
    key: str
    created_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class UploadRecord:
    """A file that comes in parts. Times are unix seconds.

    `size` is the number of bytes that the whole file shall have, `file_id` the file that it becomes. `part_count` and
    `part_bytes` count what has arrived. `busy_until` bounds the attempt of whoever is joining the parts, `joined` is
    the digest of what the file was completed from.
    """

    upload_id: str
    file_id: str
    filename: str
    purpose: FilePurpose
    size: int
    status: UploadStatus
    created_at: int
    ends_at: int
    file_seconds: int
    part_count: int = 0
    part_bytes: int = 0
    busy_until: int = 0
    joined: str | None = None

    def over(self, now: float) -> bool:
        """Tell whether its hour is up."""
        return self.status in ("pending", "completing") and self.ends_at <= now


@dataclass(frozen=True, slots=True)
class PartRecord:
    """One part of an upload, and its number of bytes."""

    part_id: str
    size: int

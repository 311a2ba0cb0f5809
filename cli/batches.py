"""The batches of a stack, as the command line uses them: send a file, start, follow, fetch."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import IO

from cli.client import Client
from cli.errors import CommandFailed
from promptside.errors import JsonObject

ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
_WINDOW = "24h"
_PURPOSE = "batch"
_TYPE = "application/jsonl"
# What one request of a stack carries, with room for the rest of the form.
_PART_BYTES = 4 * 1024 * 1024
_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 3.0


def send_file(client: Client, name: str, file: IO[bytes], progress: Callable[[int], None]) -> str:
    """Send a file, in parts when it is large, and return its id; `progress` is given the bytes of each part."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if size <= _PART_BYTES:
        answer = client.upload("/files", {"purpose": _PURPOSE, "file": (name, file.read())})
        progress(size)
        return str(answer["id"])
    begun = client.send("POST", "/uploads", {"filename": name, "purpose": _PURPOSE, "bytes": size, "mime_type": _TYPE})
    parts: list[str] = []
    while block := file.read(_PART_BYTES):
        part = client.upload(f"/uploads/{begun['id']}/parts", {"data": ("part", block)})
        parts.append(part["id"])
        progress(len(block))
    ended = client.send("POST", f"/uploads/{begun['id']}/complete", {"part_ids": parts})
    return str(ended["file"]["id"])


def start(client: Client, file_id: str, endpoint: str, *, config: str | None) -> JsonObject:
    """Start a batch over a file and return it; its lines run under `config`, if one is named."""
    body = {"input_file_id": file_id, "endpoint": endpoint, "completion_window": _WINDOW}
    headers = {} if config is None else {"x-portkey-config": config}
    return client.send("POST", "/batches", body, headers=headers)


def follow(client: Client, batch_id: str) -> Iterator[JsonObject]:
    """Yield a batch again and again until it has ended, more seldom the longer it takes."""
    pause = _FIRST_PAUSE_SECONDS
    while True:
        batch = client.get(f"/batches/{batch_id}")
        yield batch
        if batch["status"] in ENDED:
            return
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)


def fetch(client: Client, file_id: str, target: IO[bytes]) -> None:
    """Write a file of the stack to `target`."""
    try:
        with client.content(f"/files/{file_id}/content") as blocks:
            for block in blocks:
                target.write(block)
    except OSError as exc:
        raise CommandFailed(f"The results cannot be written: {exc.strerror}") from exc

"""Files, uploads and batches over HTTP without a front door: requests, and what answers them over a real bucket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from promptside.api.http import HttpRequest
from promptside.api.tables import Asked
from promptside.batches import files, openai_api, uploads
from promptside.batches.file_services import FileServices
from promptside.errors import JsonObject
from promptside.schema.prompt import ApiKey
from promptside.store.keys import digest_of
from promptside.store.uploads import UploadStore
from tests.batch_runs import BatchRuns
from tests.engines import Engine
from tests.product import KEY

BOUNDARY = "----the-boundary"
CALLER = ApiKey("k1", "d1", "tests", frozenset({"*"}))
CHAT = "/v1/chat/completions"


class FileRuns(BatchRuns):
    """A stack whose files and batches are asked for as callers do."""

    def __init__(self, engine: Engine, upstream_url: str = "http://127.0.0.1:9", **settings: Any) -> None:
        super().__init__(engine, upstream_url, **settings)
        workspace = self.product.services.settings.workspace
        store = UploadStore(engine.client("dynamodb"), table=self.table, workspace=workspace, now=lambda: self.now)
        self.api = FileServices(self.services, self.services.files, store, clock=lambda: self.now)

    @property
    def key_digest(self) -> str:
        """The digest of the key that may run the prompt."""
        return digest_of(KEY)

    def keeping(self, days: int) -> FileServices:
        """Return the same stack with another time to keep files."""
        return replace(self.api, days=days)

    def file(self, content: bytes = b"{}\n", name: str = "a.jsonl", **fields: str) -> JsonObject:
        """Create a file."""
        return files.create_file(self.api, form_request({"purpose": "batch", **fields}, file=(name, content)))

    def upload(self, **fields: Any) -> JsonObject:
        """Begin an upload of six bytes."""
        asked = {"bytes": 6, "filename": "a.jsonl", "mime_type": "application/jsonl", "purpose": "batch"}
        return uploads.create_upload(self.api, {**asked, **fields})

    def part(self, upload: JsonObject, content: bytes) -> str:
        """Send a part and return its id."""
        sent: str = uploads.add_part(self.api, upload["id"], form_request({}, data=("blob", content)))["id"]
        return sent

    def complete(self, upload: JsonObject, *part_ids: str, **more: Any) -> JsonObject:
        """Complete an upload."""
        return uploads.complete_upload(self.api, upload["id"], {"part_ids": list(part_ids), **more})

    def batch(
        self, caller: ApiKey | None = CALLER, headers: Mapping[str, str] | None = None, **fields: Any
    ) -> JsonObject:
        """Start a batch; without an input it has a new file."""
        body = {"endpoint": CHAT, "completion_window": "24h", **fields}
        if "input_file_id" not in body:
            body["input_file_id"] = self.file()["id"]
        request = HttpRequest("POST", "/v1/batches", dict(headers or {}), body=json.dumps(body).encode())
        return openai_api.create_batch(self.api, Asked(request, caller=caller))

    def objects(self, prefix: str = "") -> list[str]:
        """Return the keys in the bucket."""
        return list(self.services.objects.keys(prefix))


def form_request(fields: Mapping[str, str], **sent: tuple[str, bytes]) -> HttpRequest:
    """Return a form with fields and files."""
    lines = [_part(f'name="{name}"', value.encode()) for name, value in fields.items()]
    lines += [_part(f'name="{name}"; filename="{filename}"', content) for name, (filename, content) in sent.items()]
    body = b"".join(lines) + f"--{BOUNDARY}--\r\n".encode()
    return HttpRequest("POST", "/", {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}, body=body)


def _part(described: str, content: bytes) -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; {described}\r\n\r\n"
    return head.encode() + content + b"\r\n"

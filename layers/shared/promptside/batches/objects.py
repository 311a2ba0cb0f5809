"""The stack's bucket as batches use it: ranges that are read on after a cut, and files written while they grow."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from promptside.errors import ConfigurationError
from promptside.store.failures import error_code, store_error
from promptside.store.patience import Patience, call

BLOCK = 256 * 1024
"""Bytes that are read at a time."""
PART = 8 * 1024 * 1024
"""Bytes of one part of an upload; S3 takes 5 MB at least and 10,000 parts."""
_MOST_CUTS = 5
_DELETES = 1000
"""Keys in one DeleteObjects; S3's limit."""
_GONE = frozenset({"NoSuchKey", "NoSuchVersion", "404", "PreconditionFailed", "412"})
_DENIED = frozenset({"AccessDenied", "403"})
_NO_SUCH_RANGE = "InvalidRange"

_Answer = TypeVar("_Answer")


class ObjectGone(Exception):
    """There is no such object, or not the one that was asked for."""


@dataclass(frozen=True, slots=True)
class ObjectRange:
    """A part of an object: bytes from `start`, up to but without `end`, of exactly one version."""

    bucket: str
    key: str
    etag: str | None = None
    version: str | None = None
    start: int = 0
    end: int | None = None


class Objects:
    """One bucket, and others to read from. Methods raise StoreUnavailable, ConfigurationError."""

    def __init__(self, client: Any, *, bucket: str, patience: Patience | None = None) -> None:
        self._client = client
        self._patience = patience or Patience(total_seconds=60.0)
        self.bucket = bucket

    def head(self, wanted: ObjectRange) -> tuple[int, str]:
        """Return an object's size in bytes and its etag. Raises ObjectGone."""
        answer = self._call("head_object", **_named(wanted))
        return int(answer["ContentLength"]), str(answer["ETag"])

    def read(self, wanted: ObjectRange) -> Iterator[bytes]:
        """Yield the bytes in blocks. A connection that breaks is opened anew at the same place. Raises ObjectGone."""
        position, cuts = wanted.start, 0
        while wanted.end is None or position < wanted.end:
            body = self._open(wanted, position)
            if body is None:
                return
            try:
                for block in body.iter_chunks(BLOCK):
                    position += len(block)
                    cuts = 0
                    yield block
                return
            except (BotoCoreError, HTTPError, OSError) as exc:
                cuts += 1
                if cuts > _MOST_CUTS:
                    failure = exc if isinstance(exc, BotoCoreError) else BotoCoreError()
                    raise store_error("get_object", failure) from exc
            finally:
                body.close()

    def get(self, key: str) -> bytes | None:
        """Return a whole object of the stack's own bucket, or None when there is none."""
        try:
            return b"".join(self.read(ObjectRange(self.bucket, key)))
        except ObjectGone:
            return None

    def put(self, key: str, body: bytes, content_type: str) -> None:
        """Write an object in one piece."""
        self._call("put_object", Bucket=self.bucket, Key=key, Body=body, ContentType=content_type)

    def delete(self, keys: Collection[str]) -> None:
        """Delete objects; those that are not there are no fault."""
        wanted = list(keys)
        for start in range(0, len(wanted), _DELETES):
            named = [{"Key": key} for key in wanted[start : start + _DELETES]]
            self._call("delete_objects", Bucket=self.bucket, Delete={"Objects": named, "Quiet": True})

    def link(self, key: str, *, seconds: int, content_type: str, disposition: str) -> str:
        """Return a URL under which anybody can read an object for so many seconds."""
        named = {"Bucket": self.bucket, "Key": key}
        answered = {"ResponseContentType": content_type, "ResponseContentDisposition": disposition}
        url: str = self._client.generate_presigned_url("get_object", Params={**named, **answered}, ExpiresIn=seconds)
        return url

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys under a prefix, in order."""
        request: dict[str, Any] = {"Bucket": self.bucket, "Prefix": prefix}
        while True:
            answer = self._call("list_objects_v2", **request)
            yield from (entry["Key"] for entry in answer.get("Contents", []))
            if not answer.get("IsTruncated"):
                return
            request["ContinuationToken"] = answer["NextContinuationToken"]

    def write(self, key: str, blocks: Iterable[bytes], content_type: str) -> int:
        """Write an object as its bytes come, and return their number; without any there is no object."""
        upload = _Upload(self._call, {"Bucket": self.bucket, "Key": key}, content_type)
        try:
            for block in blocks:
                upload.add(block)
            return upload.end()
        except BaseException:
            upload.abandon()
            raise

    def _open(self, wanted: ObjectRange, position: int) -> Any:
        if position or wanted.end is not None:
            last = "" if wanted.end is None else wanted.end - 1
            extra = {"Range": f"bytes={position}-{last}"}
        else:
            extra = {}
        try:
            return self._call("get_object", **_named(wanted), **extra)["Body"]
        except _PastTheEnd:
            return None

    def _call(self, operation: str, **request: Any) -> Any:
        def attempt() -> Any:
            try:
                return getattr(self._client, operation)(**request)
            except ClientError as exc:
                if error_code(exc) in _GONE:
                    raise ObjectGone from exc
                if error_code(exc) in _DENIED:
                    raise ConfigurationError(
                        f"S3 refused {operation}: check the function's role and the bucket's policy"
                    ) from exc
                if error_code(exc) == _NO_SUCH_RANGE:
                    raise _PastTheEnd from exc
                raise

        return call(operation, attempt, self._patience.start())


class _PastTheEnd(Exception):
    """The range begins behind the object's last byte."""


class _Upload:
    """A file that grows: one request if it stays small, an upload in parts otherwise."""

    def __init__(self, request: Callable[..., Any], name: dict[str, str], content_type: str) -> None:
        self._request = request
        self._name = name
        self._type = content_type
        self._waiting = bytearray()
        self._size = 0
        self._upload: dict[str, Any] = {}
        self._parts: list[dict[str, Any]] = []

    def add(self, block: bytes) -> None:
        self._size += len(block)
        self._waiting += block
        while len(self._waiting) >= PART:
            self._send(bytes(self._waiting[:PART]))
            del self._waiting[:PART]

    def end(self) -> int:
        if not self._upload:
            if self._size:
                self._request("put_object", **self._name, Body=bytes(self._waiting), ContentType=self._type)
            return self._size
        if self._waiting:
            self._send(bytes(self._waiting))
        self._request("complete_multipart_upload", **self._name, **self._upload, MultipartUpload={"Parts": self._parts})
        self._upload = {}
        return self._size

    def abandon(self) -> None:
        if self._upload:
            self._request("abort_multipart_upload", **self._name, **self._upload)

    def _send(self, part: bytes) -> None:
        if not self._upload:
            begun = self._request("create_multipart_upload", **self._name, ContentType=self._type)
            self._upload = {"UploadId": begun["UploadId"]}
        number = len(self._parts) + 1
        sent = self._request("upload_part", **self._name, **self._upload, PartNumber=number, Body=part)
        self._parts.append({"ETag": sent["ETag"], "PartNumber": number})


def _named(wanted: ObjectRange) -> dict[str, str]:
    name = {"Bucket": wanted.bucket, "Key": wanted.key}
    if wanted.version is not None:
        return {**name, "VersionId": wanted.version}
    if wanted.etag is None:
        return name
    # Events have it without its quotes.
    return {**name, "IfMatch": f'"{wanted.etag.strip(chr(34))}"'}

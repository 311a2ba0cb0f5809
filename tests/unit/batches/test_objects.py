from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.exceptions import ReadTimeoutError as ReadTimeout

from promptside.batches.objects import BLOCK, PART, ObjectGone, ObjectRange, Objects
from promptside.errors import ConfigurationError, StoreUnavailable
from promptside.store.patience import Patience
from tests.batch_runs import new_bucket
from tests.engines import Engine

QUICK = Patience(attempts=2, first_pause_seconds=0.001)


@dataclass
class CuttingBody:
    """A body whose connection breaks after some bytes."""

    content: bytes
    cut: int | None

    def iter_chunks(self, size: int) -> Iterator[bytes]:
        source = io.BytesIO(self.content[: self.cut])
        while block := source.read(size):
            yield block
        if self.cut is not None:
            raise ReadTimeout(endpoint_url="http://s3")

    def close(self) -> None:
        """Do nothing."""


@dataclass
class CuttingClient:
    """An S3 client over one object that cuts the first answers after so many bytes."""

    content: bytes
    cuts: list[int]
    ranges: list[str] = field(default_factory=list)

    def get_object(self, **request: Any) -> dict[str, Any]:
        wanted = request.get("Range", "bytes=0-")
        self.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").partition("-")[0])
        return {"Body": CuttingBody(self.content[start:], self.cuts.pop(0) if self.cuts else None)}


def test_a_download_that_breaks_goes_on_where_it_was() -> None:
    content = bytes(range(256)) * 4096
    client = CuttingClient(content, [BLOCK + 5, 0, 10])

    read = b"".join(Objects(client, bucket="b", patience=QUICK).read(ObjectRange("b", "k")))

    assert read == content
    assert client.ranges == ["bytes=0-", *[f"bytes={BLOCK + 5}-"] * 2, f"bytes={BLOCK + 15}-"]


def test_a_download_that_breaks_again_and_again_is_given_up() -> None:
    client = CuttingClient(b"x" * 100, [0] * 50)

    with pytest.raises(StoreUnavailable):
        b"".join(Objects(client, bucket="b", patience=QUICK).read(ObjectRange("b", "k")))

    assert len(client.ranges) == 6


def test_a_range_is_read_of_the_version_that_is_meant(engine: Engine) -> None:
    objects = Objects(engine.client("s3"), bucket=new_bucket(engine))
    objects.put("k", b"0123456789", "text/plain")
    size, etag = objects.head(ObjectRange(objects.bucket, "k"))

    assert size == 10
    assert objects.head(ObjectRange(objects.bucket, "k", etag.strip('"'))) == (10, etag)
    assert b"".join(objects.read(ObjectRange(objects.bucket, "k", etag, start=2, end=5))) == b"234"
    assert b"".join(objects.read(ObjectRange(objects.bucket, "k", etag, start=10, end=12))) == b""
    objects.put("k", b"changed", "text/plain")
    with pytest.raises(ObjectGone):
        b"".join(objects.read(ObjectRange(objects.bucket, "k", etag)))


def test_what_is_not_there_is_gone(engine: Engine) -> None:
    objects = Objects(engine.client("s3"), bucket=new_bucket(engine))

    assert objects.get("nothing") is None
    with pytest.raises(ObjectGone):
        objects.head(ObjectRange(objects.bucket, "nothing"))


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 2 * PART + 3])
def test_a_file_is_written_as_it_grows(engine: Engine, size: int) -> None:
    objects = Objects(engine.client("s3"), bucket=new_bucket(engine))
    content = bytes(size % 251 for size in range(1000)) * (size // 1000 + 1)
    blocks = [content[:size][start : start + 1_000_000] for start in range(0, size, 1_000_000)]

    assert objects.write("k", blocks, "text/plain") == size

    assert (objects.get("k") or b"") == content[:size]


def test_a_write_that_fails_leaves_nothing_behind(engine: Engine) -> None:
    objects = Objects(engine.client("s3"), bucket=new_bucket(engine))

    def failing() -> Iterator[bytes]:
        yield b"x" * (PART + 1)
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - it has no message
        objects.write("k", failing(), "text/plain")

    assert objects.get("k") is None
    assert engine.client("s3").list_multipart_uploads(Bucket=objects.bucket).get("Uploads", []) == []


def test_keys_are_listed_beyond_one_page() -> None:
    pages = [
        {"Contents": [{"Key": "a"}], "IsTruncated": True, "NextContinuationToken": "t"},
        {"Contents": [{"Key": "b"}]},
    ]

    class Client:
        def list_objects_v2(self, **request: Any) -> Any:
            assert ("ContinuationToken" in request) == (len(pages) == 1)
            return pages.pop(0)

    assert list(Objects(Client(), bucket="b").keys("p/")) == ["a", "b"]


@pytest.mark.parametrize("code", ["403", "AccessDenied"])
def test_a_bucket_that_may_not_be_read_is_a_matter_of_configuration(code: str) -> None:
    class Client:
        def head_object(self, **request: Any) -> Any:
            raise ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 403}}, "HeadObject")

    with pytest.raises(ConfigurationError, match="the function's role"):
        Objects(Client(), bucket="b", patience=QUICK).head(ObjectRange("other", "k"))


def test_a_bucket_that_is_busy_is_asked_again() -> None:
    answers: list[Any] = [
        ClientError({"Error": {"Code": "SlowDown"}, "ResponseMetadata": {"HTTPStatusCode": 503}}, "PutObject"),
        {},
    ]

    class Client:
        def put_object(self, **request: Any) -> Any:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

    Objects(Client(), bucket="b", patience=QUICK).put("k", b"", "text/plain")

    assert answers == []

"""Uploads: parts in any order, checked on completion, bounded in every way."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, cast

import pytest

from promptside.api.http import HttpRequest
from promptside.batches.file_services import LARGEST_FILE
from promptside.batches.files import LARGEST_FORM, file_content, retrieve_file
from promptside.batches.uploads import MOST_PARTS, add_part, cancel_upload, complete_upload
from promptside.errors import Conflict, NotFound, PromptsideError
from promptside.schema.file import UploadRecord
from tests.engines import Engine
from tests.file_requests import FileRuns, form_request


@pytest.fixture
def stack(engine: Engine) -> FileRuns:
    return FileRuns(engine)


def refused(call: Any, *args: Any) -> tuple[int, str | None]:
    with pytest.raises(PromptsideError) as raised:
        call(*args)
    return raised.value.status, raised.value.code


def test_an_upload_becomes_a_file(stack: FileRuns) -> None:
    upload = stack.upload(expires_after={"anchor": "created_at", "seconds": 7200})
    first, second = stack.part(upload, b"one"), stack.part(upload, b"two")
    stack.now += 60

    done = stack.complete(upload, second, first, md5=hashlib.md5(b"twoone", usedforsecurity=False).hexdigest().upper())

    assert upload == {
        "id": upload["id"],
        "object": "upload",
        "bytes": 6,
        "created_at": int(stack.now) - 60,
        "expires_at": int(stack.now) - 60 + 3600,
        "filename": "a.jsonl",
        "purpose": "batch",
        "status": "pending",
        "file": None,
    }
    assert done == {**upload, "status": "completed", "file": retrieve_file(stack.api, done["file"]["id"])}
    assert done["file"]["expires_at"] == int(stack.now) + 7200
    assert file_content(stack.api, done["file"]["id"]).body == b"twoone"
    assert stack.objects() == [f"files/{done['file']['id']}"]


def test_a_completion_whose_answer_was_lost_is_answered_again(stack: FileRuns) -> None:
    upload = stack.upload()
    part = stack.part(upload, b"onetwo")

    done = stack.complete(upload, part)

    assert stack.complete(upload, part) == done
    assert refused(complete_upload, stack.api, upload["id"], {"part_ids": ["part_other"]}) == (400, "upload_completed")


def test_of_many_completions_one_joins(stack: FileRuns) -> None:
    upload = stack.upload()
    part = stack.part(upload, b"onetwo")

    def complete(_: int) -> str:
        try:
            stack.complete(upload, part)
        except Conflict:
            return "busy"
        return "done"

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(complete, range(8)))

    assert "done" in results
    assert set(results) <= {"busy", "done"}
    assert stack.complete(upload, part)["status"] == "completed"


def test_a_completion_that_is_overtaken_by_the_same_one_may_ask_again(stack: FileRuns) -> None:
    upload = stack.upload()
    part = stack.part(upload, b"onetwo")
    store = stack.api.uploads

    class Overtaken:
        """The store of one request, while another one is faster."""

        def get(self, upload_id: str) -> UploadRecord:
            record = store.get(upload_id)
            if record.status == "pending":
                stack.complete(upload, part)
            return record

        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

    slower = replace(stack.api, uploads=cast(Any, Overtaken()))

    body = {"part_ids": [part]}
    assert refused(complete_upload, slower, upload["id"], body) == (409, "upload_busy")
    assert complete_upload(slower, upload["id"], body)["status"] == "completed"


def test_a_join_that_died_can_be_taken_over(stack: FileRuns) -> None:
    upload = stack.upload()
    part = stack.part(upload, b"onetwo")
    record = stack.api.uploads.get(upload["id"])
    assert stack.api.uploads.move(record, status="completing", busy_until=int(stack.now) + 60)

    assert refused(stack.complete, upload, part) == (409, "upload_busy")
    assert refused(stack.part, upload, b"more") == (409, "upload_busy")
    stack.now += 61

    assert stack.complete(upload, part)["status"] == "completed"


@pytest.mark.parametrize(
    ("wanted", "more", "answer"),
    [
        (["one"], {}, (400, "size_mismatch")),
        (["one", "one"], {}, (400, "invalid_part_ids")),
        (["one", "none"], {}, (400, "part_not_found")),
        ([], {}, (400, "invalid_part_ids")),
        (["one", "two"], {"md5": "0" * 32}, (400, "checksum_mismatch")),
        (["one", "two"], {"md5": "short"}, (400, "invalid_checksum")),
        (["one", "two"], {"md5": 7}, (400, "invalid_checksum")),
    ],
)
def test_a_completion_that_does_not_fit_can_be_mended(
    stack: FileRuns, wanted: list[str], more: dict[str, Any], answer: tuple[int, str]
) -> None:
    upload = stack.upload()
    parts = {name: stack.part(upload, name.encode()) for name in ("one", "two")}

    asked = {"part_ids": [parts.get(name, "part_none") for name in wanted], **more}

    assert refused(complete_upload, stack.api, upload["id"], asked) == answer
    assert stack.objects("files/") == []
    assert stack.complete(upload, parts["one"], parts["two"])["status"] == "completed"


@pytest.mark.parametrize("part_ids", [None, "part_a", [1], [f"part_{number}" for number in range(MOST_PARTS + 1)]])
def test_parts_must_be_named(stack: FileRuns, part_ids: Any) -> None:
    upload = stack.upload()

    assert refused(complete_upload, stack.api, upload["id"], {"part_ids": part_ids}) == (400, "invalid_part_ids")


def test_a_cancelled_upload_is_over_and_its_parts_are_gone(stack: FileRuns) -> None:
    upload = stack.upload()
    part = stack.part(upload, b"onetwo")

    assert cancel_upload(stack.api, upload["id"]) == {**upload, "status": "cancelled"}
    assert cancel_upload(stack.api, upload["id"])["status"] == "cancelled"
    assert stack.objects() == []
    assert refused(stack.part, upload, b"more") == (400, "upload_cancelled")
    assert refused(stack.complete, upload, part) == (400, "upload_cancelled")


def test_a_completed_upload_cannot_be_cancelled(stack: FileRuns) -> None:
    upload = stack.upload()
    stack.complete(upload, stack.part(upload, b"onetwo"))

    assert refused(cancel_upload, stack.api, upload["id"]) == (400, "upload_completed")


def test_an_upload_ends_after_an_hour(stack: FileRuns) -> None:
    upload = stack.upload()
    part = stack.part(upload, b"onetwo")
    stack.now += 3600

    assert refused(stack.part, upload, b"more") == (400, "upload_expired")
    assert refused(stack.complete, upload, part) == (400, "upload_expired")
    assert refused(cancel_upload, stack.api, upload["id"]) == (400, "upload_expired")


def test_parts_come_side_by_side(stack: FileRuns) -> None:
    upload = stack.upload(bytes=40)
    pieces = [b"%04d" % number for number in range(10)]

    with ThreadPoolExecutor(5) as pool:
        parts = list(pool.map(lambda piece: stack.part(upload, piece), pieces))
    done = stack.complete(upload, *parts)

    assert file_content(stack.api, done["file"]["id"]).body == b"".join(pieces)
    record = stack.api.uploads.get(upload["id"])
    assert (record.part_count, record.part_bytes) == (10, 40)


def test_the_number_of_parts_is_bounded(stack: FileRuns) -> None:
    upload = stack.upload()
    record = stack.api.uploads.get(upload["id"])
    stack.api.uploads.move(record, status="pending", part_count=MOST_PARTS)

    assert refused(stack.part, upload, b"one") == (413, "too_many_parts")
    assert stack.objects() == []


def test_the_bytes_of_all_parts_are_bounded(stack: FileRuns) -> None:
    upload = stack.upload()
    record = stack.api.uploads.get(upload["id"])
    stack.api.uploads.move(record, status="pending", part_bytes=2 * LARGEST_FILE - 2)

    assert refused(stack.part, upload, b"one") == (413, "too_many_parts")
    assert stack.part(upload, b"tw")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"bytes": 0}, "bytes"),
        ({"bytes": True}, "bytes"),
        ({"bytes": "6"}, "bytes"),
        ({"bytes": LARGEST_FILE + 1}, "bytes"),
        ({"filename": ""}, "file"),
        ({"filename": None}, "file"),
        ({"mime_type": 1}, "mime_type"),
        ({"mime_type": "x" * 256}, "mime_type"),
        ({"purpose": "vision"}, "purpose"),
        ({"expires_after": 3600}, "expires_after"),
        ({"expires_after": {"anchor": "created_at", "seconds": 1}}, "expires_after"),
    ],
)
def test_an_upload_that_cannot_be_is_refused(stack: FileRuns, fields: dict[str, Any], param: str) -> None:
    with pytest.raises(PromptsideError) as raised:
        stack.upload(**fields)

    assert raised.value.param == param


def test_a_part_needs_bytes_and_an_upload(stack: FileRuns) -> None:
    upload = stack.upload()

    assert refused(stack.part, upload, b"") == (400, "missing_data")
    assert refused(add_part, stack.api, upload["id"], form_request({"other": "1"})) == (400, "missing_data")
    assert refused(stack.part, {"id": "upload_none"}, b"one") == (404, "upload_not_found")
    too_large = HttpRequest("POST", "/", {}, body=b"x" * (LARGEST_FORM + 1))
    assert refused(add_part, stack.api, upload["id"], too_large) == (413, "payload_too_large")


def test_another_workspace_sees_no_upload(stack: FileRuns, engine: Engine) -> None:
    upload = stack.upload()
    other = FileRuns(engine, run_table=stack.table, bucket=stack.bucket, workspace="other")

    with pytest.raises(NotFound):
        other.part(upload, b"one")


def test_a_part_whose_bytes_are_gone_is_named(stack: FileRuns) -> None:
    upload = stack.upload()
    part = stack.part(upload, b"onetwo")
    stack.services.objects.delete(stack.objects("uploads/"))

    assert refused(stack.complete, upload, part) == (400, "part_not_found")
    assert stack.objects() == []

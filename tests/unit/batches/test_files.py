"""Files: created, listed, read, deleted, and what is refused."""

import json
from dataclasses import fields
from typing import Any

import pytest

from promptside.api.http import HttpRequest
from promptside.batches.files import (
    LARGEST_FORM,
    LARGEST_INLINE,
    MOST_ANSWERED,
    create_file,
    delete_file,
    file_content,
    list_files,
    retrieve_file,
)
from promptside.errors import InvalidRequest, NotFound, PayloadTooLarge, PromptsideError
from promptside.schema.file import FileRecord
from promptside.store.items import encode_item
from tests.engines import Engine
from tests.file_requests import FileRuns, form_request

DAY = 86400


@pytest.fixture
def stack(engine: Engine) -> FileRuns:
    return FileRuns(engine)


def test_a_file_is_described_as_openai_does(stack: FileRuns) -> None:
    made = stack.file(b'{"a": 1}\n', "lines.jsonl")

    assert made == {
        "id": made["id"],
        "object": "file",
        "bytes": 9,
        "created_at": int(stack.now),
        "expires_at": int(stack.now) + 30 * DAY,
        "filename": "lines.jsonl",
        "purpose": "batch",
        "status": "processed",
        "status_details": None,
    }
    assert retrieve_file(stack.api, made["id"]) == made
    assert stack.objects() == [f"files/{made['id']}"]


def test_ids_say_nothing_but_the_time(stack: FileRuns) -> None:
    first, second = stack.file()["id"], stack.file()["id"]

    time_of, rest = first[: len("file-") + 12], first[len("file-") + 12 :]
    assert second.startswith(time_of)
    assert len(rest) == 32
    assert not second.endswith(rest)


def test_the_content_is_what_was_sent(stack: FileRuns) -> None:
    made = stack.file('{"a": "ü"}\r\n'.encode(), "größe 5%.jsonl")

    answer = file_content(stack.api, made["id"])

    assert (answer.status, answer.body) == (200, '{"a": "ü"}\r\n'.encode())
    assert answer.headers == {
        "content-type": "application/octet-stream",
        "content-disposition": (
            "attachment; filename=\"gr__e 5_.jsonl\"; filename*=UTF-8''gr%C3%B6%C3%9Fe%205%25.jsonl"
        ),
    }


@pytest.mark.parametrize("content", [b"x" * (LARGEST_INLINE + 1), b"\xff\xfe no text"])
def test_what_cannot_be_answered_in_one_piece_comes_by_a_link(stack: FileRuns, content: bytes) -> None:
    made = stack.file(content)

    answer = file_content(stack.api, made["id"])

    assert (answer.status, answer.headers["cache-control"]) == (307, "no-store")
    assert f"/{stack.bucket}/files/{made['id']}?" in answer.headers["location"]


def test_a_deleted_file_is_gone_with_its_bytes(stack: FileRuns) -> None:
    made = stack.file()

    assert delete_file(stack.api, made["id"]) == {"id": made["id"], "object": "file", "deleted": True}
    assert stack.objects() == []
    for call in (retrieve_file, delete_file, file_content):
        with pytest.raises(NotFound, match=f"No such File object: {made['id']}"):
            call(stack.api, made["id"])


def test_bytes_that_somebody_has_deleted_are_not_found(stack: FileRuns) -> None:
    made = stack.file()
    stack.services.objects.delete([f"files/{made['id']}"])

    with pytest.raises(NotFound, match=f"The bytes of {made['id']} are gone"):
        file_content(stack.api, made["id"])


def test_an_expired_file_is_gone_before_the_table_forgets_it(stack: FileRuns) -> None:
    fields = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}
    made = create_file(stack.api, form_request({"purpose": "batch", **fields}, file=("a", b"{}")))
    stack.now += 3599
    assert retrieve_file(stack.api, made["id"])["expires_at"] == made["created_at"] + 3600

    stack.now += 1

    with pytest.raises(NotFound):
        retrieve_file(stack.api, made["id"])
    assert list_files(stack.api, {})["data"] == []


def test_no_file_is_kept_for_longer_than_the_bucket_keeps_it(stack: FileRuns) -> None:
    fields = {"expires_after[anchor]": "created_at", "expires_after[seconds]": str(30 * DAY)}
    request = form_request({"purpose": "batch", **fields}, file=("a", b"{}"))

    made = create_file(stack.keeping(days=7), request)

    assert made["expires_at"] == made["created_at"] + 7 * DAY


def test_lists_have_pages_in_both_directions(stack: FileRuns) -> None:
    made = []
    for number in range(5):
        stack.now += 1
        made.append(stack.file(name=f"{number}.jsonl"))

    first = list_files(stack.api, {"limit": "2"})
    second = list_files(stack.api, {"limit": "2", "after": first["last_id"]})
    last = list_files(stack.api, {"limit": "2", "after": second["last_id"]})
    rising = list_files(stack.api, {"limit": "3", "order": "asc", "after": made[0]["id"]})

    assert first == {
        "object": "list",
        "data": [made[4], made[3]],
        "first_id": made[4]["id"],
        "last_id": made[3]["id"],
        "has_more": True,
    }
    assert (second["data"], second["has_more"]) == ([made[2], made[1]], True)
    assert (last["data"], last["has_more"]) == ([made[0]], False)
    assert (rising["data"], rising["has_more"]) == (made[1:4], True)


def test_a_list_of_one_purpose(stack: FileRuns) -> None:
    stack.file()
    written = stack.file(purpose="batch_output")

    assert list_files(stack.api, {"purpose": "batch_output"})["data"] == [written]


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "10001"}, "limit"),
        ({"limit": "two"}, "limit"),
        ({"order": "up"}, "order"),
        ({"purpose": "vision"}, "purpose"),
        ({"after": "file-nowhere"}, "id"),
    ],
)
def test_a_list_that_cannot_be_is_refused(stack: FileRuns, query: dict[str, str], param: str) -> None:
    with pytest.raises(PromptsideError) as refused:
        list_files(stack.api, query)

    assert refused.value.param == param


@pytest.mark.parametrize(
    ("fields", "sent", "message"),
    [
        ({}, ("a", b"{}"), "'purpose' must be one of: batch, batch_output"),
        ({"purpose": "fine-tune"}, ("a", b"{}"), "'purpose' must be one of: batch, batch_output"),
        ({"purpose": "batch"}, None, "The form has no field 'file'"),
        ({"purpose": "batch"}, ("a", b""), "The file is empty"),
        ({"purpose": "batch"}, ("", b"{}"), "The file needs a name of at most 255 characters"),
        ({"purpose": "batch"}, ("../", b"{}"), "The file needs a name of at most 255 characters"),
        ({"purpose": "batch"}, ("x" * 256, b"{}"), "The file needs a name of at most 255 characters"),
        (
            {"purpose": "batch", "expires_after[anchor]": "created_at", "expires_after[seconds]": "3599"},
            ("a", b"{}"),
            "'expires_after' must be an object with the anchor 'created_at' and 3600 to 2592000 seconds",
        ),
        (
            {"purpose": "batch", "expires_after[anchor]": "now", "expires_after[seconds]": "3600"},
            ("a", b"{}"),
            "'expires_after' must be an object with the anchor 'created_at' and 3600 to 2592000 seconds",
        ),
        (
            {"purpose": "batch", "expires_after[anchor]": "created_at"},
            ("a", b"{}"),
            "'expires_after' must be an object with the anchor 'created_at' and 3600 to 2592000 seconds",
        ),
    ],
)
def test_a_file_that_cannot_be_kept_leaves_nothing(
    stack: FileRuns, fields: dict[str, str], sent: tuple[str, bytes] | None, message: str
) -> None:
    named: dict[str, Any] = {} if sent is None else {"file": sent}

    with pytest.raises(InvalidRequest) as refused:
        create_file(stack.api, form_request(fields, **named))

    assert refused.value.message == message
    assert stack.objects() == []


def test_names_lose_their_folders(stack: FileRuns) -> None:
    assert stack.file(name="C:/users/ann/in\tput.jsonl")["filename"] == "input.jsonl"


def test_a_form_that_lambda_could_not_take_is_refused_with_the_way_out(stack: FileRuns) -> None:
    request = HttpRequest("POST", "/v1/files", {}, body=b"x" * (LARGEST_FORM + 1))

    with pytest.raises(PayloadTooLarge, match="send a larger file in parts, with POST /v1/uploads"):
        create_file(stack.api, request)


def test_another_workspace_sees_nothing(stack: FileRuns, engine: Engine) -> None:
    made = stack.file()
    other = FileRuns(engine, run_table=stack.table, bucket=stack.bucket, workspace="other")

    with pytest.raises(NotFound):
        retrieve_file(other.api, made["id"])
    assert list_files(other.api, {})["data"] == []


def test_a_page_holds_no_more_than_an_answer_can_carry(stack: FileRuns) -> None:
    record = stack.api.files.get(stack.file()["id"])
    items = [
        {
            "PutRequest": {
                "Item": {"pk": {"S": "default#files"}, "sk": {"S": f"file-{number:012x}"}, **_attributes(record)}
            }
        }
        for number in range(MOST_ANSWERED + 1)
    ]
    client = stack.engine.client("dynamodb")
    for start in range(0, len(items), 25):
        client.batch_write_item(RequestItems={stack.table: items[start : start + 25]})

    page = list_files(stack.api, {})

    assert (len(page["data"]), page["has_more"]) == (MOST_ANSWERED, True)
    # Every quote and backslash counts twice inside Lambda's own JSON.
    assert len(json.dumps(json.dumps(page))) * 4 < 6 * 1024 * 1024


def _attributes(record: FileRecord) -> dict[str, Any]:
    return encode_item({field.name: getattr(record, field.name) for field in fields(record)})

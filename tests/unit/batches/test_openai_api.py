"""Batches in OpenAI's terms: what may be asked for, and how what came of it is described."""

import json
from dataclasses import replace
from typing import Any

import pytest

from promptside.api.http import HttpRequest
from promptside.api.tables import Asked
from promptside.batches.files import list_files, retrieve_file
from promptside.batches.openai_api import (
    batch_object,
    batch_output,
    cancel,
    create_batch,
    list_batches,
    retrieve_batch,
)
from promptside.errors import Conflict, Forbidden, NotFound, PromptsideError
from promptside.schema.batch import BatchRecord, InputFile, ResultFile, Tally
from promptside.schema.prompt import ApiKey
from tests.batch_runs import HI, request_line
from tests.engines import Engine
from tests.file_requests import CALLER, CHAT, FileRuns
from tests.upstream import Upstream, json_reply

ANSWER = {
    "id": "c", "object": "chat.completion", "created": 1, "model": "m1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
}  # fmt: skip


@pytest.fixture
def stack(engine: Engine) -> FileRuns:
    return FileRuns(engine)


def refused(call: Any, *args: Any, **named: Any) -> tuple[int, str | None, str | None]:
    with pytest.raises(PromptsideError) as raised:
        call(*args, **named)
    return raised.value.status, raised.value.code, raised.value.param


def test_a_batch_begins(stack: FileRuns) -> None:
    file = stack.file()

    begun = stack.batch(input_file_id=file["id"], metadata={"job": "nightly"})

    assert begun == {
        "id": begun["id"],
        "object": "batch",
        "endpoint": CHAT,
        "input_file_id": file["id"],
        "completion_window": "24h",
        "status": "validating",
        "errors": None,
        "output_file_id": None,
        "error_file_id": None,
        "created_at": int(stack.now),
        "expires_at": int(stack.now) + 86400,
        "in_progress_at": None,
        "finalizing_at": None,
        "completed_at": None,
        "failed_at": None,
        "expired_at": None,
        "cancelling_at": None,
        "cancelled_at": None,
        "request_counts": {"total": 0, "completed": 0, "failed": 0},
        "usage": None,
        "metadata": {"job": "nightly"},
    }
    assert retrieve_batch(stack.api, begun["id"]) == begun
    assert [json.loads(started["input"]) for started in stack.machine.executions] == [{"batch_id": begun["id"]}]


def test_lines_run_on_behalf_of_the_key_that_made_the_batch(stack: FileRuns) -> None:
    headers = {
        "x-portkey-virtual-key": "vk",
        "x-portkey-metadata": '{"user": "7"}',
        "x-portkey-trace-id": "t-1",
        "authorization": "Bearer sk-of-a-provider",
        "x-portkey-api-key": "ps-secret",
    }

    record = stack.get(stack.batch(headers=headers)["id"])

    assert record.key_digest == CALLER.digest
    assert record.defaults == {"headers": {"x-portkey-virtual-key": "vk", "x-portkey-metadata": '{"user": "7"}'}}


def test_whom_iam_has_let_in_needs_no_key(stack: FileRuns) -> None:
    assert stack.get(stack.batch(caller=None)["id"]).key_digest is None


def test_a_key_that_may_not_run_prompts_cannot_have_them_run(stack: FileRuns) -> None:
    caller = ApiKey("k2", "d2", "files only", frozenset({"batches.*", "files.*"}))

    with pytest.raises(Forbidden, match=r"lacks the scope 'completions\.write', which its runs need"):
        stack.batch(caller=caller)


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({"input_file_id": "file-none"}, (404, "file_not_found", "id")),
        ({"input_file_id": 7}, (400, "invalid_type", "input_file_id")),
        ({"input_file_id": ""}, (400, "invalid_type", "input_file_id")),
        ({"endpoint": None}, (400, "invalid_endpoint", "endpoint")),
        ({"endpoint": "/v1/embeddings"}, (400, "invalid_endpoint", "endpoint")),
        ({"endpoint": "/v1/prompts/partials/completions"}, (400, "invalid_endpoint", "endpoint")),
        ({"endpoint": "/v1/prompts/{id}/completions"}, (400, "invalid_endpoint", "endpoint")),
        ({"endpoint": "/v1/prompts/a/b/completions"}, (400, "invalid_endpoint", "endpoint")),
        ({"endpoint": f"/v1/prompts/{'a' * 201}/completions"}, (400, "invalid_endpoint", "endpoint")),
        ({"endpoint": "/prompts/a/completions"}, (400, "invalid_endpoint", "endpoint")),
        ({"completion_window": "7d"}, (400, "invalid_completion_window", "completion_window")),
        ({"completion_window": None}, (400, "invalid_completion_window", "completion_window")),
        ({"metadata": [1]}, (400, "invalid_metadata", "metadata")),
        ({"metadata": {"a": 1}}, (400, "invalid_metadata", "metadata")),
        ({"metadata": {"a": "x" * 513}}, (400, "invalid_metadata", "metadata")),
        ({"metadata": {"a" * 65: "x"}}, (400, "invalid_metadata", "metadata")),
        ({"metadata": {str(number): "x" for number in range(17)}}, (400, "invalid_metadata", "metadata")),
        ({"output_expires_after": 3600}, (400, "invalid_request", "output_expires_after")),
        (
            {"output_expires_after": {"anchor": "created_at", "seconds": 60}},
            (400, "invalid_expires_after", "expires_after"),
        ),
    ],
)
def test_a_batch_that_cannot_be_is_refused_before_it_begins(
    stack: FileRuns, fields: dict[str, Any], answer: tuple[int, str, str]
) -> None:
    assert refused(stack.batch, **fields) == answer
    assert stack.machine.executions == []


def test_the_results_of_a_batch_are_no_input(stack: FileRuns) -> None:
    written = stack.file(purpose="batch_output")

    assert refused(stack.batch, input_file_id=written["id"])[2] == "input_file_id"


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"targets": [{"provider": "openai", "api_key": "sk-1"}], "strategy": {"mode": "single"}}, "secret_in_config"),
        ({"retry": "often"}, "invalid_config"),
    ],
)
def test_a_config_of_the_call_is_checked_at_once(stack: FileRuns, config: dict[str, Any], code: str) -> None:
    status, given, _ = refused(stack.batch, headers={"x-portkey-config": json.dumps(config)})

    assert (status, given) == (400, code)


@pytest.mark.parametrize(("name", "value"), [("x-portkey-metadata", "[1]"), ("x-portkey-request-timeout", "soon")])
def test_a_header_that_no_line_could_have_is_refused_at_once(stack: FileRuns, name: str, value: str) -> None:
    assert refused(stack.batch, headers={name: value}) == (400, "invalid_request", name)


def test_a_repeated_call_returns_the_same_batch(stack: FileRuns) -> None:
    file = stack.file()["id"]
    headers = {"idempotency-key": "nightly-1"}

    begun = stack.batch(headers=headers, input_file_id=file)

    assert stack.batch(headers=headers, input_file_id=file) == begun
    assert stack.batch(headers={"idempotency-key": "nightly-2"}, input_file_id=file)["id"] != begun["id"]
    other = ApiKey("k2", "d2", "other", frozenset({"*"}))
    assert stack.batch(caller=other, headers=headers, input_file_id=file)["id"] != begun["id"]
    assert refused(stack.batch, headers=headers) == (400, "idempotency_key_reused", "idempotency-key")
    changed = {**headers, "x-portkey-virtual-key": "other"}
    assert refused(stack.batch, headers=changed, input_file_id=file)[1] == "idempotency_key_reused"
    assert refused(stack.batch, headers={"idempotency-key": "x" * 256})[2] == "idempotency-key"


def test_a_body_that_is_none_is_refused(stack: FileRuns) -> None:
    request = HttpRequest("POST", "/v1/batches", {}, body=b"[")

    assert refused(create_batch, stack.api, Asked(request, caller=CALLER))[1] == "invalid_json"


def test_a_finished_batch_has_its_files(engine: Engine) -> None:
    with Upstream() as upstream:
        upstream.default = lambda _: json_reply(ANSWER)
        stack = FileRuns(engine, upstream.url)
        lines = [request_line("a"), {**request_line("b"), "method": "GET"}]
        file = stack.file("\n".join(map(json.dumps, lines)).encode())
        caller = replace(CALLER, digest=stack.key_digest)
        begun = stack.batch(
            caller=caller,
            input_file_id=file["id"],
            endpoint=HI,
            output_expires_after={"anchor": "created_at", "seconds": 7200},
        )
        stack.run(begun["id"])
        stack.step("finish-batch", begun["id"])

    batch = retrieve_batch(stack.api, begun["id"])
    output, errors = (retrieve_file(stack.api, batch[name]) for name in ("output_file_id", "error_file_id"))
    assert (batch["status"], batch["request_counts"]) == ("completed", {"total": 2, "completed": 1, "failed": 1})
    assert batch["usage"] == {
        "input_tokens": 3,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 7,
    }
    assert (output["purpose"], output["filename"]) == ("batch_output", f"{batch['id']}_output.jsonl")
    assert (errors["purpose"], errors["filename"]) == ("batch_output", f"{batch['id']}_error.jsonl")
    assert output["expires_at"] == int(stack.now) + 7200
    answer = batch_output(stack.api, begun["id"])
    assert isinstance(answer.body, bytes)
    assert json.loads(answer.body)["custom_id"] == "a"
    # Finishing twice makes no second file.
    assert len(list_files(stack.api, {"purpose": "batch_output"})["data"]) == 2


def test_a_key_that_is_revoked_stops_the_rest(engine: Engine) -> None:
    with Upstream() as upstream:
        upstream.default = lambda _: json_reply(ANSWER)
        stack = FileRuns(engine, upstream.url)
        file = stack.file(json.dumps(request_line("a")).encode())
        begun = stack.batch(caller=replace(CALLER, digest="revoked"), input_file_id=file["id"], endpoint=HI)
        stack.run(begun["id"])

    (error,) = stack.errors(begun["id"])
    assert (error["custom_id"], error["response"]["status_code"], error["error"]["code"]) == (
        "a", 401, "invalid_api_key",
    )  # fmt: skip
    assert upstream.requests == []


def test_a_batch_of_a_dropped_file_can_be_read_and_cancelled(stack: FileRuns) -> None:
    record = stack.drop('{"variables": {"name": "Ann"}}\n')

    found = retrieve_batch(stack.api, record.batch_id)

    assert (found["endpoint"], found["input_file_id"]) == ("/v1/prompts/{id}/completions", "inbox/hi/names.jsonl")
    assert cancel(stack.api, record.batch_id)["status"] == "cancelling"


def test_cancelling_what_has_ended_is_a_conflict_that_nobody_repeats(stack: FileRuns) -> None:
    begun = stack.batch(input_file_id=stack.file(b"\n")["id"])
    stack.run(begun["id"])

    with pytest.raises(Conflict, match="The batch cannot be cancelled: it is failed") as raised:
        cancel(stack.api, begun["id"])

    assert raised.value.headers == {"x-should-retry": "false"}
    assert refused(batch_output, stack.api, begun["id"]) == (404, "no_output", "batch_id")


@pytest.mark.parametrize("batch_id", ["batch_none", "x" * 101])
def test_a_batch_that_is_not_there_is_not_found(stack: FileRuns, batch_id: str) -> None:
    for call in (retrieve_batch, cancel, batch_output):
        with pytest.raises(NotFound):
            call(stack.api, batch_id)


def test_lists_have_pages(stack: FileRuns) -> None:
    made = []
    for _ in range(3):
        stack.now += 1
        made.append(stack.batch())

    first = list_batches(stack.api, {"limit": "2"})
    last = list_batches(stack.api, {"limit": "2", "after": first["last_id"]})

    assert (first["data"], first["has_more"]) == ([made[2], made[1]], True)
    assert (last["data"], last["has_more"]) == ([made[0]], False)
    assert refused(list_batches, stack.api, {"limit": "101"})[2] == "limit"
    assert refused(list_batches, stack.api, {"after": "batch_none"})[0] == 404


def test_every_moment_has_its_place() -> None:
    moments = {"validating": 1, "in_progress": 2, "cancelling": 3, "finalizing": 4, "cancelled": 5}
    record = BatchRecord(
        batch_id="batch_1",
        status="cancelled",
        shape="openai",
        input=InputFile("files/a"),
        created_at=1,
        window_ends_at=86401,
        endpoint=CHAT,
        details={"input_file_id": "file-a"},
        moments=moments,
        total=5,
        tally=Tally(completed=2, failed=1, cancelled=2),
        problems=({"code": "c", "message": "m", "line": 3, "param": None},),
        output=ResultFile("batches/batch_1/output.jsonl", 10),
    )

    found = batch_object(record)

    assert {name: found[name] for name in found if name.endswith("_at")} == {
        "created_at": 1,
        "expires_at": 86401,
        "in_progress_at": 2,
        "cancelling_at": 3,
        "finalizing_at": 4,
        "cancelled_at": 5,
        "completed_at": None,
        "failed_at": None,
        "expired_at": None,
    }
    # Lines that were not run have not succeeded: every one of them is in the errors file.
    assert found["request_counts"] == {"total": 5, "completed": 2, "failed": 3}
    assert found["errors"] == {"object": "list", "data": list(record.problems)}
    assert (found["error_file_id"], found["output_file_id"][:5]) == (None, "file-")

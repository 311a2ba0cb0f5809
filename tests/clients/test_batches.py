"""OpenAI's SDKs as clients of files, uploads and batches, and Portkey's, which build on them."""

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import httpx2
import openai
import pytest
from openai.types import Batch, FileDeleted, FileObject, Upload
from portkey_ai import Portkey

from tests.clients.conftest import needs_node
from tests.clients.node_sdks import NodeDriver
from tests.clients.provider import EchoProvider, echo, failure
from tests.clients.running import KEY, Running
from tests.upstream import Reply, Request

CHAT: Final = "/v1/chat/completions"
RESPONSES: Final = "/v1/responses"
ENDED = {"completed", "failed", "expired", "cancelled"}
SECONDS = 30.0
BIG = b'{"filler": "' + b"x" * 86 + b'"}\n'
"""One of 20,000 lines, which are more than one answer can carry."""


@pytest.fixture
def client(running: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=running.base_url, api_key=KEY, max_retries=0, _strict_response_validation=True) as made:
        yield made


def jsonl(lines: list[Any]) -> bytes:
    return "".join(f"{json.dumps(line)}\n" for line in lines).encode()


def chat_line(custom_id: str, slug: str, name: str, **more: Any) -> dict[str, Any]:
    body = {"prompt": {"id": slug, "variables": {"name": name}}, **more}
    return {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": body}


def ended(retrieve: Callable[[], Any]) -> Any:
    """Ask for a batch until it has ended, as OpenAI's own examples do."""
    deadline = time.monotonic() + SECONDS
    while True:
        batch = retrieve()
        if (batch["status"] if isinstance(batch, dict) else batch.status) in ENDED:
            return batch
        assert time.monotonic() < deadline, batch
        time.sleep(0.05)


def lines_of(client: openai.OpenAI, file_id: str | None) -> list[Any]:
    assert file_id is not None
    return [json.loads(line) for line in client.files.content(file_id).text.splitlines()]


def submit(client: openai.OpenAI, lines: list[Any], endpoint: Any = CHAT, **options: Any) -> Batch:
    file = client.files.create(file=("lines.jsonl", jsonl(lines)), purpose="batch")
    return client.batches.create(input_file_id=file.id, endpoint=endpoint, completion_window="24h", **options)


def test_a_batch_from_its_file_to_its_results(client: openai.OpenAI, prompt_slug: str) -> None:
    lines = [chat_line(f"order-{number}", prompt_slug, f"Ann {number}") for number in range(20)]
    lines[7] = chat_line("order-7", "pp-nowhere", "Ann 7")
    lines[9] = {**lines[9], "url": RESPONSES}

    begun = submit(client, lines, metadata={"job": "nightly"})
    batch = ended(lambda: client.batches.retrieve(begun.id))

    output, errors = lines_of(client, batch.output_file_id), lines_of(client, batch.error_file_id)
    assert isinstance(batch, Batch)
    assert (begun.status, batch.status, batch.metadata) == ("validating", "completed", {"job": "nightly"})
    assert batch.request_counts is not None
    assert batch.request_counts.to_dict() == {"total": 20, "completed": 18, "failed": 2}
    assert {line["custom_id"]: line["response"]["body"]["choices"][0]["message"]["content"] for line in output} == {
        f"order-{number}": f"Hi Ann {number}" for number in range(20) if number not in (7, 9)
    }
    assert [(line["custom_id"], line["error"]["code"]) for line in errors] == [
        ("order-7", "prompt_not_found"),
        ("order-9", "invalid_url"),
    ]
    assert batch.usage is not None
    assert batch.usage.total_tokens == 18 * 7
    moments = [batch.created_at, batch.in_progress_at, batch.finalizing_at, batch.completed_at, batch.expires_at]
    assert moments == sorted(moments, key=lambda moment: moment or 0)
    assert batch.expires_at == batch.created_at + 86400


def test_every_line_of_a_large_batch_is_accounted_for(
    client: openai.OpenAI, prompt_slug: str, provider: EchoProvider
) -> None:
    def sometimes(request: Request) -> Reply:
        number = int(request.json()["messages"][-1]["content"].removeprefix("Hi "))
        return failure(400, "No") if number % 10 == 3 else echo(request)

    provider.answer(sometimes)
    content = jsonl([chat_line(f"c{number}", prompt_slug, str(number)) for number in range(60)])
    upload = client.uploads.upload_file_chunked(
        file=content,
        filename="many.jsonl",
        bytes=len(content),
        mime_type="application/jsonl",
        purpose="batch",
        part_size=5_000,
    )
    assert upload.file is not None

    begun = client.batches.create(input_file_id=upload.file.id, endpoint=CHAT, completion_window="24h")
    batch = ended(lambda: client.batches.retrieve(begun.id))

    output, errors = lines_of(client, batch.output_file_id), lines_of(client, batch.error_file_id)
    assert [line["custom_id"] for line in output] == [f"c{number}" for number in range(60) if number % 10 != 3]
    assert [line["custom_id"] for line in errors] == [f"c{number}" for number in range(3, 60, 10)]
    assert {line["response"]["status_code"] for line in errors} == {400}
    assert len(provider.requests) == 60


def test_what_a_batch_has_written_is_among_the_files(client: openai.OpenAI, prompt_slug: str) -> None:
    begun = submit(
        client,
        [chat_line("a", prompt_slug, "Ann")],
        output_expires_after={"anchor": "created_at", "seconds": 3600},
    )

    batch = ended(lambda: client.batches.retrieve(begun.id))
    file = client.files.retrieve(batch.output_file_id)

    assert (file.purpose, file.filename) == ("batch_output", f"{batch.id}_output.jsonl")
    assert file.bytes == len(client.files.content(file.id).content)
    assert file.expires_at == file.created_at + 3600
    assert batch.error_file_id is None
    assert file.id in [listed.id for listed in client.files.list(purpose="batch_output")]
    assert client.files.delete(file.id) == FileDeleted(id=file.id, deleted=True, object="file")
    with pytest.raises(openai.NotFoundError, match=f"No such File object: {file.id}"):
        client.files.content(file.id)


@pytest.mark.parametrize("endpoint", [RESPONSES, "prompt"])
def test_batches_of_other_endpoints(client: openai.OpenAI, prompt_slug: str, endpoint: str) -> None:
    named = {"prompt": {"id": prompt_slug, "variables": {"name": "Ann"}}}
    url, body = (RESPONSES, named)
    if endpoint == "prompt":
        url, body = f"/v1/prompts/{prompt_slug}/completions", {"variables": {"name": "Ann"}}

    begun = submit(client, [{"custom_id": "a", "method": "POST", "url": url, "body": body}], endpoint=url)
    batch = ended(lambda: client.batches.retrieve(begun.id))

    (line,) = lines_of(client, batch.output_file_id)
    answer = line["response"]["body"]
    text = (
        answer["output"][0]["content"][0]["text"] if "output" in answer else answer["choices"][0]["message"]["content"]
    )
    assert (batch.endpoint, line["response"]["status_code"], text) == (url, 200, "Hi Ann")


def test_headers_of_the_call_hold_for_every_line(
    client: openai.OpenAI, prompt_slug: str, provider: EchoProvider
) -> None:
    config = json.dumps({"override_params": {"max_tokens": 11}})

    begun = submit(
        client,
        [chat_line("a", prompt_slug, "Ann"), chat_line("b", prompt_slug, "Bob", temperature=0.5)],
        extra_headers={"x-portkey-config": config},
    )
    ended(lambda: client.batches.retrieve(begun.id))

    sent = [request.json() for request in provider.requests]
    assert [body["max_tokens"] for body in sent] == [11, 11]
    assert sorted(body.get("temperature", 0) for body in sent) == [0, 0.5]


def test_a_file_that_is_no_batch_fails_as_a_whole(client: openai.OpenAI) -> None:
    file = client.files.create(file=("blank.jsonl", b"\n \n"), purpose="batch")
    begun = client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")

    batch = ended(lambda: client.batches.retrieve(begun.id))

    assert (batch.status, batch.output_file_id, batch.error_file_id) == ("failed", None, None)
    assert batch.failed_at is not None
    assert batch.errors is not None
    assert batch.errors.object == "list"
    assert [error.code for error in batch.errors.data or []] == ["empty_file"]


def test_a_batch_is_cancelled(client: openai.OpenAI, prompt_slug: str) -> None:
    begun = submit(client, [chat_line(f"{number}", prompt_slug, "Ann") for number in range(200)])

    asked = client.batches.cancel(begun.id)
    batch = ended(lambda: client.batches.retrieve(begun.id))

    assert asked.status in ("cancelling", "cancelled")
    assert batch.status == "cancelled"
    assert (batch.cancelling_at is not None, batch.cancelled_at is not None) == (True, True)
    with pytest.raises(openai.ConflictError, match="cannot be cancelled"):
        client.batches.cancel(submit_and_wait(client, prompt_slug).id)


def submit_and_wait(client: openai.OpenAI, slug: str) -> Batch:
    begun = submit(client, [chat_line("a", slug, "Ann")])
    batch: Batch = ended(lambda: client.batches.retrieve(begun.id))
    return batch


def test_lists_go_on_from_page_to_page(client: openai.OpenAI) -> None:
    made = [client.files.create(file=(f"{n}.jsonl", b"{}"), purpose="batch").id for n in range(5)]

    listed = [file.id for file in client.files.list(limit=2, purpose="batch")]
    rising = [file.id for file in client.files.list(limit=2, order="asc", purpose="batch", after=made[1])]

    assert listed[:5] == made[::-1]
    assert rising[:3] == made[2:]


def test_batches_are_listed_newest_first(client: openai.OpenAI) -> None:
    file = client.files.create(file=("blank.jsonl", b"\n"), purpose="batch")
    made = [client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h").id for _ in range(3)]

    listed = list(client.batches.list(limit=2))

    assert set(made) <= {batch.id for batch in listed}
    assert len({batch.id for batch in listed}) == len(listed)
    moments = [batch.created_at for batch in listed]
    assert moments == sorted(moments, reverse=True)


def test_a_large_file_comes_by_a_link_and_the_key_stays_here(running: Running) -> None:
    asked: list[httpx2.Request] = []
    http = openai.DefaultHttpxClient(event_hooks={"request": [asked.append]})
    content = BIG * 20_000
    with openai.OpenAI(base_url=running.base_url, api_key=KEY, max_retries=0, http_client=http) as client:
        file = client.files.create(file=("größe.jsonl", content), purpose="batch")
        asked.clear()

        answer = client.files.content(file.id)

    assert answer.content == content
    assert file.filename == "größe.jsonl"
    assert ["authorization" in request.headers for request in asked] == [True, False]
    assert answer.response.headers["content-disposition"].endswith("filename*=UTF-8''gr%C3%B6%C3%9Fe.jsonl")


def test_a_file_is_uploaded_in_parts(client: openai.OpenAI) -> None:
    content = BIG * 20_000

    upload = client.uploads.upload_file_chunked(
        file=content,
        filename="big.jsonl",
        bytes=len(content),
        mime_type="application/jsonl",
        purpose="batch",
        part_size=600_000,
        md5=hashlib.md5(content, usedforsecurity=False).hexdigest(),
    )

    assert isinstance(upload, Upload)
    assert (upload.status, upload.bytes) == ("completed", len(content))
    assert isinstance(upload.file, FileObject)
    assert (upload.file.filename, upload.file.bytes) == ("big.jsonl", len(content))
    assert client.files.content(upload.file.id).content == content


def test_parts_are_joined_in_the_order_that_is_asked_for(client: openai.OpenAI) -> None:
    upload = client.uploads.create(bytes=6, filename="a.jsonl", mime_type="application/jsonl", purpose="batch")
    parts = [client.uploads.parts.create(upload.id, data=data) for data in (b"two", b"gone", b"one")]

    done = client.uploads.complete(upload.id, part_ids=[parts[2].id, parts[0].id])

    assert done.file is not None
    assert client.files.content(done.file.id).content == b"onetwo"
    assert [(part.object, part.upload_id) for part in parts] == [("upload.part", upload.id)] * 3


def test_an_upload_is_cancelled(client: openai.OpenAI) -> None:
    upload = client.uploads.create(bytes=6, filename="a.jsonl", mime_type="application/jsonl", purpose="batch")

    assert client.uploads.cancel(upload.id).status == "cancelled"
    with pytest.raises(openai.BadRequestError, match="The upload is cancelled"):
        client.uploads.parts.create(upload.id, data=b"one")


def test_refusals_have_their_class_and_say_what_to_change(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="'purpose' must be one of: batch, batch_output"):
        client.files.create(file=("a.jsonl", b"{}"), purpose="fine-tune")
    with pytest.raises(openai.APIStatusError, match="send a larger file in parts, with POST /v1/uploads") as raised:
        client.files.create(file=("a.jsonl", b"x" * 4_600_000), purpose="batch")
    with pytest.raises(openai.NotFoundError, match="No such File object: file-none"):
        client.batches.create(input_file_id="file-none", endpoint=CHAT, completion_window="24h")

    assert raised.value.status_code == 413


def test_portkeys_python_sdk_runs_a_batch(running: Running, prompt_slug: str) -> None:
    with Portkey(base_url=running.base_url, api_key=KEY) as portkey:
        content = jsonl([chat_line("a", prompt_slug, "Ann")])
        file = portkey.files.create(file=("lines.jsonl", content), purpose="batch")
        begun = portkey.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
        batch = ended(lambda: portkey.batches.retrieve(begun.id))
        output = json.loads(portkey.files.content(batch.output_file_id).text)
        listed = portkey.batches.list(limit=100)

        assert portkey.files.content(file.id).content == content
        assert file.id in [known.id for known in portkey.files.list().data or []]
        assert batch.id in [known.id for known in listed.data or []]
        assert output["response"]["body"]["choices"][0]["message"]["content"] == "Hi Ann"
        assert portkey.files.delete(file.id).deleted is True


def test_portkeys_python_sdk_follows_the_link_to_a_large_file(running: Running) -> None:
    with Portkey(base_url=running.base_url, api_key=KEY) as portkey:
        file = portkey.files.create(file=("big.jsonl", BIG * 20_000), purpose="batch")

        assert portkey.files.content(file.id).content == BIG * 20_000


def test_the_asynchronous_client_does_the_same(running: Running, prompt_slug: str) -> None:
    async def run() -> tuple[int, str]:
        async with openai.AsyncOpenAI(base_url=running.base_url, api_key=KEY, max_retries=0) as client:
            content = jsonl([chat_line("a", prompt_slug, "Ann")])
            file = await client.files.create(file=("lines.jsonl", content), purpose="batch")
            read = await client.files.content(file.id)
            begun = await client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
            return len(read.content) - len(content), (await client.batches.retrieve(begun.id)).id[:6]

    assert asyncio.run(run()) == (0, "batch_")


@needs_node
@pytest.mark.parametrize("sdk", ["openai", "portkey"])
def test_node_runs_a_batch(node: NodeDriver, running: Running, prompt_slug: str, sdk: str) -> None:
    options = {"baseURL": running.base_url, "apiKey": KEY}

    def call(method: str, *args: Any) -> Any:
        return node.step(sdk, options, method, *args).result()

    lines = jsonl([chat_line("a", prompt_slug, "Ann")]).decode()
    file = call("files.create", {"file": {"$file": "lines.jsonl", "content": lines}, "purpose": "batch"})
    begun = call("batches.create", {"input_file_id": file["id"], "endpoint": CHAT, "completion_window": "24h"})
    batch = ended(lambda: call("batches.retrieve", begun["id"]))
    # Portkey's Node SDK loses the text of `files.content`, whoever answers it, and has a call of its own.
    if sdk == "openai":
        output = call("files.content", batch["output_file_id"])["text"]
    else:
        output = call("batches.output", begun["id"])

    assert (file["object"], file["filename"], file["purpose"]) == ("file", "lines.jsonl", "batch")
    assert (batch["status"], batch["request_counts"]) == ("completed", {"total": 1, "completed": 1, "failed": 0})
    assert json.loads(output)["response"]["body"]["choices"][0]["message"]["content"] == "Hi Ann"


@needs_node
def test_node_follows_the_link_to_a_large_file(node: NodeDriver, running: Running) -> None:
    options, content = {"baseURL": running.base_url, "apiKey": KEY}, (BIG * 20_000).decode()
    file = node.step(
        "openai", options, "files.create", {"file": {"$file": "a", "content": content}, "purpose": "batch"}
    ).result()

    found = node.step("openai", options, "files.content", file["id"]).result()

    assert found["text"] == content
    assert "X-Amz-Signature" in found["url"]


@needs_node
def test_node_lists_files_and_batches(node: NodeDriver, running: Running, client: openai.OpenAI) -> None:
    options = {"baseURL": running.base_url, "apiKey": KEY}
    made = [client.files.create(file=(f"{n}.jsonl", b"{}"), purpose="batch").id for n in range(3)]

    listed = node.step("openai", options, "files.list", {"limit": 2, "purpose": "batch"})

    assert [file["id"] for file in listed.chunks][:3] == made[::-1]

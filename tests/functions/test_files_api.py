"""Files, uploads and batches through the front doors of the runs function: routes, scopes, links, failed starts."""

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from tests.batch_runs import new_bucket
from tests.engines import Engine
from tests.file_requests import form_request
from tests.management_function import http_api_event, rest_api_event
from tests.runs_function import KEY, RunsFunction, runs_function

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def function(engine: Engine) -> Iterator[RunsFunction]:
    machine = "arn:aws:states:us-east-1:000000000000:stateMachine:none"
    environment = {"PROMPTSIDE_BUCKET": new_bucket(engine), "PROMPTSIDE_STATE_MACHINE": machine}
    with runs_function(engine, environment=environment) as made:
        yield made


def send(function: RunsFunction, event: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
    result = function.handler(event, None)
    assert result["isBase64Encoded"] is False
    assert result["headers"]["x-portkey-trace-id"]
    body = result["body"]
    is_json = result["headers"]["content-type"] == "application/json"
    return result["statusCode"], json.loads(body) if is_json else body, result["headers"]


def call(
    function: RunsFunction, method: str, path: str, body: Any = None, *, key: str = KEY
) -> tuple[int, Any, dict[str, str]]:
    sent = None if body is None else json.dumps(body).encode()
    return send(function, http_api_event(method, path, sent, {"authorization": f"Bearer {key}"}))


def create(
    function: RunsFunction, content: bytes = b"{}\n", *, key: str = KEY, front_door: Any = http_api_event
) -> tuple[int, Any, dict[str, str]]:
    form = form_request({"purpose": "batch"}, file=("a.jsonl", content))
    event = front_door("POST", "/v1/files", b"", {"authorization": f"Bearer {key}", **form.headers})
    # REST APIs hand binary types over in base64 as well: BinaryMediaTypes in template.yaml.
    event |= {"body": base64.b64encode(form.body).decode(), "isBase64Encoded": True}
    return send(function, event)


@pytest.mark.parametrize("front_door", [http_api_event, rest_api_event])
def test_a_file_goes_in_and_comes_out(function: RunsFunction, front_door: Any) -> None:
    status, file, _ = create(function, "{}\r\nü\n".encode(), front_door=front_door)

    assert (status, file["object"], file["bytes"]) == (200, "file", 7)
    assert call(function, "GET", f"/v1/files/{file['id']}")[:2] == (200, file)
    content = call(function, "GET", f"/v1/files/{file['id']}/content")
    assert (content[0], content[1], content[2]["content-type"]) == (200, "{}\r\nü\n", "application/octet-stream")
    assert call(function, "DELETE", f"/v1/files/{file['id']}")[1]["deleted"] is True
    assert call(function, "GET", f"/v1/files/{file['id']}")[0] == 404


@pytest.mark.parametrize("content", [b"x" * 1_000_001, b"\xff\x00 no text"])
def test_a_link_leads_to_the_bytes_and_to_nothing_else(function: RunsFunction, content: bytes) -> None:
    file = create(function, content)[1]

    status, _, headers = call(function, "GET", f"/v1/files/{file['id']}/content")

    assert status == 307
    query = urlsplit(headers["location"]).query
    assert "X-Amz-Expires=300" in query
    assert "X-Amz-SignedHeaders=host" in query
    assert KEY not in headers["location"]
    with urlopen(headers["location"]) as answer:
        assert answer.read() == content
        assert answer.headers["content-disposition"].startswith('attachment; filename="a.jsonl"')


def test_a_file_in_parts(function: RunsFunction) -> None:
    asked = {"bytes": 6, "filename": "a.jsonl", "mime_type": "application/jsonl", "purpose": "batch"}
    upload = call(function, "POST", "/v1/uploads", asked)[1]
    parts = []
    for content in (b"one", b"two"):
        form = form_request({}, data=("blob", content))
        headers = {"authorization": f"Bearer {KEY}", **form.headers}
        event = http_api_event("POST", f"/v1/uploads/{upload['id']}/parts", form.body, headers)
        parts.append(send(function, event)[1]["id"])

    done = call(function, "POST", f"/v1/uploads/{upload['id']}/complete", {"part_ids": parts})[1]

    assert done["status"] == "completed"
    assert call(function, "GET", f"/v1/files/{done['file']['id']}/content")[1] == "onetwo"
    other = call(function, "POST", "/v1/uploads", asked)[1]
    assert call(function, "POST", f"/v1/uploads/{other['id']}/cancel")[1]["status"] == "cancelled"


def test_a_batch_whose_state_machine_is_missing_says_so_and_has_failed(function: RunsFunction) -> None:
    file = create(function)[1]
    body = {"input_file_id": file["id"], "endpoint": CHAT, "completion_window": "24h"}

    status, answer, _ = call(function, "POST", "/v1/batches", body)
    listed = call(function, "GET", "/v1/batches?limit=1")[1]["data"]

    assert status >= 500
    assert answer["error"]["type"] in ("configuration_error", "api_error")
    assert [(batch["input_file_id"], batch["status"]) for batch in listed] == [(file["id"], "failed")]
    assert listed[0]["errors"]["data"][0]["code"] == "batch_not_started"


ROUTES = [
    ("POST", "/v1/files", "files.create"),
    ("GET", "/v1/files", "files.list"),
    ("GET", "/v1/files/x", "files.read"),
    ("GET", "/v1/files/x/content", "files.read"),
    ("DELETE", "/v1/files/x", "files.delete"),
    ("POST", "/v1/uploads", "files.create"),
    ("POST", "/v1/uploads/x/parts", "files.create"),
    ("POST", "/v1/uploads/x/complete", "files.create"),
    ("POST", "/v1/uploads/x/cancel", "files.create"),
    ("POST", "/v1/batches", "batches.create"),
    ("GET", "/v1/batches", "batches.list"),
    ("GET", "/v1/batches/x", "batches.read"),
    ("POST", "/v1/batches/x/cancel", "batches.update"),
    ("GET", "/v1/batches/x/output", "files.read"),
]


@pytest.mark.parametrize(("method", "path", "scope"), ROUTES)
def test_every_route_needs_its_scope(function: RunsFunction, method: str, path: str, scope: str) -> None:
    other = function.new_key(*{needed for _, _, needed in ROUTES} - {scope}, "completions.write")

    without = call(function, method, path, key=other)
    unknown = call(function, method, path, key="ps-nobody-knows-this")
    with_it = call(function, method, path, key=function.new_key(scope, "completions.write"))

    assert (without[0], without[1]["error"]["code"], without[1]["message"]) == (
        403, "forbidden", f"This API key lacks the scope '{scope}'",
    )  # fmt: skip
    assert (unknown[0], unknown[1]["error"]["code"]) == (401, "invalid_api_key")
    assert with_it[0] in (200, 400, 404)


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/v1/files"), ("DELETE", "/v1/batches/x"), ("GET", "/v1/uploads")]
)
def test_other_methods_are_not_allowed(function: RunsFunction, method: str, path: str) -> None:
    assert call(function, method, path)[0] == 405


def test_a_stack_without_a_bucket_says_so(engine: Engine) -> None:
    with runs_function(engine, environment={"PROMPTSIDE_BUCKET": ""}) as bare:
        status, answer, _ = call(bare, "GET", "/v1/files")

    assert (status, answer["error"]["code"]) == (500, "not_configured")
    assert "PROMPTSIDE_BUCKET" in answer["message"]


ODD = [
    "..%2F..%2Fx",
    "%ED%A0%80",
    "%FF",
    "%00",
    "a%0Ab",
    "%23batch",
    "x" * 3000,
    "%C3%BC" * 700,
    "batch_1%23x",
    "run%23",
    "%20",
]


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/files/{}"),
        ("GET", "/v1/files/{}/content"),
        ("DELETE", "/v1/files/{}"),
        ("POST", "/v1/uploads/{}/cancel"),
        ("POST", "/v1/uploads/{}/complete"),
        ("GET", "/v1/batches/{}"),
        ("POST", "/v1/batches/{}/cancel"),
        ("GET", "/v1/runs/{}"),
        ("GET", "/v1/runs?batch_id={}"),
        ("GET", "/v1/runs?after={}"),
        ("GET", "/v1/files?after={}"),
        ("GET", "/v1/batches?after={}"),
    ],
)
def test_odd_ids_are_refused_and_reach_nothing(function: RunsFunction, method: str, path: str, odd: str) -> None:
    body = {"part_ids": ["part_1"]} if path.endswith("complete") else None

    status, answer, _ = call(function, method, path.format(odd), body)

    # Never a 503: the SDKs would ask again and again.
    assert status in (400, 404) or (status, answer["data"]) == (200, [])


@pytest.mark.parametrize("odd", ["../x", "\ud800", "\0", "#batch", "x" * 3000, "", 7, None, [], {}])
def test_odd_ids_in_bodies_are_refused(function: RunsFunction, odd: Any) -> None:
    batch = {"input_file_id": odd, "endpoint": CHAT, "completion_window": "24h"}

    assert call(function, "POST", "/v1/batches", batch)[0] in (400, 404)

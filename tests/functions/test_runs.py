"""The runs function through its front doors: records, lists and everything that is refused."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engines import Engine
from tests.management_function import http_api_event, rest_api_event
from tests.runs_function import KEY, RunsFunction, runs_function


@pytest.fixture(scope="module")
def function(engine: Engine) -> Iterator[RunsFunction]:
    with runs_function(engine) as made:
        yield made


@pytest.fixture
def fresh(engine: Engine) -> Iterator[RunsFunction]:
    with runs_function(engine) as made:
        yield made


def call(
    function: RunsFunction, path: str, *, method: str = "GET", key: str = KEY, front_door: Any = http_api_event
) -> tuple[int, Any]:
    headers = {"x-portkey-api-key": key} if key else {}
    result = function.handler(front_door(method, path, None, headers), None)
    assert result["isBase64Encoded"] is False
    assert result["headers"]["content-type"] == "application/json"
    assert result["headers"]["x-portkey-trace-id"]
    return result["statusCode"], json.loads(result["body"])


def refusal(answer: tuple[int, Any]) -> tuple[int, str, str | None]:
    status, body = answer
    assert body["status"] == "failure"
    return status, body["error"]["code"], body["error"]["param"]


@pytest.mark.parametrize("front_door", [http_api_event, rest_api_event])
@pytest.mark.parametrize("path", ["/v1/runs/{id}", "/runs/{id}", "/v1//runs/{id}/"])
def test_a_run_is_read_through_every_front_door(function: RunsFunction, front_door: Any, path: str) -> None:
    run_id = f"run_{time.monotonic_ns()}"
    begun = {"prompt": "hi@3", "source": "sqs", "correlation_id": "c-1", "metadata": {"user": "7"}, "trace_id": run_id}
    ended = {
        "version": 3, "label": "candidate", "provider": "openai", "model": "gpt-4o-mini",
        "usage": {"prompt_tokens": 3}, "cost_usd": 0.00021,
        "started_at": 1_795_300_001, "completed_at": 1_795_300_003, "duration_ms": 2400,
    }  # fmt: skip
    now = time.time()
    function.runs.start(run_id, begun, now=now)
    function.runs.end(run_id, begun, ended, outcome="completed", now=now)

    answer = call(function, path.format(id=run_id), front_door=front_door)

    assert answer == (
        200,
        {
            "id": run_id,
            "object": "run",
            "status": "completed",
            "created_at": int(now),
            "deliveries": 1,
            **begun,
            **ended,
            "batch_id": None,
            "line": None,
            "custom_id": None,
            "results": None,
            "error": None,
        },
    )


def test_runs_are_listed_newest_first_page_by_page(fresh: RunsFunction) -> None:
    now = time.time()
    # Two days are touched, whatever the time of the test.
    for number in range(5):
        fresh.runs.start(f"run_{number}", {"source": "sqs"}, now=now - 86400 + number * 20000)

    status, first = call(fresh, "/v1/runs?limit=3")
    _, second = call(fresh, f"/v1/runs?limit=3&after={first['last_id']}")

    assert status == 200
    assert [run["id"] for run in first["data"]] == ["run_4", "run_3", "run_2"]
    assert {name: first[name] for name in ("object", "first_id", "last_id", "has_more")} == {
        "object": "list", "first_id": "run_4", "last_id": "run_2", "has_more": True,
    }  # fmt: skip
    assert ([run["id"] for run in second["data"]], second["has_more"]) == (["run_1", "run_0"], False)


def test_a_batch_s_runs_are_listed_in_the_order_of_its_lines(fresh: RunsFunction) -> None:
    for line in (12, 2, 1):
        fresh.runs.start(f"run_{line}", {"batch_id": "batch_1", "line": line}, now=time.time())
    fresh.runs.start("run_other", {"batch_id": "batch_2", "line": 1}, now=time.time())

    _, first = call(fresh, "/v1/runs?batch_id=batch_1&limit=2")
    _, second = call(fresh, "/v1/runs?batch_id=batch_1&limit=2&after=run_2")

    assert ([run["line"] for run in first["data"]], first["has_more"]) == ([1, 2], True)
    assert ([run["line"] for run in second["data"]], second["has_more"]) == ([12], False)
    assert call(fresh, "/v1/runs")[1]["data"] == []


def test_an_empty_list_has_no_ends(fresh: RunsFunction) -> None:
    empty: dict[str, Any] = {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}
    assert call(fresh, "/v1/runs") == (200, empty)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/runs/run_unknown", (404, "run_not_found", "id")),
        ("/v1/runs?after=run_unknown", (404, "run_not_found", "after")),
        ("/v1/runs?limit=0", (400, "invalid_request", "limit")),
        ("/v1/runs?limit=101", (400, "invalid_request", "limit")),
        ("/v1/runs?limit=ten", (400, "invalid_request", "limit")),
        ("/v1/runs?limit=0000000019999", (400, "invalid_request", "limit")),
        ("/v1/elsewhere", (404, "route_not_found", None)),
        ("/v1/runs/a/b", (404, "route_not_found", None)),
        ("/", (404, "route_not_found", None)),
    ],
)
def test_what_is_not_there_and_what_cannot_be_asked(
    function: RunsFunction, path: str, expected: tuple[int, str, str | None]
) -> None:
    assert refusal(call(function, path)) == expected


def test_a_page_cannot_begin_behind_a_run_of_another_list(function: RunsFunction) -> None:
    function.runs.start("run_in_batch", {"batch_id": "b", "line": 1}, now=time.time())

    assert refusal(call(function, "/v1/runs?after=run_in_batch")) == (400, "invalid_request", "after")


@pytest.mark.parametrize("method", ["HEAD", "POST", "DELETE"])
def test_another_method_is_refused_with_those_that_are_taken(function: RunsFunction, method: str) -> None:
    result = function.handler(http_api_event(method, "/v1/runs", None, {"x-portkey-api-key": KEY}), None)

    assert (result["statusCode"], result["headers"]["allow"]) == (405, "GET")
    assert json.loads(result["body"])["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    ("scopes", "path", "expected"),
    [
        (("runs.read",), "/v1/runs", 403),
        (("runs.list",), "/v1/runs", 200),
        (("runs.list",), "/v1/runs/run_unknown", 403),
        (("runs.read",), "/v1/runs/run_unknown", 404),
        (("runs.*",), "/v1/runs", 200),
        (("completions.write",), "/v1/runs", 403),
    ],
)
def test_each_route_needs_its_scope(function: RunsFunction, scopes: tuple[str, ...], path: str, expected: int) -> None:
    assert call(function, path, key=function.new_key(*scopes))[0] == expected


@pytest.mark.parametrize("key", ["", "ps-unknown-key"])
def test_nobody_without_a_key_gets_in(function: RunsFunction, key: str) -> None:
    assert refusal(call(function, "/v1/runs", key=key)) == (401, "invalid_api_key", "x-portkey-api-key")


def test_a_caller_whom_iam_has_let_in_needs_no_key(engine: Engine) -> None:
    with runs_function(engine, environment={"PROMPTSIDE_IAM_CALLERS": "true"}) as function:
        event = http_api_event("GET", "/v1/runs", None, {})
        event["requestContext"]["authorizer"] = {"iam": {"userArn": "arn:aws:iam::000000000000:user/ann"}}

        assert function.handler(event, None)["statusCode"] == 200


def test_what_is_no_http_request_gets_the_common_error_body(function: RunsFunction) -> None:
    answer = function.handler({"prompt_id": "hi"}, None)

    assert (answer["status"], answer["error"]["code"]) == ("failure", "invalid_request")

"""The streaming runtime as a process of its own, against a loopback Runtime API."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.functions.runtime_api import Runtime, RuntimeApi, running_runtime

LAYER = Path(__file__).parents[2] / "layers" / "shared"
HTTP_EVENT = {"requestContext": {"http": {"method": "POST"}}, "headers": {"X-Portkey-Trace-Id": "trace-1"}}

HANDLER = '''
import json, os
from pathlib import Path
from promptside.api.http import HttpResponse

ROOT = Path(os.environ["LAMBDA_TASK_ROOT"])
HEADERS = {"content-type": "text/event-stream", "x-portkey-trace-id": "trace-1"}


class Body:
    """Yields what the event says: a text, "" for a tick, {"wait": name} until a file exists, {"crash": text}."""

    def __init__(self, steps, name):
        self.steps, self.name = steps, name

    def __iter__(self):
        for step in self.steps:
            if isinstance(step, str):
                yield step.encode()
            elif "wait" in step:
                while not (ROOT / step["wait"]).exists():
                    yield b""
            elif "forever" in step:
                while True:
                    yield step["forever"].encode()
            else:
                raise ValueError(step["crash"])

    def close(self):
        (ROOT / f"closed-{self.name}").touch()


def handler(event, context):
    if "crash" in event:
        raise ValueError(event["crash"])
    if "context" in event:
        told = {name: getattr(context, name) for name in event["context"]}
        told["remaining"] = context.get_remaining_time_in_millis()
        told["trace"] = os.environ.get("_X_AMZN_TRACE_ID")
        if context.client_context:
            told["custom"] = context.client_context.custom
        return HttpResponse(200, {"content-type": "application/json"}, json.dumps(told).encode())
    headers = {**HEADERS, **event.get("answer", {})}
    return HttpResponse(event.get("status", 200), headers, Body(event["steps"], event.get("name", "body")))
'''


@contextmanager
def streaming(
    api: RuntimeApi, root: Path, source: str = HANDLER, environment: dict[str, str] | None = None
) -> Iterator[Runtime]:
    """Run a handler file under the streaming runtime, started by the exec wrapper as Lambda does."""
    (root / "app.py").write_text(source)
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    command = [str(LAYER / "promptside-streaming"), sys.executable, "/var/runtime/bootstrap.py"]
    variables = {"LAMBDA_RUNTIME_DIR": f"{LAYER}:{packages}", **(environment or {})}
    with running_runtime(api, root, root / "log", command=command, environment=variables) as runtime:
        yield runtime


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("task")


@pytest.fixture(scope="module")
def api(root: Path) -> Iterator[RuntimeApi]:
    with RuntimeApi() as server, streaming(server, root):
        yield server


def test_an_http_event_gets_status_and_headers_in_a_prelude_with_the_first_bytes(api: RuntimeApi) -> None:
    exchange = api.invoke({**HTTP_EVENT, "status": 201, "steps": ["data: 1\n\n"]})

    first = exchange.next_part()

    assert first.endswith(b"\x00" * 8 + b"data: 1\n\n")
    assert exchange.finish().prelude == {
        "statusCode": 201,
        "headers": {"content-type": "text/event-stream", "x-portkey-trace-id": "trace-1"},
    }
    assert exchange.answer_headers["content-type"] == "application/vnd.awslambda.http-integration-response"
    assert exchange.answer_headers["lambda-runtime-function-response-mode"] == "streaming"


def test_a_direct_invoke_gets_the_payload_alone_under_its_own_content_type(api: RuntimeApi) -> None:
    exchange = api.invoke({"steps": ["data: 1\n\n"]}).finish()

    assert exchange.payload == b"data: 1\n\n"
    assert exchange.answer_headers["content-type"] == "text/event-stream"


def test_each_part_leaves_before_the_next_is_made(api: RuntimeApi, root: Path) -> None:
    exchange = api.invoke({"steps": ["first", {"wait": "go-second"}, "second", {"wait": "go-third"}, "third"]})

    assert exchange.next_part() == b"first"
    (root / "go-second").touch()
    assert exchange.next_part() == b"second"
    (root / "go-third").touch()
    assert exchange.next_part() == b"third"
    assert exchange.next_part() == b""


def test_a_crash_before_the_first_byte_answers_an_http_caller_with_the_common_error_body(api: RuntimeApi) -> None:
    exchange = api.invoke({**HTTP_EVENT, "crash": "secret-4711"}).finish()

    assert exchange.prelude["statusCode"] == 500
    assert exchange.prelude["headers"]["x-portkey-trace-id"] == "trace-1"
    assert json.loads(exchange.body)["error"] == {
        "message": "Something went wrong; the log has the details under this trace id",
        "type": "api_error",
        "param": None,
        "code": "internal_error",
    }


def test_a_crash_before_the_first_byte_fails_a_direct_invoke(api: RuntimeApi) -> None:
    exchange = api.invoke({"crash": "secret-4711"}).finish()

    assert exchange.failed
    assert exchange.answer_headers["lambda-runtime-function-error-type"] == "ValueError"
    assert json.loads(exchange.payload) == {
        "errorMessage": "The function failed; the log names where",
        "errorType": "ValueError",
        "stackTrace": [],
    }


def test_a_body_that_crashes_before_its_first_byte_is_an_error_status(api: RuntimeApi, root: Path) -> None:
    exchange = api.invoke({**HTTP_EVENT, "steps": ["", {"crash": "secret-4711"}], "name": "early"}).finish()

    assert exchange.prelude["statusCode"] == 500
    assert (root / "closed-early").exists()


def test_an_empty_body_is_never_sent(api: RuntimeApi) -> None:
    exchange = api.invoke({**HTTP_EVENT, "steps": [""]}).finish()

    assert exchange.prelude["statusCode"] == 500
    assert json.loads(exchange.body)["error"]["code"] == "internal_error"


def test_a_crash_after_the_first_byte_travels_in_the_trailers(api: RuntimeApi, root: Path) -> None:
    exchange = api.invoke({**HTTP_EVENT, "steps": ["data: 1\n\n", {"crash": "secret-4711"}], "name": "late"}).finish()

    assert exchange.body == b"data: 1\n\n"
    assert exchange.error == (
        "ValueError",
        {"errorMessage": "The function failed; the log names where", "errorType": "ValueError", "stackTrace": []},
    )
    assert (root / "closed-late").exists()


def test_no_exception_text_reaches_the_log(api: RuntimeApi, root: Path) -> None:
    api.invoke({**HTTP_EVENT, "crash": "secret-4711"}).finish()
    # The next answer comes after the log line of the one before.
    api.invoke({"steps": ["done"]}).finish()

    log = (root / "log").read_text()
    assert "handler_crashed" in log
    assert "secret-4711" not in log


@pytest.mark.parametrize("steps", [["data: 1\n\n", {"forever": ""}], ["data: 1\n\n", {"forever": "data: 2\n\n"}]])
def test_a_caller_who_left_closes_the_body_and_the_next_invocation_is_served(
    api: RuntimeApi, root: Path, steps: list[Any]
) -> None:
    name = f"gone-{len(steps[1]['forever'])}"
    api.invoke({**HTTP_EVENT, "steps": steps, "name": name}, drop_after_parts=1).finish()

    answer = api.invoke({"steps": ["still here"]}).finish()

    assert answer.payload == b"still here"
    assert (root / f"closed-{name}").exists()
    assert "client_gone" in (root / "log").read_text()


def test_the_context_tells_deadline_and_identity(api: RuntimeApi) -> None:
    names = [
        "aws_request_id",
        "deadline_ms",
        "invoked_function_arn",
        "function_name",
        "memory_limit_in_mb",
        "tenant_id",
    ]
    headers = {
        "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
        "Lambda-Runtime-Aws-Tenant-Id": "blue",
        "Lambda-Runtime-Client-Context": '{"custom": {"a": "b"}}',
    }
    exchange = api.invoke({"context": names}, seconds=5, headers=headers).finish()

    told = json.loads(exchange.payload)
    assert 0 < told.pop("remaining") <= 5000
    assert told == {
        "aws_request_id": exchange.request_id,
        "deadline_ms": exchange.deadline_ms,
        "invoked_function_arn": "arn:aws:lambda:us-east-1:123456789012:function:loopback",
        "function_name": "loopback",
        "memory_limit_in_mb": "512",
        "tenant_id": "blue",
        "trace": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
        "custom": {"a": "b"},
    }


def test_the_trace_id_of_one_invocation_does_not_stay_for_the_next(api: RuntimeApi) -> None:
    api.invoke({"context": []}, headers={"Lambda-Runtime-Trace-Id": "Root=1-first"}).finish()

    exchange = api.invoke({"context": []}).finish()

    assert json.loads(exchange.payload)["trace"] is None


def test_cookies_and_repeated_headers_have_their_own_places_in_the_prelude(api: RuntimeApi) -> None:
    answer = {"set-cookie": "a=1; Path=/\nb=2", "warning": "199 one\n199 two"}

    exchange = api.invoke({**HTTP_EVENT, "answer": answer, "steps": ["x"]}).finish()

    assert exchange.prelude["cookies"] == ["a=1; Path=/", "b=2"]
    assert exchange.prelude["multiValueHeaders"] == {"warning": ["199 one", "199 two"]}


@pytest.mark.parametrize("event", [b"{", b"\xff", b"[" * 100_000])
def test_an_event_that_cannot_be_read_fails_that_invocation_only(api: RuntimeApi, event: bytes) -> None:
    exchange = api.invoke(event).finish()

    assert exchange.failed
    assert exchange.answer_headers["lambda-runtime-function-error-type"] == "Runtime.UnmarshalError"


def test_the_invocation_id_is_sent_back(api: RuntimeApi) -> None:
    exchange = api.invoke({"steps": ["x"]}, headers={"Lambda-Runtime-Invocation-Id": "inv-9"}).finish()

    assert exchange.answer_headers["lambda-runtime-invocation-id"] == "inv-9"


def test_fifty_invocations_in_a_row_are_answered_by_one_process(api: RuntimeApi) -> None:
    exchanges = [api.invoke({**HTTP_EVENT, "steps": [f"{number}:", "a", "b"]}) for number in range(50)]

    bodies = [exchange.finish().body for exchange in exchanges]

    assert bodies == [f"{number}:ab".encode() for number in range(50)]


NO_REASON = "The function could not start; the log names where"


@pytest.mark.parametrize(
    ("source", "handler", "failure"),
    [
        ("import no_such", "app.handler", ("ModuleNotFoundError", "No module named 'no_such'")),
        ("raise ValueError('secret-4711')", "app.handler", ("ValueError", NO_REASON)),
        ("def f(:", "app.handler", ("SyntaxError", "invalid syntax (line 1)")),
        ("", "app.handler", ("HandlerError", "The module 'app' has no function 'handler'")),
        ("", "handler", ("HandlerError", "The handler 'handler' must have the form module.function")),
        (
            "from promptside.config import Settings; Settings.from_env()",
            "app.handler",
            ("ConfigurationError", "The environment variable PROMPTSIDE_TABLE is not set"),
        ),
    ],
)
def test_a_function_that_cannot_start_says_why_and_ends(
    tmp_path: Path, source: str, handler: str, failure: tuple[str, str]
) -> None:
    error_type, message = failure
    with RuntimeApi() as api, streaming(api, tmp_path, source, {"_HANDLER": handler}) as runtime:
        path, headers, document = api.report()

        assert (path, headers["lambda-runtime-function-error-type"]) == ("/init/error", error_type)
        assert document == {"errorMessage": message, "errorType": error_type, "stackTrace": []}
        assert runtime.exit_code() == 1
        assert "init_failed" in runtime.log
        assert "secret-4711" not in runtime.log
        assert api.calls == ["POST /init/error"]


SNAPSHOT = """
from promptside.api.http import HttpResponse
from promptside.runtime.snapshot import register_after_restore, register_before_snapshot

seen = ["loaded"]
register_before_snapshot(lambda: seen.append("before 1"))
register_before_snapshot(lambda: seen.append("before 2"))
register_after_restore(lambda: seen.append("after 1"))
register_after_restore(lambda: seen.append("after 2"))


def handler(event, context):
    return HttpResponse(200, {"content-type": "text/plain"}, ", ".join(seen).encode())
"""


def test_snapshot_hooks_run_around_the_restore(tmp_path: Path) -> None:
    with RuntimeApi() as api, streaming(api, tmp_path, SNAPSHOT, {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}):
        exchange = api.invoke({}).finish()

        assert exchange.payload == b"loaded, before 2, before 1, after 1, after 2"
        assert api.calls[:2] == ["GET /restore/next", "GET /invocation/next"]


def test_hooks_do_not_run_without_a_snapshot(tmp_path: Path) -> None:
    with RuntimeApi() as api, streaming(api, tmp_path, SNAPSHOT):
        exchange = api.invoke({}).finish()

        assert exchange.payload == b"loaded"
        assert api.calls[0] == "GET /invocation/next"


def test_a_restore_hook_that_fails_ends_the_environment(tmp_path: Path) -> None:
    source = SNAPSHOT + "\n\nregister_after_restore(lambda: 1 / 0)\n"
    environment = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}
    with RuntimeApi() as api, streaming(api, tmp_path, source, environment) as runtime:
        path, _, document = api.report()

        assert (path, document["errorType"]) == ("/restore/error", "ZeroDivisionError")
        assert runtime.exit_code() == 1

import json
import threading
from typing import Any

import pytest

from local.invokes import Invokes
from promptside.api.http import HttpRequest, HttpResponse

ELSE = HttpResponse(418, {}, b"")


class RunError(Exception):
    pass


def ask(invoke: Any, path: str, body: bytes = b"{}", **headers: str) -> HttpResponse:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return Invokes(invoke, lambda _: ELSE)(HttpRequest("POST", path, given, body=body))


def path(name: str = "promptside-events") -> str:
    return f"/2015-03-31/functions/{name}/invocations"


def read(answer: HttpResponse) -> tuple[int, str | None, Any]:
    assert isinstance(answer.body, bytes)
    return answer.status, answer.headers.get("x-amz-function-error"), json.loads(answer.body)


@pytest.mark.parametrize("name", ["promptside-events", "promptside-events:live", "promptside-events%3Alive"])
def test_an_invoke_is_answered_with_what_the_function_returns(name: str) -> None:
    events: list[Any] = []

    def invoke(event: Any) -> Any:
        events.append(event)
        return {"object": "chat.completion"}

    assert read(ask(invoke, path(name), b'{"prompt_id": "a"}')) == (200, None, {"object": "chat.completion"})
    assert events == [{"prompt_id": "a"}]


def test_what_a_function_raises_is_told_as_lambda_does() -> None:
    def fail(_: Any) -> Any:
        raise RunError("why")

    assert read(ask(fail, path())) == (200, "Unhandled", {"errorMessage": "why", "errorType": "RunError"})


def test_an_asynchronous_invoke_is_accepted_and_run() -> None:
    done = threading.Event()

    answer = ask(lambda _: done.set(), path(), x_amz_invocation_type="Event")

    assert (answer.status, answer.body) == (202, b"")
    assert done.wait(10)


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [("other", b"{}", (404, "ResourceNotFoundException")), ("promptside-events", b"{", (400, "InvalidRequestContent"))],
)
def test_an_invoke_that_cannot_be_made_is_refused(name: str, body: bytes, expected: tuple[int, str]) -> None:
    answer = ask(lambda _: None, path(name), body)

    assert (answer.status, answer.headers["x-amzn-errortype"].removesuffix("Exception")) == (
        expected[0],
        expected[1].removesuffix("Exception"),
    )


def test_other_calls_are_for_others() -> None:
    assert ask(lambda _: None, "/") is ELSE

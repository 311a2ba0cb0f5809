"""Plays Lambda's Invoke for the events function, and tells what the engine passes on apart.

A failure is Lambda's: status 200, the header `x-amz-function-error`, and the exception's class and message.
https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html (2026-11-23)
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from local.doors import PATH
from promptside.api.http import HttpRequest, HttpResponse
from promptside.log import log_failure

FUNCTION = "promptside-events"
Answer = Callable[[HttpRequest], HttpResponse]
_KIND = "x-amz-invocation-type"


class Invokes:
    """Answers Invoke with `invoke`, and everything else with `others`."""

    def __init__(self, invoke: Callable[[Any], Any], others: Answer) -> None:
        self._invoke = invoke
        self._others = others

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one call that the engine has passed on."""
        found = PATH.fullmatch(unquote(request.path))
        if found is None:
            return self._others(request)
        if found["name"].partition(":")[0] != FUNCTION:
            message = f"Function not found: {found['name'][:100]}; the local run has {FUNCTION}"
            return _answer(404, {"Type": "User", "Message": message}, {"x-amzn-errortype": "ResourceNotFoundException"})
        try:
            event = json.loads(request.body or b"{}")
        except ValueError:
            message = "Could not parse request body into json"
            return _answer(400, {"message": message}, {"x-amzn-errortype": "InvalidRequestContentException"})
        if request.headers.get(_KIND) == "Event":
            threading.Thread(target=self._run, args=(event,), daemon=True, name="invoke").start()
            return HttpResponse(202, {}, b"")
        try:
            return _answer(200, self._invoke(event), {})
        except Exception as error:  # the edge: Lambda tells its caller of whatever a function raises
            failure = {"errorMessage": str(error), "errorType": type(error).__name__}
            return _answer(200, failure, {"x-amz-function-error": "Unhandled"})

    def _run(self, event: Any) -> None:
        try:
            self._invoke(event)
        except Exception as error:  # the edge: nobody waits for it
            log_failure("invoke_failed", error)


def _answer(status: int, body: Any, headers: dict[str, str]) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/json", **headers}, json.dumps(body).encode())

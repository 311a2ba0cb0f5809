"""Invocations, one after the other: call the handler, send what it answers while it makes it, survive what it does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from promptside.api.http import BodyStream, HttpResponse
from promptside.api.responses import error_response, trace_id_of
from promptside.errors import InternalError, JsonObject, PromptsideError
from promptside.log import log_event, log_failure
from promptside.runtime.client import Failure, Invocation, RuntimeClient
from promptside.runtime.context import LambdaContext, build_context
from promptside.runtime.environment import RuntimeEnvironment, set_trace_id
from promptside.runtime.prelude import build_prelude, is_http_event
from promptside.runtime.response import ClientGone, StreamedResponse

Handler = Callable[[JsonObject, LambdaContext], HttpResponse]


def serve(client: RuntimeClient, handler: Handler, environment: RuntimeEnvironment) -> NoReturn:
    """Answer invocations for ever. Raises only when the Runtime API itself is lost, and then the process must end."""
    while True:
        invocation = client.next_invocation()
        set_trace_id(invocation.trace_id)
        try:
            event = json.loads(invocation.body)
            context = build_context(invocation, environment)
        except (ValueError, RecursionError):
            client.post_error(invocation, Failure("Runtime.UnmarshalError", "The event is not JSON that can be read"))
            continue
        Answer(client, invocation, event).send(lambda: handler(event, context))  # noqa: B023 - called before the next


class Answer:
    """The answer to one invocation, whatever becomes of it."""

    def __init__(self, client: RuntimeClient, invocation: Invocation, event: Any) -> None:
        self._client = client
        self._invocation = invocation
        self._event = event
        self._http = is_http_event(event)

    def send(self, make: Callable[[], HttpResponse]) -> None:
        """Send what `make` returns. A crash of the handler or of its body is answered too, and never raised."""
        stream = self._client.start_response(self._invocation)
        try:
            self._send(stream, make)
        except ClientGone:
            self._log_gone()
        except Exception as exc:
            self._send_crash(stream, exc)
        finally:
            stream.close()

    def _send(self, stream: StreamedResponse, make: Callable[[], HttpResponse]) -> None:
        response = make()
        try:
            stream.describe(*build_prelude(response, http=self._http))
            for part in _parts(response.body):
                stream.write(part)
            self._log_refusal(stream.finish())
        finally:
            _close(response.body)

    def _send_crash(self, stream: StreamedResponse, error: Exception) -> None:
        log_failure("handler_crashed", error, request_id=self._invocation.request_id, begun=stream.begun)
        try:
            if stream.begun:
                failure = _failure(error)
                stream.fail(failure.error_type, failure.to_json())
            elif self._http:
                # A front end turns a failed invocation into a bare 502; the caller's SDK needs our error body.
                self._send(stream, lambda: _crash_response(self._event))
            else:
                self._client.post_error(self._invocation, _failure(error))
        except ClientGone:
            self._log_gone()

    def _log_gone(self) -> None:
        log_event("client_gone", request_id=self._invocation.request_id)

    def _log_refusal(self, status: int) -> None:
        if status >= 400:
            log_event("answer_refused", request_id=self._invocation.request_id, status=status)


def _parts(body: bytes | BodyStream) -> Iterable[bytes]:
    return (body,) if isinstance(body, bytes) else body


def _close(body: bytes | BodyStream) -> None:
    if isinstance(body, bytes):
        return
    try:
        body.close()
    except Exception as exc:
        log_failure("close_failed", exc)


def _failure(error: Exception) -> Failure:
    message = error.message if isinstance(error, PromptsideError) else "The function failed; the log names where"
    return Failure(type(error).__name__, message)


def _crash_response(event: JsonObject) -> HttpResponse:
    headers = event.get("headers")
    known = headers if isinstance(headers, dict) else {}
    lower = {str(name).lower(): value for name, value in known.items() if isinstance(value, str)}
    return error_response(InternalError(), trace_id_of(lower))

"""The calls of the Lambda Runtime API that are not a streamed answer."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass, field
from typing import NoReturn

from promptside.runtime.response import StreamedResponse

_ROOT = "/2018-06-01/runtime"
_ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"
_INVOCATION_ID = "Lambda-Runtime-Invocation-Id"


class RuntimeApiError(Exception):
    """The Runtime API refused a call: this environment is of no more use."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What Lambda is told about an error; the message holds nothing of the request."""

    error_type: str
    message: str

    def to_json(self) -> bytes:
        """Return Lambda's error document, without a stack."""
        document = {"errorMessage": self.message, "errorType": self.error_type, "stackTrace": []}
        return json.dumps(document).encode()


@dataclass(frozen=True, slots=True)
class Invocation:
    """One event with what came in its headers; an absent header is an empty string."""

    request_id: str
    deadline_ms: int
    function_arn: str = ""
    trace_id: str = ""
    client_context: str = field(default="", repr=False)
    identity: str = field(default="", repr=False)
    tenant_id: str = ""
    invocation_id: str = ""
    body: bytes = field(default=b"", repr=False)


class RuntimeClient:
    """One kept-alive connection to the Runtime API for everything but streamed answers, which have their own each."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._connection = http.client.HTTPConnection(address, timeout=None)

    def next_invocation(self) -> Invocation:
        """Wait for the next event, as long as it takes: Lambda freezes the environment in this call."""
        headers, body = self._call("GET", "/invocation/next")
        return Invocation(
            request_id=headers["Lambda-Runtime-Aws-Request-Id"],
            deadline_ms=int(headers.get("Lambda-Runtime-Deadline-Ms") or 0),
            function_arn=headers.get("Lambda-Runtime-Invoked-Function-Arn") or "",
            trace_id=headers.get("Lambda-Runtime-Trace-Id") or "",
            client_context=headers.get("Lambda-Runtime-Client-Context") or "",
            identity=headers.get("Lambda-Runtime-Cognito-Identity") or "",
            tenant_id=headers.get("Lambda-Runtime-Aws-Tenant-Id") or "",
            invocation_id=headers.get(_INVOCATION_ID) or "",
            body=body,
        )

    def start_response(self, invocation: Invocation) -> StreamedResponse:
        """Return the answer to `invocation`, of which nothing is sent yet."""
        path = f"{_ROOT}/invocation/{invocation.request_id}/response"
        return StreamedResponse(self._address, path, _echo(invocation))

    def post_error(self, invocation: Invocation, failure: Failure) -> None:
        """Fail an invocation of which no byte has been answered."""
        self._post_failure(f"/invocation/{invocation.request_id}/error", failure, _echo(invocation))

    def post_init_error(self, failure: Failure) -> None:
        """Say that the function cannot start; the process must end after it."""
        self._post_failure("/init/error", failure)

    def restore_next(self) -> None:
        """Let Lambda take its snapshot; returns when an environment has been restored from it."""
        self._call("GET", "/restore/next")
        # A restored environment must not go on using a socket of the one that was snapshotted.
        self._connection.close()

    def post_restore_error(self, failure: Failure) -> None:
        """Say that the restored environment cannot be used; the process must end after it."""
        self._post_failure("/restore/error", failure)

    def _post_failure(self, path: str, failure: Failure, headers: dict[str, str] | None = None) -> None:
        more = {"Content-Type": "application/json", _ERROR_TYPE: failure.error_type, **(headers or {})}
        self._call("POST", path, failure.to_json(), more)

    def _call(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPMessage, bytes]:
        reused = self._connection.sock is not None
        try:
            answer = self._send(method, path, body, headers)
        except (ConnectionError, http.client.BadStatusLine):
            self._connection.close()
            # A kept-alive connection may have been closed while it was idle; a new one has no such excuse.
            if not reused:
                raise
            answer = self._send(method, path, body, headers)
        content = answer.read()
        if answer.status >= 300:
            _refused(path, answer.status)
        return answer.headers, content

    def _send(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str] | None
    ) -> http.client.HTTPResponse:
        self._connection.request(method, _ROOT + path, body, headers or {})
        return self._connection.getresponse()


def _echo(invocation: Invocation) -> dict[str, str]:
    return {_INVOCATION_ID: invocation.invocation_id} if invocation.invocation_id else {}


def _refused(path: str, status: int) -> NoReturn:
    raise RuntimeApiError(f"The Lambda Runtime API answered {status} to {path}")

"""Calls a function of the stack as API Gateway does: an HTTP API event (payload format 2.0) in, its answer out.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html (2026-11-22)
"""

from __future__ import annotations

import asyncio
import base64
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlencode

from promptside.api.http import HttpRequest, HttpResponse

Handler = Callable[[dict[str, Any], Any], Any]

FUNCTION_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class LocalContext:
    """What a handler may ask of its Lambda context."""

    function_name: str
    deadline: float
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 512

    @property
    def invoked_function_arn(self) -> str:
        """An ARN that nobody owns."""
        return f"arn:aws:lambda:us-east-1:000000000000:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Return what is left of the function's time."""
        return max(0, round((self.deadline - time.monotonic()) * 1000))


def call_function(handler: Handler, request: HttpRequest, *, name: str) -> HttpResponse:
    """Run the handler for one request and return its answer."""
    context = LocalContext(name, time.monotonic() + FUNCTION_SECONDS)
    # Mangum runs the application on the thread's event loop, and only a main thread has one by itself.
    with asyncio.Runner() as runner:
        asyncio.set_event_loop(runner.get_loop())
        try:
            result = handler(build_event(request), context)
        finally:
            asyncio.set_event_loop(None)
    return _response(result)


def build_event(request: HttpRequest) -> dict[str, Any]:
    """Return the event that an HTTP API sends for a request."""
    now = datetime.now(UTC)
    host = request.headers.get("host", "127.0.0.1")
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": unquote(request.path),
        "rawQueryString": urlencode(request.query),
        "headers": dict(request.headers),
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": host,
            "domainPrefix": "local",
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": request.headers.get("user-agent", ""),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": "$default",
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "isBase64Encoded": bool(request.body),
    }
    if request.query:
        event["queryStringParameters"] = dict(request.query)
    if request.body:
        event["body"] = base64.b64encode(request.body).decode()
    return event


def _response(result: dict[str, Any]) -> HttpResponse:
    text = result.get("body") or ""
    body = base64.b64decode(text) if result.get("isBase64Encoded") else text.encode()
    headers = {name.lower(): str(value) for name, value in (result.get("headers") or {}).items()}
    headers.pop("content-length", None)
    return HttpResponse(int(result["statusCode"]), headers, body)

"""Completions over Lambda response streaming: `stream: true` as server-sent events, `stream: false` as JSON.

Run by `promptside.runtime`, which writes each part as it comes. No web framework is imported here.
"""

from __future__ import annotations

import base64
import time
from typing import Any
from urllib.parse import quote

from promptside.api.callers import is_iam_caller
from promptside.api.http import HttpRequest, HttpResponse
from promptside.api.routes import handle, invoke
from promptside.config import Settings
from promptside.wiring import build_services

MARGIN_SECONDS = 2.0
"""What is kept of the function's time to tell the caller that it is over."""

services = build_services(Settings.from_env())


def handler(event: dict[str, Any], context: Any) -> HttpResponse:
    """Answer an API Gateway or Function URL event, or a direct invoke."""
    deadline = time.monotonic() + max(context.get_remaining_time_in_millis() / 1000 - MARGIN_SECONDS, 0.1)
    if "requestContext" not in event:
        return invoke(services, event, deadline=deadline)
    trusted = is_iam_caller(event, services.settings)
    return handle(services, http_request(event), deadline=deadline, trusted=trusted)


def http_request(event: dict[str, Any]) -> HttpRequest:
    """Translate a REST API (v1), HTTP API (v2) or Function URL event."""
    context = event["requestContext"]
    method = event.get("httpMethod") or context.get("http", {}).get("method", "GET")
    path = event.get("rawPath") or context.get("path") or event.get("path") or "/"
    repeated = event.get("multiValueHeaders") or {}
    headers = {name.lower(): ",".join(values) for name, values in repeated.items() if values}
    headers = {**{name.lower(): value for name, value in (event.get("headers") or {}).items()}, **headers}
    body = event.get("body") or ""
    return HttpRequest(
        method=method,
        path=quote(path, safe="/%@:~!$&'()*+,;="),
        headers=headers,
        query=event.get("queryStringParameters") or {},
        body=_decode(body) if event.get("isBase64Encoded") else body.encode("utf-8", "surrogatepass"),
    )


def _decode(body: str) -> bytes:
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        # A front door that lies about the encoding still gets a 400 that says the body is no JSON.
        return body.encode("utf-8", "surrogatepass")

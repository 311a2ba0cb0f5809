"""HTTP as Lambda knows it: the events of REST APIs, HTTP APIs and Function URLs, and the result of a buffered function.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html (2026-11-22)
"""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

from promptside.api.http import HttpRequest, HttpResponse


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


def http_result(response: HttpResponse) -> dict[str, Any]:
    """Return what a buffered function returns to any of its front doors; a body that streams is collected first."""
    body = response.whole()
    try:
        text, encoded = body.decode("utf-8"), False
    except UnicodeDecodeError:
        text, encoded = base64.b64encode(body).decode(), True
    return {"statusCode": response.status, "headers": dict(response.headers), "body": text, "isBase64Encoded": encoded}


def _decode(body: str) -> bytes:
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        # A front door that lies about the encoding still gets a 400 that says the body is no JSON.
        return body.encode("utf-8", "surrogatepass")

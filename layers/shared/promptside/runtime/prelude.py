"""What stands before the first byte of an answer, by who called.

An HTTP front end (a Function URL, API Gateway's REST API in STREAM mode) wants a JSON object, eight NUL bytes and then
the payload: `{"statusCode": 200, "headers": {...}, "cookies": [...], "multiValueHeaders": {...}}`. A direct invoke has
nobody who would take the object off again, so it gets the payload alone.
"""

from __future__ import annotations

import json
from typing import Any

from promptside.api.http import HttpResponse
from promptside.errors import JsonObject

HTTP_INTEGRATION = "application/vnd.awslambda.http-integration-response"
_DELIMITER = b"\x00" * 8


def is_http_event(event: Any) -> bool:
    """Tell whether an HTTP front end sent the event."""
    return isinstance(event, dict) and isinstance(event.get("requestContext"), dict)


def build_prelude(response: HttpResponse, *, http: bool) -> tuple[str, bytes]:
    """Return the content type for the Runtime API and the bytes before the payload.

    A newline cannot stand in a header value, so in `response.headers` it separates the values of a repeated header:
    `set-cookie` becomes `cookies`, any other `multiValueHeaders`.
    """
    if not http:
        return response.headers.get("content-type", "application/octet-stream"), b""
    single: dict[str, str] = {}
    repeated: dict[str, list[str]] = {}
    cookies: list[str] = []
    for name, value in response.headers.items():
        if name == "set-cookie":
            cookies = value.split("\n")
        elif "\n" in value:
            repeated[name] = value.split("\n")
        else:
            single[name] = value
    prelude: JsonObject = {"statusCode": response.status, "headers": single}
    if repeated:
        prelude["multiValueHeaders"] = repeated
    if cookies:
        prelude["cookies"] = cookies
    return HTTP_INTEGRATION, json.dumps(prelude).encode() + _DELIMITER

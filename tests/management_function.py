"""`functions/prompts/app.py` as it is deployed, over an engine, called with the events of its front doors."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest

from tests.engines import REGION, Engine
from tests.function_modules import import_function


@dataclass
class Answer:
    """What came back. `body` is decoded JSON."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass
class ManagementFunction:
    """The function's handler with a key that may do everything."""

    handler: Callable[[dict[str, Any], Any], dict[str, Any]]
    table: str
    key: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Any = None, *, key: str | None = None, **headers: str) -> Answer:
        """Send one request as an HTTP API does; bytes are sent as they are, everything else as JSON."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"x-portkey-api-key": self.key if key is None else key, **named}
        return self.send(http_api_event(method, path, _encoded(body), {k: v for k, v in sent.items() if v}))

    def send(self, event: dict[str, Any]) -> Answer:
        """Invoke the function with a whole event."""
        result = self.handler(event, None)
        text = result["body"]
        raw = base64.b64decode(text) if result.get("isBase64Encoded") else text.encode()
        headers = result.get("headers") or {
            name: values[0] for name, values in result.get("multiValueHeaders", {}).items()
        }
        return Answer(result["statusCode"], headers, json.loads(raw))

    def create(self, path: str, body: Any) -> Any:
        """Send a POST that must succeed and return its answer."""
        answer = self.call("POST", path, body)
        assert answer.status == 200, answer
        return answer.body


@contextmanager
def management_function(
    engine: Engine, *, table: str | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[ManagementFunction]:
    """Import the function afresh with the environment of a stack over `engine`."""
    table = table or engine.new_table()
    variables = {
        "PROMPTSIDE_TABLE": table,
        "PROMPTSIDE_SECRETS_PREFIX": engine.new_prefix(),
        "PROMPTSIDE_STORE_ENDPOINT": engine.url,
        "AWS_REGION": REGION,
        **(environment or {}),
    }
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in variables.items():
            patch.setenv(variable, value)
        module = import_function("prompts")
    created = module.handler({"promptside": "create-api-key", "name": "tests"}, None)
    yield ManagementFunction(module.handler, table, created["key"], variables)


def http_api_event(method: str, path: str, body: bytes | None, headers: dict[str, str]) -> dict[str, Any]:
    """Return an HTTP API event, payload format 2.0."""
    raw_path, _, query = path.partition("?")
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": unquote(raw_path),
        "rawQueryString": query,
        "headers": {"host": "api.example.com", **headers},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "a",
            "domainName": "api.example.com",
            "http": {
                "method": method, "path": raw_path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "t",
            },
            "requestId": "r",
            "stage": "$default",
        },
        "isBase64Encoded": body is not None,
    }  # fmt: skip
    if query:
        event["queryStringParameters"] = dict(parse_qsl(query))
    if body is not None:
        event["body"] = base64.b64encode(body).decode()
    return event


def rest_api_event(method: str, path: str, body: bytes | None, headers: dict[str, str]) -> dict[str, Any]:
    """Return a REST API event (proxy integration), with the stage in the request's path."""
    raw_path, _, query = path.partition("?")
    pairs = parse_qsl(query)
    return {
        "resource": "/{proxy+}",
        "path": raw_path,
        "httpMethod": method,
        "headers": {"Host": "api.example.com", **headers},
        "multiValueHeaders": {"Host": ["api.example.com"], **{name: [value] for name, value in headers.items()}},
        "queryStringParameters": dict(pairs) or None,
        "multiValueQueryStringParameters": {name: [value] for name, value in pairs} or None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "httpMethod": method,
            "path": f"/prod{raw_path}",
            "stage": "prod",
            "requestId": "r",
            "identity": {"sourceIp": "127.0.0.1"},
        },
        "body": None if body is None else body.decode(),
        "isBase64Encoded": False,
    }


def _encoded(body: Any) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    return json.dumps(body).encode()

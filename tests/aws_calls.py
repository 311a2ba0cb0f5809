"""An HTTP proxy in front of an engine that notes which permissions each call of the product needs on AWS.

with AwsCalls(engine.url, names={table: "RunTable", bucket: "Bucket"}) as calls:
    ...
    assert Need("s3:PutObject", "Bucket/results/run_1.json") in calls.needed

Resources have the names of the template: a table or a queue its logical id, an object `Bucket/<key>`, a parameter
`parameter/<name>`.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

SERVICES = {
    "DynamoDB_20120810": "dynamodb",
    "AmazonSQS": "sqs",
    "AWSEvents": "events",
    "AWSStepFunctions": "states",
    "AmazonSSM": "ssm",
}
ELEMENTS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
OBJECT_ACTIONS = {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "PUT": "s3:PutObject", "DELETE": "s3:DeleteObject"}


@dataclass(frozen=True, slots=True)
class Need:
    """One permission. `key` is the partition key of the item, where a policy may look at that."""

    action: str
    resource: str
    key: str | None = None


class AwsCalls:
    """Forwards to `target`. `names` says what the template calls a table, a queue, a bus, a bucket or a machine."""

    def __init__(self, target: str, names: Mapping[str, str]) -> None:
        self._target = urlsplit(target)
        self._names = names
        self.needed: set[Need] = set()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def _any(self) -> None:
                proxy._answer(self)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _any

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length", "0")))
        target = handler.headers.get("x-amz-target")
        if target is None:
            self.needed |= set(_object_needs(handler.command, handler.path, body, self._names))
        else:
            self.needed |= set(_needs(target, json.loads(body), self._names))
        dropped = ("host", "content-length", "connection", "expect")
        headers = {name: value for name, value in handler.headers.items() if name.lower() not in dropped}
        connection = http.client.HTTPConnection(str(self._target.hostname), self._target.port, timeout=20)
        try:
            connection.request(handler.command, handler.path, body=body, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        handler.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length", "date", "server"):
                handler.send_header(name, value)
        # The answer to HEAD has the length of what is not in it.
        length = answer.getheader("content-length") if handler.command == "HEAD" else None
        handler.send_header("content-length", length or str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)


def _needs(target: str, request: dict[str, Any], names: Mapping[str, str]) -> Iterator[Need]:
    protocol, _, operation = target.partition(".")
    service = SERVICES[protocol]
    if service == "dynamodb":
        yield from _item_needs(operation, request, names)
    elif service == "ssm":
        for name in [request["Name"]] if "Name" in request else request["Names"]:
            yield Need(f"ssm:{operation}", f"parameter{name}")
            # Secrets are kept as SecureString.
            yield Need("kms:Decrypt", "key/of-the-account")
    elif service == "events":
        for entry in request["Entries"]:
            yield Need("events:PutEvents", names[entry["EventBusName"]])
    else:
        named = request.get("stateMachineArn") or request["QueueUrl"].rpartition("/")[2]
        yield Need(f"{service}:{operation}", names[named])


def _item_needs(operation: str, request: dict[str, Any], names: Mapping[str, str]) -> Iterator[Need]:
    if operation == "TransactWriteItems":
        for element in request["TransactItems"]:
            for kind, change in element.items():
                yield _item_need(ELEMENTS[kind], change, names)
    elif "RequestItems" in request:
        for table, wanted in request["RequestItems"].items():
            keys = wanted["Keys"] if operation == "BatchGetItem" else [{}]
            yield from (_item_need(operation, {"TableName": table, "Key": key}, names) for key in keys)
    else:
        yield _item_need(operation, request, names)


def _item_need(operation: str, request: dict[str, Any], names: Mapping[str, str]) -> Need:
    key = request.get("Key") or request.get("Item") or {}
    return Need(f"dynamodb:{operation}", names[request["TableName"]], key.get("pk", {}).get("S"))


def _object_needs(method: str, path: str, body: bytes, names: Mapping[str, str]) -> Iterator[Need]:
    parts = urlsplit(path)
    query = parse_qs(parts.query, keep_blank_values=True)
    bucket, _, key = unquote(parts.path).strip("/").partition("/")
    if not key and "delete" in query:
        yield Need("s3:DeleteObject", f"{names[bucket]}/any")
    elif not key:
        yield Need("s3:ListBucket", names[bucket])
    elif method == "POST":
        yield Need("s3:PutObject", f"{names[bucket]}/{key}")
    elif method == "DELETE" and "uploadId" in query:
        yield Need("s3:AbortMultipartUpload", f"{names[bucket]}/{key}")
    else:
        version = "Version" if "versionId" in query else ""
        yield Need(f"{OBJECT_ACTIONS[method]}{version}", f"{names[bucket]}/{key}")

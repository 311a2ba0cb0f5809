"""DynamoDB's BatchGetItem over the product's own HTTP client: the one AWS call that every run makes.

boto3 spends 0.8 ms of CPU on such a call, more than all the rest of a run; this takes a third of it. Credentials and
signature are botocore's, the arguments and the answer are those of boto3's low-level client, and whatever goes wrong is
raised as the exception that boto3 would raise.
"""

from __future__ import annotations

import json
import time
import zlib
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from promptside.errors import ProviderTimeout, ProviderUnreachable, ProviderUnusable
from promptside.transport.base import Limits
from promptside.transport.client import HttpClient, HttpRequest

_OPERATION = "BatchGetItem"
_HEADERS = {"content-type": "application/x-amz-json-1.0", "x-amz-target": f"DynamoDB_20120810.{_OPERATION}"}
_LARGEST_ANSWER = 20 * 1024 * 1024


class BatchReader:
    """Wraps boto3's DynamoDB client: BatchGetItem takes the short way, every other operation is the client's own.

    `session` is the boto3 session that the client was made from; its credentials are refreshed by botocore.
    """

    def __init__(self, client: Any, session: Any, http: HttpClient, *, seconds: float) -> None:
        self._client = client
        self._http = http
        self._seconds = seconds
        self._url = client.meta.endpoint_url.rstrip("/") + "/"
        self._region = client.meta.region_name
        self._credentials = session.get_credentials()

    def __getattr__(self, name: str) -> Any:
        """Leave all else to boto3."""
        return getattr(self._client, name)

    def batch_get_item(self, **arguments: Any) -> dict[str, Any]:
        """Do what boto3's method of this name does."""
        status, headers, body = self._post(json.dumps(arguments).encode())
        checksum = headers.get("x-amz-crc32")
        if checksum is not None and int(checksum) != zlib.crc32(body):
            raise ConnectionClosedError(endpoint_url=self._url)
        answer = _decoded(body)
        if status != 200:
            raise _client_error(status, answer)
        if "Responses" not in answer:
            # Something in between has answered instead of DynamoDB.
            raise ConnectionClosedError(endpoint_url=self._url)
        return answer

    def _post(self, body: bytes) -> tuple[int, Any, bytes]:
        limits = Limits(
            deadline=time.monotonic() + self._seconds,
            connect_seconds=self._seconds,
            first_byte_seconds=self._seconds,
            idle_seconds=self._seconds,
            body_bytes=_LARGEST_ANSWER,
        )
        try:
            answer = self._http.open(HttpRequest("POST", self._url, self._signed(body), body), limits)
            try:
                return answer.status, answer.headers, answer.read(limits)
            finally:
                answer.close()
        except ProviderTimeout as exc:
            raise ReadTimeoutError(endpoint_url=self._url) from exc
        except (ProviderUnreachable, ProviderUnusable) as exc:
            raise EndpointConnectionError(endpoint_url=self._url) from exc

    def _signed(self, body: bytes) -> dict[str, str]:
        if self._credentials is None:
            raise NoCredentialsError
        message = AWSRequest(method="POST", url=self._url, data=body, headers=_HEADERS)
        SigV4Auth(self._credentials.get_frozen_credentials(), "dynamodb", self._region).add_auth(message)
        return {name.lower(): value for name, value in message.headers.items()}


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _client_error(status: int, answer: dict[str, Any]) -> ClientError:
    code = str(answer.get("__type", status)).rpartition("#")[2]
    message = str(answer.get("message") or answer.get("Message") or "")
    parsed = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(parsed, _OPERATION)

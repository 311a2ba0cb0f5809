"""HTTP to a stack: JSON calls, and streams of server-sent events. Errors say what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from urllib3.exceptions import HTTPError, MaxRetryError

from cli.errors import CommandFailed, Refused, Unreachable
from cli.project import Target
from promptside.errors import JsonObject
from promptside.providers.base import DONE
from promptside.transport.sse import SseDecoder

CONNECTIONS = 8
"""Calls at the same time; a stack's APIs let 50 a second through unless told otherwise."""
_CONNECT_SECONDS = 10.0
_CALL_SECONDS = 60.0
_RUN_SECONDS = 900.0
_TRIES = 4
_ELSEWHERE = 307
_CONNECTION = re.compile(r"^<?\w+Connection(Pool)?\(.*?\)>?: ")


class Client:
    """A stack's routes, with paths after the base URL: `/prompts`."""

    def __init__(self, target: Target) -> None:
        if target.api_key is None:
            raise CommandFailed(f"There is no API key for {target.url}: set {target.key_variable}, or give --api-key")
        self.target = target
        self._headers = {"x-portkey-api-key": target.api_key, "content-type": "application/json"}
        self._pool = urllib3.PoolManager(maxsize=CONNECTIONS, block=True)
        # 429 was not carried out, so it can be sent again whatever it was.
        self._writes = _retries({429}, method=None, read=0)
        self._reads = _retries({429, 502, 503, 504}, method={"GET"}, read=1)

    def get(self, path: str, query: Mapping[str, str] | None = None) -> JsonObject:
        """Return what a read answers. Raises Refused, Unreachable."""
        return self._call("GET", f"{path}?{urlencode(query)}" if query else path, None)

    def find(self, path: str, query: Mapping[str, str] | None = None) -> JsonObject | None:
        """Return what a read answers, None when there is no such thing."""
        try:
            return self.get(path, query)
        except Refused as error:
            if error.status == 404 and error.code != "route_not_found":
                return None
            raise

    def send(self, method: str, path: str, body: JsonObject, *, headers: Mapping[str, str] | None = None) -> JsonObject:
        """Return what a write answers; `headers` go beside the usual ones. Raises Refused, Unreachable."""
        return self._call(method, path, json.dumps(body).encode(), headers=headers)

    def upload(self, path: str, fields: Mapping[str, str | tuple[str, bytes]]) -> JsonObject:
        """Return what a form answers; a file among its fields is a name with its bytes. Raises Refused, Unreachable."""
        data, content_type = urllib3.encode_multipart_formdata(dict(fields))
        return self._call("POST", path, data, headers={"content-type": content_type})

    @contextmanager
    def content(self, path: str) -> Iterator[Iterator[bytes]]:
        """Give the bytes of a file, also when they are elsewhere. Raises Refused, Unreachable."""
        response = self._open("GET", path, None, seconds=_CALL_SECONDS)
        try:
            if response.status == _ELSEWHERE:
                link = response.headers["location"]
                response.drain_conn()
                # The link is signed; the API key is nobody else's business.
                response = self._pool.request("GET", link, preload_content=False, redirect=False)
            if response.status != 200:
                raise self._refused(response.status, _decoded(response.read(decode_content=True)))
            yield response.stream(65536, decode_content=True)
        except HTTPError as exc:
            raise Unreachable("The connection was lost in the middle of the file: what came is not complete") from exc
        finally:
            response.close()

    def run(self, path: str, body: JsonObject) -> JsonObject:
        """Return what a completion or rendering answers, which may take minutes."""
        return self._call("POST", path, json.dumps(body).encode(), seconds=_RUN_SECONDS)

    @contextmanager
    def stream(self, path: str, body: JsonObject) -> Iterator[Iterator[JsonObject]]:
        """Give the chunks of a streamed completion. Raises Refused for an error event, Unreachable for a cut."""
        response = self._open("POST", path, json.dumps(body).encode(), seconds=_RUN_SECONDS)
        try:
            if response.status != 200:
                raise self._refused(response.status, _decoded(response.read(decode_content=True)))
            yield self._chunks(response)
        except HTTPError as exc:
            raise Unreachable("The connection was lost in the middle of the answer: what came is not complete") from exc
        finally:
            response.close()

    def all(self, path: str) -> list[JsonObject]:
        """Return everything of a list, in pages."""
        found: list[JsonObject] = []
        page = 0
        while True:
            answer = self.get(path, {"current_page": str(page), "page_size": "200"})
            found += answer["data"]
            page += 1
            if not answer["data"] or len(found) >= answer["total"]:
                return found

    def _call(
        self,
        method: str,
        path: str,
        data: bytes | None,
        *,
        seconds: float = _CALL_SECONDS,
        headers: Mapping[str, str] | None = None,
    ) -> JsonObject:
        response = self._open(method, path, data, seconds=seconds, headers=headers)
        try:
            answer = _decoded(response.read(decode_content=True))
        except HTTPError as exc:
            raise Unreachable(f"{self.target.url} broke off its answer: try again") from exc
        finally:
            response.release_conn()
        if response.status >= 300:
            raise self._refused(response.status, answer)
        if not isinstance(answer, dict):
            raise CommandFailed(f"{self.target.url} did not answer with JSON: is this the base URL of a stack?")
        return answer

    def _open(
        self,
        method: str,
        path: str,
        data: bytes | None,
        *,
        seconds: float,
        headers: Mapping[str, str] | None = None,
    ) -> urllib3.response.BaseHTTPResponse:
        try:
            return self._pool.request(
                method,
                self.target.url + quote(path, safe="/@?=&%+"),
                body=data,
                headers={**self._headers, **(headers or {})},
                preload_content=False,
                timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=seconds),
                retries=self._reads if method == "GET" else self._writes,
                redirect=False,
            )
        except HTTPError as exc:
            raise self._unreachable(exc) from exc

    def _chunks(self, response: urllib3.response.BaseHTTPResponse) -> Iterator[JsonObject]:
        decoder = SseDecoder()
        while data := response.read1(65536, decode_content=True):
            for event in decoder.feed(data):
                if event is DONE:
                    return
                chunk = event.data
                if "error" in chunk:
                    raise self._refused(response.status, chunk)
                yield chunk
            if decoder.failure is not None:
                raise Unreachable("The stream is not readable") from decoder.failure
        raise Unreachable("The stream ended early: what came is not complete")

    def _refused(self, status: int, decoded: Any) -> Refused:
        answer: JsonObject = decoded if isinstance(decoded, dict) else {}
        error = answer.get("error")
        fields = error if isinstance(error, dict) else {}
        code = fields.get("code")
        message = str(fields.get("message") or answer.get("message") or f"{self.target.url} answered {status}")
        return Refused(message + self._advice(status, code, answer), status=status, code=code)

    def _advice(self, status: int, code: str | None, answer: JsonObject) -> str:
        if status == 401 and code == "invalid_api_key":
            return f"\nThe key for {self.target.url} comes from {self.target.key_variable} or --api-key."
        if status == 403 and "provider" not in answer:
            return "\n'promptside keys list' shows what each key may do; a key with more rights makes another one."
        if status >= 300 and code == "route_not_found":
            return f"\nIs {self.target.url} the stack's BaseUrl? It ends in /v1."
        return ""

    def _unreachable(self, error: HTTPError) -> Unreachable:
        cause = error.reason if isinstance(error, MaxRetryError) and error.reason is not None else error
        if self.target.is_local:
            return Unreachable(f"Nothing answers on {self.target.url}: is 'make run' running?")
        # urllib3 puts its own objects in front of what happened.
        reason = _CONNECTION.sub("", str(cause)) or type(cause).__name__
        return Unreachable(f"{self.target.url} cannot be reached: {reason}")


def _retries(statuses: set[int], *, method: set[str] | None, read: int) -> urllib3.Retry:
    return urllib3.Retry(
        total=_TRIES,
        connect=0,
        read=read,
        redirect=0,
        backoff_factor=0.3,
        raise_on_status=False,
        status_forcelist=statuses,
        allowed_methods=method,
    )


def _decoded(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None

"""Reads JSON from the APIs of prompt stores: patient with limits, clear about what went wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3
from urllib3.util import Retry, Timeout

from cli.importing.base import FetchFailed

_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
_MORE_TRIES = 4
_LARGEST_ANSWER = 64 * 1024 * 1024
_ADVICE = {
    401: "it does not know these credentials",
    403: "these credentials may not read prompts there",
    404: "it has nothing at this address",
    429: "it asks for fewer requests; try again later",
}


class JsonApi:
    """GET requests under one base URL with the same headers. `name` is what messages call it.

    Requests that a limit or a passing fault stopped are repeated, as long as the answer's `retry-after` says.
    """

    def __init__(self, name: str, base_url: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(base_url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOCAL):
            raise FetchFailed(f"{name}: the address must start with https://, so that the key stays secret")
        self._name = name
        self._base_url = base_url.rstrip("/")
        self._headers = {"accept": "application/json", **headers}
        # A redirect could lead the key to another host.
        retries = Retry(
            total=_MORE_TRIES,
            redirect=0,
            status_forcelist=(429, 500, 502, 503, 504),
            backoff_factor=0.5,
            raise_on_status=False,
            raise_on_redirect=False,
        )
        self._pool = urllib3.PoolManager(retries=retries, timeout=Timeout(connect=10, read=60))

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Any:
        """Return the decoded answer. Raises FetchFailed."""
        answer = self.find(path, query)
        if answer is None:
            raise FetchFailed(f"{self._name}: GET {path} was answered with 404: {_ADVICE[404]}")
        return answer

    def find(self, path: str, query: Mapping[str, str | int] | None = None) -> Any:
        """Return the decoded answer, None for 404. Raises FetchFailed."""
        url = f"{self._base_url}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            with self._pool.request("GET", url, headers=self._headers, preload_content=False) as response:
                body = response.read(_LARGEST_ANSWER + 1)
        except urllib3.exceptions.HTTPError as exc:
            raise FetchFailed(f"{self._name}: {self._base_url} cannot be reached ({type(exc).__name__})") from exc
        if response.status == 404:
            return None
        if response.status != 200:
            advice = _ADVICE.get(response.status, "try again later")
            raise FetchFailed(f"{self._name}: GET {path} was answered with {response.status}: {advice}")
        try:
            return json.loads(body)
        except ValueError as exc:
            raise FetchFailed(f"{self._name}: GET {path} was not answered with JSON: check the address") from exc

"""The transport of the product: signs provider requests, sends them and reads the answers."""

from __future__ import annotations

import ssl
import time
from functools import cached_property
from typing import TYPE_CHECKING

from promptside.errors import ProviderUnusable
from promptside.providers.base import ProviderRequest
from promptside.transport.addresses import Resolver, resolve
from promptside.transport.base import Limits, ProviderResponse
from promptside.transport.client import HttpAnswer, HttpClient, HttpRequest
from promptside.transport.stream import HttpStream

if TYPE_CHECKING:
    from promptside.transport.auth import Authorizer


class HttpTransport:
    """Implements `Transport`. One per process, safe for threads.

    `authorizer` fulfils `ProviderRequest.signing`. `resolver` and `ssl_context` replace the system's.
    """

    def __init__(
        self,
        *,
        allow_private_hosts: bool = False,
        authorizer: Authorizer | None = None,
        resolver: Resolver = resolve,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._client = HttpClient(allow_private_hosts=allow_private_hosts, resolver=resolver, ssl_context=ssl_context)
        self._given_authorizer = authorizer

    def send(self, request: ProviderRequest, limits: Limits, *, guarded: bool = False) -> ProviderResponse:
        """Send and read the whole answer; see `Transport`."""
        answer = self._open(request, limits, guarded=guarded)
        try:
            return ProviderResponse(answer.status, answer.headers, answer.read(limits))
        finally:
            answer.close()

    def open(self, request: ProviderRequest, limits: Limits, *, guarded: bool = False) -> HttpStream:
        """Send and return as soon as the status and headers are there; see `Transport`."""
        started = time.monotonic()
        answer = self._open(request, limits.before_first_event(), guarded=guarded)
        return HttpStream(answer, limits, framing=request.framing, started=started)

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()

    @cached_property
    def _authorizer(self) -> Authorizer:
        # Most providers take a key; cold starts do not wait for what the others are signed with. Two threads at the
        # same moment may make two: then one token too many is fetched.
        from promptside.transport.auth import Authorizer

        return self._given_authorizer or Authorizer(self._client)

    def _open(self, request: ProviderRequest, limits: Limits, *, guarded: bool) -> HttpAnswer:
        headers = {name.lower(): value for name, value in request.headers.items()}
        if request.signing is not None:
            headers |= self._authorizer.headers(request, request.signing, limits)
        answer = self._client.open(HttpRequest("POST", request.url, headers, request.body), limits, guarded=guarded)
        if answer.status == 401 and request.signing is not None:
            self._authorizer.forget(request.signing)
        if 300 <= answer.status < 400:
            answer.close()
            raise ProviderUnusable(f"{answer.host} answered with a redirect, which is never followed")
        return answer

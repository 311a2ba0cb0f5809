"""What the tests of signing share: an authorizer whose token endpoints are an upstream on loopback."""

from __future__ import annotations

import time

from promptside.providers.base import ProviderRequest, Signing
from promptside.transport.auth import Authorizer
from promptside.transport.base import Limits
from promptside.transport.client import HttpClient
from promptside.transport.signing_google import GoogleEndpoints
from tests.upstream import Upstream


class Clock:
    """Unix seconds that a test moves."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def soon() -> Limits:
    """Return limits of five seconds."""
    return Limits(deadline=time.monotonic() + 5)


def make_authorizer(client: HttpClient, upstream: Upstream, clock: Clock) -> Authorizer:
    """Return an authorizer that asks the upstream: `/oauth`, `/sts` and `/accounts/` as Google, the rest as Entra."""
    google = GoogleEndpoints(
        oauth=upstream.url + "/oauth", sts=upstream.url + "/sts", impersonation=upstream.url + "/accounts/"
    )
    return Authorizer(client, google=google, entra_origin=upstream.url, clock=clock)


def signed_request(signing: Signing, url: str = "https://api.example/v1", body: bytes = b"{}") -> ProviderRequest:
    """Return a request that wants to be signed."""
    return ProviderRequest(url=url, body=body, headers={"Content-Type": "application/json"}, signing=signing)


def headers_for(authorizer: Authorizer, signing: Signing) -> dict[str, str]:
    """Return the headers that a signing adds."""
    return dict(authorizer.headers(signed_request(signing), signing, soon()))

"""Fulfils what a provider request asks to be signed with: AWS signatures, Google and Microsoft tokens."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from promptside.providers.base import EntraToken, GoogleToken, ProviderRequest, Signing, SigV4
from promptside.transport.base import Limits
from promptside.transport.client import HttpClient
from promptside.transport.signing_aws import AwsRole, sign
from promptside.transport.signing_entra import ENTRA_ORIGIN, fetch_entra_token
from promptside.transport.signing_google import GOOGLE, GoogleEndpoints, fetch_google_token
from promptside.transport.tokens import TokenCache, identity_of


class Authorizer:
    """Makes the headers that prove who we are. Safe for threads.

    `google` and `entra_origin` say where tokens come from, for tests; `clock` gives unix seconds.
    """

    def __init__(
        self,
        client: HttpClient,
        *,
        google: GoogleEndpoints = GOOGLE,
        entra_origin: str = ENTRA_ORIGIN,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._google = google
        self._entra_origin = entra_origin
        self._clock = clock
        self._role = AwsRole()
        self._tokens = TokenCache(clock)

    def headers(self, request: ProviderRequest, signing: Signing, limits: Limits) -> Mapping[str, str]:
        """Return the headers to add, names in lower case.

        Raises ProviderError with status 401 when the credentials are refused or make no sense, ProviderUnreachable and
        ProviderTimeout when a token cannot be fetched.
        """
        if isinstance(signing, SigV4):
            return sign(request, signing, self._role)
        return {"authorization": f"Bearer {self._token(signing, limits)}"}

    def forget(self, signing: Signing) -> None:
        """Drop the token of an identity that the provider refused, so that the next call gets a new one."""
        if not isinstance(signing, SigV4):
            self._tokens.forget(_identity(signing))

    def _token(self, signing: GoogleToken | EntraToken, limits: Limits) -> str:
        if isinstance(signing, GoogleToken):
            return self._tokens.get(
                _identity(signing),
                lambda: fetch_google_token(
                    signing, client=self._client, limits=limits, endpoints=self._google, role=self._role
                ),
            )
        return self._tokens.get(
            _identity(signing),
            lambda: fetch_entra_token(
                signing, client=self._client, limits=limits, origin=self._entra_origin, now=self._clock()
            ),
        )


def _identity(signing: GoogleToken | EntraToken) -> str:
    if isinstance(signing, GoogleToken):
        return identity_of("google", signing.info, signing.scope)
    return identity_of("entra", signing.tenant_id, signing.client_id, signing.client_secret, signing.scope)

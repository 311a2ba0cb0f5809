"""Google access tokens, made by google-auth from a service account's key or, without a key, from an AWS role.

The credentials' JSON names the URLs that its secrets are sent to; whoever wrote it would get them. So no URL in it is
ever used: the service's own are (https://google.aip.dev/auth/4112 and 4117, read 2026-11-22).
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from promptside.errors import JsonObject, ProviderUnreachable
from promptside.providers.base import GoogleToken
from promptside.transport.base import Limits
from promptside.transport.client import HttpClient, HttpRequest
from promptside.transport.signing_aws import AwsRole
from promptside.transport.sse import parse_object
from promptside.transport.tokens import Token, ask_token_endpoint, refused

_STS_URL = re.compile(r"https://sts(?:\.[a-z0-9-]+)?(?:\.rep)?\.googleapis\.com/v1/token")
_IMPERSONATION_URL = re.compile(
    r"https://iamcredentials\.googleapis\.com/v1/projects/-/serviceAccounts/([a-zA-Z0-9._%+@-]+):generateAccessToken"
)
_SERVICE_ACCOUNT_FIELDS = ("client_email", "private_key", "private_key_id")


@dataclass(frozen=True, slots=True)
class GoogleEndpoints:
    """Where Google's tokens come from."""

    oauth: str = "https://oauth2.googleapis.com/token"
    sts: str = "https://sts.googleapis.com/v1/token"
    impersonation: str = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"


GOOGLE = GoogleEndpoints()


def fetch_google_token(
    signing: GoogleToken, *, client: HttpClient, limits: Limits, endpoints: GoogleEndpoints, role: AwsRole
) -> Token:
    """Make a token. Raises ProviderError with status 401 for a refusal or unusable JSON, ProviderUnreachable."""
    # Imported here: it costs more than the rest of a cold start's imports of this package.
    from google.auth.exceptions import GoogleAuthError

    try:
        info = parse_object(signing.info)
    except ValueError as exc:
        raise refused("Google", "they are not a JSON object") from exc
    try:
        credentials = _credentials(info, signing.scope, endpoints, role)
        credentials.refresh(_Exchange(client, limits, endpoints))
        expires = credentials.expiry.replace(tzinfo=datetime.UTC).timestamp()
        return Token(str(credentials.token), expires)
    except (GoogleAuthError, ValueError, TypeError, KeyError, AttributeError) as exc:
        raise refused("Google", "its token endpoint refused them, or they are incomplete") from exc


def _credentials(info: JsonObject, scope: str, endpoints: GoogleEndpoints, role: AwsRole) -> Any:
    kind = info.get("type")
    if kind == "service_account":
        from google.oauth2 import service_account

        fields = {name: info[name] for name in _SERVICE_ACCOUNT_FIELDS if name in info}
        return service_account.Credentials.from_service_account_info(
            {**fields, "token_uri": endpoints.oauth}, scopes=[scope]
        )
    if kind == "external_account":
        return _federated(info, scope, endpoints, role)
    raise refused("Google", "their type is neither service_account nor external_account")


def _federated(info: JsonObject, scope: str, endpoints: GoogleEndpoints, role: AwsRole) -> Any:
    """Build the credentials of a workload on AWS; the instance metadata service that the JSON names is not asked."""
    from google.auth import aws

    class Supplier(aws.AwsSecurityCredentialsSupplier):  # type: ignore[misc] # google-auth has no types
        def get_aws_security_credentials(self, context: Any, request: Any) -> Any:  # noqa: ARG002 - google-auth's
            keys = role.keys()
            return aws.AwsSecurityCredentials(keys.access_key_id, keys.secret_access_key, keys.session_token)

        def get_aws_region(self, context: Any, request: Any) -> str:  # noqa: ARG002 - google-auth's
            return role.region()

    source = info.get("credential_source")
    if not isinstance(source, dict) or source.get("environment_id") != "aws1":
        raise refused("Google", "only federation from AWS is supported")
    if not _STS_URL.fullmatch(str(info.get("token_url"))):
        raise refused("Google", "the token_url of the federation is not Google's")
    return aws.Credentials(
        audience=str(info["audience"]),
        subject_token_type=str(info["subject_token_type"]),
        token_url=endpoints.sts,
        aws_security_credentials_supplier=Supplier(),
        service_account_impersonation_url=_impersonation_url(info, endpoints),
        scopes=[scope],
    )


def _impersonation_url(info: JsonObject, endpoints: GoogleEndpoints) -> str | None:
    given = info.get("service_account_impersonation_url")
    if given is None:
        return None
    account = _IMPERSONATION_URL.fullmatch(str(given))
    if account is None:
        raise refused("Google", "the service_account_impersonation_url of the federation is not Google's")
    return f"{endpoints.impersonation}{account[1]}:generateAccessToken"


@dataclass(frozen=True, slots=True)
class _Response:
    """What google-auth wants to see of an answer."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    data: bytes = field(repr=False)


class _Exchange:
    """The callable that google-auth sends its requests with: our client and limits, and Google's endpoints only."""

    def __init__(self, client: HttpClient, limits: Limits, endpoints: GoogleEndpoints) -> None:
        self._client = client
        self._limits = limits
        self._endpoints = endpoints

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        **options: object,  # noqa: ARG002 - part of google-auth's protocol
    ) -> _Response:
        """Send one request; a failing endpoint raises here, so that google-auth does not try again in its own time."""
        allowed = (self._endpoints.oauth, self._endpoints.sts, self._endpoints.impersonation)
        if method != "POST" or not url.startswith(allowed):
            raise ProviderUnreachable("Google's library asked for a URL that is not a token endpoint")
        data = body.encode() if isinstance(body, str) else body or b""
        request = HttpRequest("POST", url, dict(headers or {}), data)
        status, answer = ask_token_endpoint(self._client, request, self._limits, provider="Google")
        return _Response(status, {}, answer)

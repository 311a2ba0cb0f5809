"""Microsoft Entra tokens by client credentials.

https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow (read 2026-11-22)
"""

from __future__ import annotations

import re
from urllib.parse import urlencode

from promptside.errors import ProviderUnreachable
from promptside.providers.base import EntraToken
from promptside.transport.base import Limits
from promptside.transport.client import HttpClient, HttpRequest
from promptside.transport.sse import parse_object
from promptside.transport.tokens import Token, ask_token_endpoint, expiry, refused

ENTRA_ORIGIN = "https://login.microsoftonline.com"

# A GUID or a domain name: it becomes a part of the path.
_TENANT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}


def fetch_entra_token(signing: EntraToken, *, client: HttpClient, limits: Limits, origin: str, now: float) -> Token:
    """Ask for a token. Raises ProviderError with status 401 for a refusal, ProviderUnreachable, ProviderTimeout."""
    if not _TENANT.fullmatch(signing.tenant_id) or ".." in signing.tenant_id:
        raise refused("Microsoft Entra", "the tenant id is neither a GUID nor a domain name")
    form = {
        "grant_type": "client_credentials",
        "client_id": signing.client_id,
        "client_secret": signing.client_secret,
        "scope": signing.scope,
    }
    url = f"{origin}/{signing.tenant_id}/oauth2/v2.0/token"
    request = HttpRequest("POST", url, _FORM, urlencode(form).encode())
    status, body = ask_token_endpoint(client, request, limits, provider="Microsoft Entra")
    if status >= 400:
        raise refused("Microsoft Entra", f"its token endpoint answered with status {status}")
    try:
        answer = parse_object(body.decode("utf-8", "replace"))
        return Token(str(answer["access_token"]), expiry(answer.get("expires_in"), now))
    except (ValueError, KeyError) as exc:
        raise ProviderUnreachable("Microsoft Entra's token endpoint answered without a token") from exc

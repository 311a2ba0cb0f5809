"""How calls to Azure OpenAI prove who sends them: a key, a Microsoft Entra token, or client credentials for one.

https://learn.microsoft.com/azure/foundry/openai/reference, read 2026-11-23. Exactly one of the two headers is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from promptside.errors import InvalidRequest
from promptside.providers.base import EntraToken, Signing

_Mode = Literal["token", "key", "client"]
_CLIENT = ("tenant_id", "client_id", "client_secret")
# Keys have no dots; what callers send as Authorization may be a key or an Entra token.
_TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")


def authorize(credentials: Mapping[str, str]) -> dict[str, str]:
    """Return the header of a token or key, or none when a token has to be fetched first.

    Raises InvalidRequest when there is nothing to prove anything with.
    """
    match _mode(credentials):
        case "token":
            return {"authorization": f"Bearer {_bare(credentials['azure_ad_token'])}"}
        case "key":
            key = _bare(credentials["api_key"])
            return {"authorization": f"Bearer {key}"} if _TOKEN.fullmatch(key) else {"api-key": key}
        case "client":
            return {}


def sign(credentials: Mapping[str, str]) -> Signing | None:
    """Return the token to fetch, if client credentials are what is configured."""
    if _mode(credentials) != "client":
        return None
    given = {name: credentials[name] for name in _CLIENT}
    scope = credentials.get("token_scope")
    return EntraToken(**given, scope=scope) if scope else EntraToken(**given)


def _mode(credentials: Mapping[str, str]) -> _Mode:
    """Return what to use. A token or key stands before client credentials, which other tools share."""
    if credentials.get("azure_ad_token"):
        return "token"
    if credentials.get("api_key"):
        return "key"
    missing = [name for name in _CLIENT if not credentials.get(name)]
    if not missing:
        return "client"
    name = "api_key" if len(missing) == len(_CLIENT) else missing[0]
    raise InvalidRequest(
        f"azure-openai: the field '{name}' is missing. Give api_key, or azure_ad_token, or {', '.join(_CLIENT)}",
        param=name,
        code="invalid_provider_configuration",
    )


def _bare(value: str) -> str:
    return value.removeprefix("Bearer ").strip()

"""Where a Vertex AI request goes and how it proves who sends it.

https://cloud.google.com/vertex-ai/docs/reference/rest and /docs/general/locations (google-genai 3.4.0, read
2026-11-22). Region and project become part of a host and a path; their patterns stand in the fields.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from promptside.errors import InvalidRequest
from promptside.providers.base import GoogleToken, ProviderCall
from promptside.providers.vertex.routes import Route

DEFAULT_REGION = "global"
"""As in the vendor's own SDK."""

VERSION = "v1"

GEMINI_VERSION = "v1beta1"
"""The version that has every field of Gemini's wire; the vendor's own SDK uses it too."""

REGION_PATTERN = r"[a-z][a-z0-9-]{1,38}[a-z0-9]|us|eu"
PROJECT_PATTERN = r"[a-z][a-z0-9-]{4,28}[a-z0-9]|\d{1,20}"

_MULTI_REGIONS = frozenset({"us", "eu"})
# Google's access tokens, also those of service accounts and of federation, begin so.
_ACCESS_TOKEN = re.compile(r"ya29\.\S+")


def is_express(credentials: Mapping[str, str]) -> bool:
    """Tell whether an API key is all there is to say who calls: then there is no project in the path."""
    return _token(credentials) is None and not credentials.get("vertex_service_account_json")


def url_of(route: Route, call: ProviderCall, credentials: Mapping[str, str]) -> str:
    """Return the whole URL. Raises InvalidRequest when a part of it is missing."""
    version = credentials.get("api_version") or (GEMINI_VERSION if route.wire == "gemini" else VERSION)
    base = f"{_origin(credentials)}/{version}"
    if route.wire == "gemini" and not route.endpoint and is_express(credentials):
        return f"{base}/{_publisher_path(route, call)}"
    region = credentials.get("vertex_region") or DEFAULT_REGION
    return f"{base}/projects/{_project(credentials)}/locations/{region}/{_path(route, call)}"


def auth_headers(credentials: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that carry a token or a key; none when the request is signed with a token made for it."""
    token = _token(credentials)
    if token is not None:
        return {"authorization": f"Bearer {token}"}
    if credentials.get("vertex_service_account_json"):
        return {}
    key = credentials.get("api_key")
    if not key:
        raise _missing(
            "vertex_service_account_json",
            "give the JSON of a service account or of a federation, an access token, or an API key",
        )
    return {"x-goog-api-key": key}


def signing_of(credentials: Mapping[str, str]) -> GoogleToken | None:
    """Return the token to make, unless one was given."""
    info = credentials.get("vertex_service_account_json")
    return GoogleToken(info) if info and _token(credentials) is None else None


def _origin(credentials: Mapping[str, str]) -> str:
    custom = credentials.get("custom_host")
    if custom:
        return custom.rstrip("/")
    region = credentials.get("vertex_region") or DEFAULT_REGION
    if region == "global":
        return "https://aiplatform.googleapis.com"
    if region in _MULTI_REGIONS:
        return f"https://aiplatform.{region}.rep.googleapis.com"
    return f"https://{region}-aiplatform.googleapis.com"


def _path(route: Route, call: ProviderCall) -> str:
    if route.wire == "endpoint":
        return f"endpoints/{route.model}/chat/completions"
    if route.wire == "openai":
        return "endpoints/openapi/chat/completions"
    if route.endpoint:
        return f"endpoints/{route.model}:{_method(route, call)}"
    return _publisher_path(route, call)


def _publisher_path(route: Route, call: ProviderCall) -> str:
    return f"publishers/{route.publisher}/models/{route.model}:{_method(route, call)}"


def _method(route: Route, call: ProviderCall) -> str:
    if route.wire == "gemini":
        return "streamGenerateContent?alt=sse" if call.stream else "generateContent"
    return "streamRawPredict" if call.stream else "rawPredict"


def _token(credentials: Mapping[str, str]) -> str | None:
    token = credentials.get("vertex_access_token")
    key = credentials.get("api_key", "").removeprefix("Bearer ")
    # Other gateways take the token as the key.
    return token or (key if _ACCESS_TOKEN.fullmatch(key) else None)


def _project(credentials: Mapping[str, str]) -> str:
    project = credentials.get("vertex_project_id") or _project_of(credentials.get("vertex_service_account_json"))
    if project is None:
        raise _missing("vertex_project_id", "it is the id of the Google Cloud project that pays for the call")
    return project


def _project_of(info: str | None) -> str | None:
    """Return the project that a service account belongs to."""
    try:
        account = json.loads(info) if info else None
    except (ValueError, RecursionError):
        return None
    project = account.get("project_id") if isinstance(account, dict) else None
    return project if isinstance(project, str) and re.fullmatch(PROJECT_PATTERN, project) else None


def _missing(name: str, advice: str) -> InvalidRequest:
    return InvalidRequest(
        f"vertex-ai: the field '{name}' is missing: {advice}", param=name, code="invalid_provider_configuration"
    )

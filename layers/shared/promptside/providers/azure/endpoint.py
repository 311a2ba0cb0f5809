"""Where a call to Azure OpenAI goes: the endpoint, the surface and the deployment.

https://learn.microsoft.com/azure/foundry/openai/api-version-lifecycle, and the URLs that openai 3.54.0's `AzureOpenAI`
builds, read 2026-11-23.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, unquote

from promptside.errors import InvalidRequest, JsonObject
from promptside.providers.base import ProviderCall
from promptside.providers.openai_format.values import objects

DEPLOYMENT_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
VERSION_PATTERN = r"v1|preview|latest|\d{4}-\d{2}-\d{2}(-preview)?"

_V1 = "v1"
_V1_PREVIEWS = frozenset({"preview", "latest"})
# The first version that is known to take it: https://github.com/griptape-ai/griptape/issues/1640 ; with 2024-05-01 it
# was a 400: https://github.com/Azure/azure-rest-api-specs/issues/29157
_FIRST_STREAM_OPTIONS = "2024-09-01"
# An endpoint may be pasted with any part of the path that the portal shows behind it.
_PASTED_PATH = re.compile(r"/openai((?P<v1>/v1)(/.*)?|/deployments(/(?P<deployment>[^/]+)(/.*)?)?|/responses)?$")


@dataclass(frozen=True, slots=True)
class AzureTarget:
    """What the configuration and the model say together.

    `endpoint` has no path of the API and no trailing slash. `version` is `v1`, or one for the query.
    """

    endpoint: str
    deployment: str
    version: str
    version_less: bool

    @property
    def takes_stream_options(self) -> bool:
        """Whether this surface knows `stream_options`."""
        return self.version_less or self.version[: len(_FIRST_STREAM_OPTIONS)] >= _FIRST_STREAM_OPTIONS

    def url(self, path: str) -> str:
        """Return the URL for `/chat/completions`, `/completions` or `/responses`."""
        query = "" if self.version == _V1 else f"?api-version={quote(self.version, safe='')}"
        if self.version_less:
            return f"{self.endpoint}/openai/v1{path}{query}"
        if path == "/responses":
            # The deployment stands in the body only: https://github.com/openai/openai-node/issues/1607
            return f"{self.endpoint}/openai{path}{query}"
        return f"{self.endpoint}/openai/deployments/{quote(self.deployment, safe='')}{path}{query}"


def azure_target(call: ProviderCall) -> AzureTarget:
    """Return where the call goes. Raises InvalidRequest when the configuration does not say.

    The deployment is the configured one, else the entry of `deployment_config` for the model, else the one that was
    pasted with the endpoint, else the model's name.
    """
    settings = call.settings
    endpoint = _endpoint(settings)
    entry = _configured_deployment(settings, call.model)
    deployment = (
        settings.get("deployment_id")
        or _text(entry, "deploymentName", "deployment_name")
        or endpoint.deployment
        or call.model
    )
    if re.fullmatch(DEPLOYMENT_PATTERN, deployment) is None:
        raise _invalid("deployment_id", "is missing, and the prompt's model is not the name of a deployment")
    version = settings.get("api_version") or _text(entry, "apiVersion", "api_version") or endpoint.version or _V1
    if re.fullmatch(VERSION_PATTERN, version) is None:
        raise _invalid("api_version", "is malformed. It is v1, preview or a dated version such as 2024-10-21")
    return AzureTarget(endpoint.origin, deployment, version, version_less=version == _V1 or version in _V1_PREVIEWS)


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """An endpoint as it was given: its origin with a path prefix, and what was pasted along with it."""

    origin: str
    version: str | None = None
    deployment: str | None = None


def _endpoint(settings: Mapping[str, str]) -> _Endpoint:
    pasted = settings.get("custom_host")
    if pasted:
        return _read_endpoint(pasted)
    if settings.get("endpoint_name"):
        return _Endpoint(f"https://{settings['endpoint_name'].lower()}")
    if settings.get("resource_name"):
        return _Endpoint(f"https://{settings['resource_name'].lower()}.openai.azure.com")
    raise _invalid("resource_name", "is missing. Name the resource, or give its endpoint as custom_host")


def _read_endpoint(pasted: str) -> _Endpoint:
    """Take an endpoint apart; the portal shows it with the API's path and the version behind it."""
    base, _, query = pasted.partition("?")
    base = base.rstrip("/")
    found = _PASTED_PATH.search(base)
    if found is None:
        return _Endpoint(base, parse_qs(query).get("api-version", [None])[0])
    version = parse_qs(query).get("api-version", [_V1 if found["v1"] else None])[0]
    deployment = unquote(found["deployment"]) if found["deployment"] else None
    return _Endpoint(base[: found.start()].rstrip("/"), version, deployment)


def _configured_deployment(settings: Mapping[str, str], model: str) -> JsonObject:
    """Return the entry for the model, else the default one, else the first.

    `[{"deploymentName": "chat-a", "apiVersion": "v1", "alias": "gpt-6-luna", "is_default": true}]`
    """
    text = settings.get("deployment_config")
    if not text:
        return {}
    try:
        entries = objects(json.loads(text))
    except (ValueError, RecursionError) as exc:
        raise _invalid("deployment_config", "is not JSON") from exc
    for names in (("alias",), ("deploymentName", "deployment_name")):
        for entry in entries:
            if _text(entry, *names) == model:
                return entry
    default = next((entry for entry in entries if entry.get("is_default") or entry.get("isDefault")), None)
    return default or next(iter(entries), {})


def _text(entry: JsonObject, *names: str) -> str | None:
    values: list[Any] = [entry.get(name) for name in names]
    return next((value for value in values if isinstance(value, str) and value), None)


def _invalid(field: str, problem: str) -> InvalidRequest:
    return InvalidRequest(
        f"azure-openai: the field '{field}' {problem}", param=field, code="invalid_provider_configuration"
    )

"""Makes the run of one target out of the request, the prompt and what the config says about the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from promptside.forwarding import forwardable
from promptside.merging import TOKEN_LIMITS, stored_parameters
from promptside.routing.conditions import Facts
from promptside.routing.config import Option
from promptside.schema.prompt import PromptVersion, Resolution
from promptside.schema.request import RunRequest

_ROUTES = frozenset({"prompts", "chat", "responses"})


def request_for(option: Option, request: RunRequest) -> RunRequest:
    """Return the request as this target gets it.

    A target that names a provider or virtual key gets nothing of the credentials that came with the request: they were
    meant for somebody else. What the config overrides beats the request, key by key; what it drops comes last.
    """
    changed: dict[str, Any] = {}
    if option.identity.named:
        # A virtual key says more than the provider's name beside it.
        key = option.identity.virtual_key
        changed |= {
            "virtual_key": key,
            "provider": None if key else option.identity.provider,
            "provider_headers": {},
            "provider_key": None,
        }
    if option.identity.fields:
        changed["provider_fields"] = option.identity.fields
    if option.override_params or option.drop_params:
        changed["overrides"] = {**request.overrides, **option.override_params, **dict.fromkeys(option.drop_params)}
    if option.forward_headers:
        own = forwardable(request.headers, option.forward_headers)
        changed["forwarded_headers"] = {**own, **request.forwarded_headers}
    if option.strict_openai is not None:
        changed["strict_openai"] = option.strict_openai
    if request.timeout_seconds is None and option.timeout_seconds is not None:
        changed["timeout_seconds"] = option.timeout_seconds
    return replace(request, **changed) if changed else request


def version_for(option: Option, version: PromptVersion) -> PromptVersion:
    """Return the prompt version with the target's defaults where it says nothing itself."""
    if not option.default_params:
        return version
    stored = {name: value for name, value in version.parameters.items() if value is not None}
    defaults = _without_second_limit(option.default_params, stored)
    return replace(version, parameters={**defaults, **stored})


def resolution_for(option: Option, resolution: Resolution) -> Resolution:
    """Return the resolution with the target's own prompt, if it has one, and its defaults."""
    version = resolution.prompt if option.prompt is None else resolution.prompts[option.prompt]
    version = version_for(option, version)
    return resolution if version is resolution.prompt else replace(resolution, prompt=version)


def facts_of(request: RunRequest, version: PromptVersion) -> Facts:
    """Return what conditions are asked about."""
    params = {**stored_parameters(version), "model": version.model, **request.overrides}
    params |= {"variables": request.variables, "stream": request.stream}
    return Facts(request.metadata, params, _pathname(request.path))


def _pathname(path: str) -> str:
    """Return the path as the SDKs write it, whatever stage or prefix the front door has put in front."""
    segments = [segment for segment in path.split("/") if segment]
    start = next((index for index, segment in enumerate(segments) if segment in _ROUTES), 0)
    return "/v1/" + "/".join(segments[start:])


def _without_second_limit(defaults: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Leave the default limits of tokens out when the prompt has one, whichever name it bears."""
    if not any(limit in stored for limit in TOKEN_LIMITS):
        return dict(defaults)
    return {name: value for name, value in defaults.items() if name not in TOKEN_LIMITS}

"""What a call would do, without making it: where it would go, what would be left out, what it would cost at most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from promptside.advice import dropped_warning, model_warnings, parameter_names
from promptside.attempts.once import choose_provider, neutral_body, provider_call
from promptside.cost import answer_limit, estimated_tokens, has_uncounted_parts, highest_cost
from promptside.errors import ConfigurationError, InvalidRequest, JsonObject
from promptside.providers.base import ProviderCall, ProviderRequest
from promptside.providers.fields import CUSTOM_HOST
from promptside.schema.prompt import Resolution, split_model
from promptside.schema.request import RunRequest
from promptside.service import config_in_force, load_prompt, with_key_metadata
from promptside.services import Services
from promptside.target import Target


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How far the plan came; what is missing is explained in `warnings`."""

    target: Target | None = None
    call: ProviderCall | None = None
    request: ProviderRequest | None = None
    warnings: tuple[str, ...] = ()


def plan(services: Services, request: RunRequest) -> tuple[JsonObject, JsonObject]:
    """Return the rendered body, as `render` does, and the plan of sending it.

    `{"provider", "model", "virtual_key", "url_host", "dropped_params", "estimated_prompt_tokens",
    "max_completion_tokens", "highest_cost", "warnings", "unused_variables", "missing_variables"}`. Raises what a call
    would raise for its caller, its prompt or its variables; what is wrong with the target is a warning. Under a config
    both are those of the target that it would try first, which `option` names.
    """
    resolution = load_prompt(services, request)
    request = with_key_metadata(request, resolution)
    request, resolution, chosen, warnings = _under_config(services, request, resolution)
    body = neutral_body(services, request, resolution)
    outcome = _outcome(services, request, resolution, body)
    used, given = _names(services, resolution), set(_keys(request.variables))
    return body, {
        **chosen,
        **_where(request, resolution, body, outcome),
        **_tokens_and_cost(body, outcome),
        "warnings": [*outcome.warnings, *warnings, *_advice(services, outcome)],
        "unused_variables": [name for name in request.variables if name not in used],
        "missing_variables": [name for name in used if name not in given],
    }


def _under_config(
    services: Services, request: RunRequest, resolution: Resolution
) -> tuple[RunRequest, Resolution, JsonObject, list[str]]:
    """Return the run as the first target of a config gets it, which one that is, and what is uncertain of it."""
    option = config_in_force(services, request, resolution)
    if option is None:
        return request, resolution, {}, []
    # Most calls have no config.
    from promptside.attempts.first import first_choice

    first = first_choice(option, request, resolution)
    warnings = [f"{path} draws by weight: this is the plan of the heaviest target" for path in first.drawn]
    return first.request, first.resolution, {"option": first.option.path}, warnings


def _outcome(services: Services, request: RunRequest, resolution: Resolution, body: JsonObject) -> _Outcome:
    """Go as far as a call would, up to the network."""
    parameters = dict(body)
    try:
        target = choose_provider(services, request, resolution, model=parameters.pop("model"))
    except (InvalidRequest, ConfigurationError) as error:
        return _Outcome(warnings=(f"The call would fail: {error.message}",))
    call = provider_call(services, request, resolution.prompt, target=target, body=parameters)
    try:
        return _Outcome(target, call, target.provider.build_request(call, target.credentials))
    except (InvalidRequest, ConfigurationError) as error:
        return _Outcome(target, call, warnings=(f"The call would fail: {error.message}",))


def _where(request: RunRequest, resolution: Resolution, body: JsonObject, outcome: _Outcome) -> JsonObject:
    target, built = outcome.target, outcome.request
    named = request.provider or ""
    slug = named.removeprefix("@") if named.startswith("@") else None
    if not named or slug is not None:
        slug = slug or request.virtual_key or split_model(body["model"])[0] or resolution.prompt.virtual_key
    return {
        "provider": None if target is None else target.provider.name,
        "model": body["model"] if target is None else target.model,
        "virtual_key": slug if slug in resolution.virtual_keys else None,
        "url_host": None if built is None else urlsplit(built.url).netloc,
        "dropped_params": [] if built is None else list(built.dropped),
    }


def _tokens_and_cost(body: JsonObject, outcome: _Outcome) -> JsonObject:
    tokens = estimated_tokens(body)
    limit = None if outcome.request is None else answer_limit(outcome.request)
    target, call = outcome.target, outcome.call
    cost: JsonObject = {"currency": None, "amount": None, "reason": "the target is not known"}
    if target is not None and call is not None:
        known = None if CUSTOM_HOST.name in target.settings else target.provider.name
        cost = highest_cost(known, call, prompt_tokens=tokens, completion_tokens=limit)
    return {"estimated_prompt_tokens": tokens, "max_completion_tokens": limit, "highest_cost": cost}


def _advice(services: Services, outcome: _Outcome) -> list[str]:
    target, call = outcome.target, outcome.call
    if target is None or call is None:
        return []
    provider = target.provider.name
    today = datetime.fromtimestamp(services.clock(), UTC).date()
    return [
        *([] if CUSTOM_HOST.name in target.settings else model_warnings(provider, target.model, today)),
        *parameter_names(provider, call.parameters),
        *(dropped_warning(provider, name) for name in (outcome.request.dropped if outcome.request else ())),
        *(["Images, audio and files are not counted"] if has_uncounted_parts(call.messages) else []),
    ]


def _names(services: Services, resolution: Resolution) -> dict[str, None]:
    """Return the first parts of the names that the templates use, in order of first use."""
    prompt = services.templates.prompt(resolution.prompt)
    partials = services.templates.partials(resolution.partials).values()
    names = [*prompt.variables, *prompt.caller_partials]
    for partial in partials:
        names += [*partial.variables, *partial.caller_partials]
    return dict.fromkeys(first for name in names if (first := name.partition(".")[0]))


def _keys(variables: Mapping[str, Any]) -> Iterator[str]:
    """Yield every name anywhere in the variables: inside a section a name may be one of its item's."""
    waiting: list[Any] = [variables]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            yield from value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)

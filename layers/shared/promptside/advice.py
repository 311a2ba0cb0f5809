"""Says before a call what would come of it: parameters that are left out or refused, models that end.

Adapters are pure, so a request is built as for a call and thrown away; nothing is sent, and no secret is needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from promptside.errors import InvalidRequest, JsonObject, PromptsideError
from promptside.providers.base import Credentials, Field, Kind, Provider, ProviderCall
from promptside.providers.fields import CUSTOM_HOST, all_fields, public_settings
from promptside.providers.known_parameters import unknown_parameter
from promptside.providers.model_ends import end_warning
from promptside.providers.prices import knows_model

MOST_REFUSALS = 20
_CHECKED_MODELS = frozenset({"anthropic", "openai"})
"""Whose models are all in the list: other providers host whatever their customers bring along."""
_OURS_ALONE = frozenset(
    {"config", "messages", "model", "prompt", "request_timeout", "stream", "stream_options", "strict_params"}
)
_PLACEHOLDERS = (
    "placeholder", "https://placeholder.invalid/v1", "us-east-1", "00000000-0000-4000-8000-000000000000",
    "2026-01-01", "1",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Planned:
    """A call that is only thought of; `settings` are the public fields of the provider's configuration."""

    kind: Kind
    model: str
    parameters: JsonObject
    settings: Mapping[str, str]


def warnings_about(provider: Provider, planned: Planned, today: date) -> list[str]:
    """Return what is wrong with a call as sentences, the model first; empty when nothing is."""
    return [
        # What an alias behind a host of one's own stands for, nobody knows.
        *([] if CUSTOM_HOST.name in planned.settings else model_warnings(provider.name, planned.model, today)),
        *parameter_names(provider.name, planned.parameters),
        *_parameter_warnings(provider, planned),
    ]


def model_warnings(provider: str, model: str, today: date) -> list[str]:
    """Return what is known against a model."""
    ending = end_warning(provider, model, today)
    if ending is not None:
        return [ending]
    if provider in _CHECKED_MODELS and knows_model(provider, model) is False:
        return [f"{provider} has no model '{model[:64]}' that is known here: check its name"]
    return []


def parameter_names(provider: str, parameters: Mapping[str, object]) -> list[str]:
    """Return a sentence for each parameter that nobody knows; a host of one's own may know any."""
    if provider == "custom":
        return []
    return [
        sentence for name in parameters if name not in _OURS_ALONE and (sentence := unknown_parameter(name)) is not None
    ]


def dropped_warning(provider: str, name: str) -> str:
    """Return the sentence about a parameter that is left out."""
    return f"{provider} does not take '{name}' with this model: it is left out"


def _parameter_warnings(provider: Provider, planned: Planned) -> Iterator[str]:
    """Build the request again without each parameter that is refused, until it can be built."""
    parameters = {name: value for name, value in planned.parameters.items() if name not in _OURS_ALONE}
    credentials = _credentials(provider, planned.settings)
    for _ in range(MOST_REFUSALS):
        call = _call(planned, parameters, public_settings(provider, credentials))
        try:
            dropped = provider.build_request(call, credentials).dropped
        except InvalidRequest as refusal:
            if refusal.code != "invalid_provider_configuration":
                yield refusal.message
            if refusal.param not in parameters:
                return
            del parameters[refusal.param]
        except PromptsideError:
            # The configuration is at fault, not the prompt; calls will say so.
            return
        else:
            yield from (dropped_warning(provider.name, name) for name in dropped)
            return


def _call(planned: Planned, parameters: JsonObject, settings: Mapping[str, str]) -> ProviderCall:
    return ProviderCall(
        kind=planned.kind,
        model=planned.model,
        messages=[{"role": "user", "content": "x"}] if planned.kind == "chat" else None,
        prompt="x" if planned.kind == "text" else None,
        parameters=dict(parameters),
        completion_id="plan",
        created=0,
        settings=settings,
    )


def _credentials(provider: Provider, settings: Mapping[str, str]) -> Credentials:
    """Return the settings with something in place of every field that a call must have."""
    fields = all_fields(provider)
    places = [field for field in fields if field.host and field.name != CUSTOM_HOST.name][:1]
    if any(field.host and field.name in settings for field in fields):
        places = []
    needed = [field for field in fields if field.required or field.name in ("api_key", "aws_region")]
    values = {field.name: _placeholder(field) for field in (*needed, *places)}
    return Credentials({**values, **settings})


def _placeholder(field: Field) -> str:
    return next((text for text in _PLACEHOLDERS if re.fullmatch(field.pattern or ".*", text)), _PLACEHOLDERS[0])

"""Vertex AI's OpenAI-shaped wires: open models, deployed endpoints, and Mistral's own chat completions.

https://cloud.google.com/vertex-ai/generative-ai/docs/migrate/openai/overview (read 2026-11-22).
"""

from __future__ import annotations

from dataclasses import replace

from promptside.errors import JsonObject
from promptside.providers.base import ProviderCall
from promptside.providers.openai_format.compatible import OpenAICompatible
from promptside.providers.openai_format.only import KNOBS, PROMISES, TEXT_ANSWERS
from promptside.providers.openai_format.rules import AnswerRules, MessageRules
from promptside.providers.parameters import ParameterTable
from promptside.providers.vertex.address import auth_headers, signing_of, url_of
from promptside.providers.vertex.routes import Wire, route_of

_PARAMETERS = ParameterTable(
    drop=KNOBS | {"logit_bias", "prediction", "service_tier", "user"},
    refuse=PROMISES,
    fixed=TEXT_ANSWERS,
)


def compatible(wire: Wire, name: str) -> OpenAICompatible:
    """Return the adapter of one wire, under the name of the provider that it is a part of."""
    if wire == "mistral":
        # Imported here: few calls go to these models.
        from promptside.providers.mistral_ai import PROVIDER as MISTRAL

        return replace(
            MISTRAL,
            name=name,
            fields=(),
            base_url=None,
            build_url=lambda call, credentials, _: url_of(route_of(call.model), call, credentials),
            authorize=auth_headers,
            sign=signing_of,
            rewrite=_name_model,
        )
    return OpenAICompatible(
        name=name,
        fields=(),
        base_url=None,
        # A deployed endpoint runs whatever its owner chose, so it gets every parameter.
        parameters=_PARAMETERS if wire == "openai" else ParameterTable(),
        messages=MessageRules(part=_without_detail),
        answers=AnswerRules(tools_outrank_stop=True),
        has_functions=wire != "openai",
        build_url=lambda call, credentials, _: url_of(route_of(call.model), call, credentials),
        authorize=auth_headers,
        sign=signing_of,
        rewrite=_name_model,
    )


def _name_model(body: JsonObject, call: ProviderCall, _: list[str]) -> JsonObject:
    """Name the model as its endpoint knows it; a deployed endpoint has only one."""
    route = route_of(call.model)
    if route.wire == "endpoint":
        return {**body, "model": ""}
    if route.wire == "mistral":
        return {**body, "model": route.model.partition("@")[0]}
    return {**body, "model": f"{route.publisher}/{route.model}"}


def _without_detail(part: JsonObject) -> JsonObject:
    image = part.get("image_url")
    if not isinstance(image, dict):
        return part
    return {**part, "image_url": {key: value for key, value in image.items() if key != "detail"}}

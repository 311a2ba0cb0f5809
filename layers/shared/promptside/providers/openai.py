"""OpenAI: chat completions, legacy text completions, and the Responses wire for the calls that need it.

https://developers.openai.com/api/docs/api-reference, read 2026-11-22. What single models refuse is in openai_models.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from promptside.errors import JsonObject
from promptside.providers.base import Capabilities, Field, ProviderCall
from promptside.providers.openai_compatible import OpenAICompatible, Wire
from promptside.providers.openai_models import dropped_parameters, needs_responses, renames_token_limit
from promptside.providers.openai_responses import ResponsesRules
from promptside.providers.openai_rules import MessageRules
from promptside.providers.parameters import drop

_VISIBLE = r"[\x21-\x7e]+"

_LOGPROBS = "message.output_text.logprobs"

FIELDS = (
    Field("api_key", "An OpenAI API key", secret=True, required=True, environment=("OPENAI_API_KEY",)),
    Field(
        "custom_host",
        "Another base URL, with its /v1; only hosts that the stack allows are used",
        environment=("OPENAI_BASE_URL",),
        header="x-portkey-custom-host",
        aliases=("customHost", "base_url"),
        host=True,
    ),
    Field(
        "organization",
        "The organization that is billed",
        environment=("OPENAI_ORG_ID",),
        header="x-portkey-openai-organization",
        pattern=_VISIBLE,
        aliases=("openaiOrganization", "openai_organization"),
    ),
    Field(
        "project",
        "The project that is billed",
        environment=("OPENAI_PROJECT_ID",),
        header="x-portkey-openai-project",
        pattern=_VISIBLE,
        aliases=("openaiProject", "openai_project"),
    ),
    Field(
        "wire",
        "chat or responses: the endpoint to call, whatever the model; without it the model and its tools decide",
        header="x-portkey-openai-wire",
        pattern="chat|responses",
    ),
    Field(
        "base_model",
        "The model whose rules apply, where the name of the called one does not tell (an alias behind a custom host)",
        header="x-portkey-openai-base-model",
        pattern=_VISIBLE,
    ),
)


def choose_wire(call: ProviderCall) -> Wire:
    """Return the configured wire, or the one that this model needs for this call."""
    if call.settings.get("wire") == "chat":
        return "chat"
    if call.settings.get("wire") == "responses" or needs_responses(model_name(call), call.parameters):
        return "responses"
    return "chat"


def rewrite_for_model(body: JsonObject, call: ProviderCall, dropped: list[str]) -> JsonObject:
    """Rename and drop what this model does not take on the chat endpoint."""
    if call.kind == "text":
        return body
    model = model_name(call)
    parameters = {name: value for name, value in body.items() if name not in {"model", "messages"}}
    for name in dropped_parameters(model, parameters):
        drop(name, dropped, strict=call.strict_params, provider=f"openai ({model})")
        del body[name]
    if "max_tokens" in body and (renames_token_limit(model) or "max_completion_tokens" in body):
        limit = body.pop("max_tokens")
        body.setdefault("max_completion_tokens", limit)
    return body


def rewrite_responses_for_model(body: JsonObject, call: ProviderCall, dropped: list[str]) -> JsonObject:
    """Drop the sampling parameters that a reasoning model refuses on the Responses endpoint as well."""
    model = model_name(call)
    given: JsonObject = {name: body[name] for name in ("temperature", "top_p", "top_logprobs") if name in body}
    given["reasoning_effort"] = (body.get("reasoning") or {}).get("effort")
    if _LOGPROBS in body.get("include", []):
        given["logprobs"] = True
    for name in dropped_parameters(model, given):
        drop(name, dropped, strict=call.strict_params, provider=f"openai ({model})")
        body.pop(name, None)
        if name == "logprobs":
            body["include"] = [item for item in body["include"] if item != _LOGPROBS]
    return body


def model_name(call: ProviderCall) -> str:
    """Return the name of the model whose rules apply."""
    return call.settings.get("base_model") or call.model


HEADER_FIELDS: Mapping[str, str] = MappingProxyType(
    {"organization": "openai-organization", "project": "openai-project"}
)

PROVIDER = OpenAICompatible(
    name="openai",
    fields=FIELDS,
    base_url="https://api.openai.com/v1",
    text_path="/completions",
    messages=MessageRules(developer_as_system=False),
    header_fields=HEADER_FIELDS,
    rewrite=rewrite_for_model,
    choose_wire=choose_wire,
    responses=ResponsesRules(rewrite=rewrite_responses_for_model),
    capabilities=Capabilities(
        text=True,
        documents=True,
        reasoning=True,
        note="Tools with reasoning go through the Responses API; no first-party text-completion model is left",
    ),
)

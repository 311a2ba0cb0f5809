"""Applies the table of OpenAI's models to a call, wherever they are hosted.

A setting `wire` (chat or responses) wins over the table; `base_model` names the model whose rules apply.
"""

from __future__ import annotations

from promptside.errors import JsonObject
from promptside.providers.base import ProviderCall
from promptside.providers.openai_format.models import dropped_parameters, needs_responses, renames_token_limit
from promptside.providers.openai_format.rules import Wire
from promptside.providers.parameters import drop

_LOGPROBS = "message.output_text.logprobs"


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
        drop(name, dropped, strict=call.strict_params, provider=model)
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
        drop(name, dropped, strict=call.strict_params, provider=model)
        body.pop(name, None)
        if name == "logprobs":
            body["include"] = [item for item in body["include"] if item != _LOGPROBS]
    return body


def model_name(call: ProviderCall) -> str:
    """Return the name of the model whose rules apply."""
    return call.settings.get("base_model") or call.model

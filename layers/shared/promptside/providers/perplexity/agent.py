"""Perplexity's Agent API: OpenAI's Responses wire with differences of its own.

https://docs.perplexity.ai/docs/agent-api/migrate-from-sonar, the types of perplexityai 0.46.1, and
github.com/perplexityai/api-platform-developers at 228c88d, read 2026-11-23. Unknown keys are a 400 there, so what the
API lacks is left out and named; the format stays at the top, and searching is a tool.
"""

from __future__ import annotations

from typing import Any

from promptside.errors import JsonObject
from promptside.providers.base import ProviderCall
from promptside.providers.openai_format.only import KNOBS, PROMISES
from promptside.providers.openai_format.responses import PARAMETERS, ResponsesRules
from promptside.providers.openai_format.values import objects
from promptside.providers.parameters import ParameterTable, drop, unsupported
from promptside.providers.perplexity.input import fit_items, fit_tool
from promptside.providers.perplexity.models import AgentModel, agent_model
from promptside.providers.perplexity.search import has_search_tool, take_search, with_search_tool
from promptside.providers.perplexity.stream import SIGNATURE
from promptside.schema.chat import Completion

NAME = "perplexity-ai"

AGENT_PARAMETERS = ParameterTable(
    rename=PARAMETERS.rename,
    drop=PARAMETERS.drop
    | (KNOBS - {"store", "verbosity", "audio"})
    | {
        "enable_search_classifier",
        "image_domain_filter",
        "image_format_filter",
        "return_images",
        "return_related_questions",
        "search_language_filter",
        "service_tier",
        "stream_mode",
        "top_k",
        "user",
    },
    refuse={name: why for name, why in PARAMETERS.refuse.items() if name not in PROMISES},
)


def rewrite_for_agent(body: JsonObject, call: ProviderCall, dropped: list[str]) -> JsonObject:
    """Return the body as the Agent API takes it."""
    wanted = agent_model(call.model)
    _set_model(body, wanted)
    body["input"] = fit_items(body["input"], call.messages or [], NAME)
    _drop_unknown(body, call, dropped)
    _set_format(body)
    _set_search(body, call, wanted, dropped)
    return body


def add_sources(response: JsonObject, completion: Completion) -> None:
    """Give search results and citations the places that the Sonar API had for them, and calls their signatures."""
    items = objects(response.get("output"))
    results = _results(items)
    if results:
        completion["search_results"] = results
        urls = [result["url"] for result in results if isinstance(result.get("url"), str)]
        completion["citations"] = urls
    for call in _tool_calls(completion):
        signature = next((item.get(SIGNATURE) for item in items if item.get("call_id") == call.get("id")), None)
        if signature:
            call["extra_content"] = {"google": {SIGNATURE: signature}}


def _set_model(body: JsonObject, wanted: AgentModel) -> None:
    if wanted.preset is not None:
        del body["model"]
        if "models" not in body:
            body.setdefault("preset", wanted.preset)
    else:
        body["model"] = wanted.model


def _drop_unknown(body: JsonObject, call: ProviderCall, dropped: list[str]) -> None:
    """Leave out what the wire of OpenAI has in places that the table of parameters does not see."""
    text = body.get("text")
    if isinstance(text, dict):
        text.pop("verbosity", None)
        if not text:
            del body["text"]
    for key in ("include", "top_logprobs", "stream_options"):
        body.pop(key, None)
    reasoning = body.get("reasoning")
    if isinstance(reasoning, dict) and reasoning.get("effort") == "none":
        del body["reasoning"]
        drop("reasoning_effort", dropped, strict=call.strict_params, provider=NAME)
    for name in ("verbosity", "logprobs", "top_logprobs", "stream_options"):
        if call.parameters.get(name):
            drop(name, dropped, strict=call.strict_params, provider=NAME)


def _set_format(body: JsonObject) -> None:
    form = body.get("response_format")
    kind = form.get("type") if isinstance(form, dict) else None
    if kind == "text":
        del body["response_format"]
    elif kind in {"json_object", "regex"}:
        raise unsupported("response_format", NAME, "use the type json_schema, which says how the JSON shall look")


def _set_search(body: JsonObject, call: ProviderCall, wanted: AgentModel, dropped: list[str]) -> None:
    """Search as the prompt was written to: a model searches with the tool only, a preset in any case."""
    options, forbidden = take_search(body, dropped, strict=call.strict_params, provider=NAME)
    own: list[Any] = [fit_tool(tool) for tool in body.pop("tools", [])]
    tools = own
    if not forbidden and (options or wanted.searches):
        tools = with_search_tool(own, options)
    if tools:
        body["tools"] = tools
    if forbidden and wanted.preset is not None:
        _forbid_tools(body, call, dropped)
    _keep_choices(body, call, dropped)
    choice = call.parameters.get("tool_choice")
    if wanted.searches and has_search_tool(tools) and len(tools) == 1 and choice is None:
        # Sonar always searched; here a model that is offered the tool may answer without it:
        # https://github.com/theopenco/llmgateway/pull/4146
        body["tool_choice"] = {"type": "web_search"}


def _forbid_tools(body: JsonObject, call: ProviderCall, dropped: list[str]) -> None:
    # A preset's own tools can only be switched off together with all others.
    if body.get("tools"):
        drop("disable_search", dropped, strict=call.strict_params, provider=NAME)
    else:
        body.setdefault("max_tool_calls", 0)


def _keep_choices(body: JsonObject, call: ProviderCall, dropped: list[str]) -> None:
    """Keep what was said about tools if there are any now, be it the search alone; else leave it out."""
    for name in ("tool_choice", "parallel_tool_calls"):
        value = call.parameters.get(name)
        if value is None or name in body:
            continue
        if body.get("tools"):
            body[name] = value
        else:
            drop(name, dropped, strict=call.strict_params, provider=NAME)


def _results(items: list[JsonObject]) -> list[JsonObject]:
    """Return the results of all searches in the order of their ids, which the text's [1] refers to, each once."""
    found: list[JsonObject] = []
    for item in items:
        if item.get("type") == "search_results":
            found += [result for result in objects(item.get("results")) if result not in found]
    if all(type(result.get("id")) is int for result in found):
        found.sort(key=lambda result: result["id"])
    return found


def _tool_calls(completion: Completion) -> list[JsonObject]:
    messages = [choice.get("message") or {} for choice in objects(completion.get("choices"))]
    return [call for message in messages for call in objects(message.get("tool_calls"))]


AGENT = ResponsesRules(
    path="/v1/agent",
    parameters=AGENT_PARAMETERS,
    format_in_text=False,
    rewrite=rewrite_for_agent,
    answer=add_sources,
)
"""The rules of the wire."""

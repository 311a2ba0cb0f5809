"""Functions and Google's own tools for Gemini.

https://ai.google.dev/api/caching#Tool and #FunctionCallingConfig (read 2026-11-22).
"""

from __future__ import annotations

from dataclasses import replace

from promptside.errors import JsonObject
from promptside.providers.draft import Draft
from promptside.providers.gemini_format.models import GeminiModel
from promptside.providers.gemini_format.schema import gemini_schema
from promptside.providers.tool_use import PARAMETERS, Tool, ToolNames, ToolUse, read_tools

OWN_TOOLS = frozenset(
    {
        "codeExecution",
        "computerUse",
        "enterpriseWebSearch",
        "exaAiSearch",
        "fileSearch",
        "googleMaps",
        "googleSearch",
        "googleSearchRetrieval",
        "mcpServers",
        "parallelAiSearch",
        "retrieval",
        "urlContext",
    }
)
"""The tools that Google runs itself, as google-genai 3.4.0 lists them."""

_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "named": "ANY"}


def camel_case(name: str) -> str:
    """Return Google's spelling of a name: `google_search` is `googleSearch`."""
    first, *others = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in others)


def take_tools(draft: Draft, model: GeminiModel) -> ToolUse:
    """Take everything that declares tools; a wish for web search is Google's own search.

    Raises InvalidRequest for tools that the model cannot combine.
    """
    use = read_tools({name: draft.take(name) for name in PARAMETERS})
    native = [_own_tool(draft, entry) for entry in use.native]
    functions: list[Tool] = []
    for tool in use.tools:
        # Stored prompts of other gateways name Google's tools as functions without anything else to them.
        bare = tool.description is None and not (tool.parameters or {}).get("properties")
        if bare and camel_case(tool.name) in OWN_TOOLS:
            native.append({camel_case(tool.name): tool.parameters if _is_config(tool) else {}})
        else:
            functions.append(tool)
    if draft.take("web_search_options") is not None:
        native.append({"googleSearch": {}})
    if use.mode == "none" and not model.combines:
        # Nothing is called, and a declared tool would rule out an answer in JSON.
        return replace(use, tools=(), native=())
    if functions and native and not model.combines:
        raise draft.unsupported("tools", "this model cannot combine functions with Google's own tools; send either")
    return replace(use, tools=tuple(functions), native=tuple(native))


def set_tools(draft: Draft, use: ToolUse, names: ToolNames) -> None:
    """Write `tools` and `toolConfig`. Raises InvalidRequest for a choice that cannot be enforced."""
    config = draft.take_object("toolConfig", "tool_config")
    _drop_wishes(draft, use)
    if use.forced and not use.tools:
        raise draft.unsupported("tool_choice", "only functions can be forced; Google's own tools are used at will")
    declared: list[JsonObject] = []
    if use.tools:
        declared.append({"functionDeclarations": [_declaration(tool, names) for tool in use.tools]})
    if use.tools or use.mode != "none":
        declared += use.native
    if declared:
        draft.body["tools"] = declared
    if use.tools and use.mode is not None:
        config = {**config, "functionCallingConfig": _calling(use, names)}
    if config:
        draft.body["toolConfig"] = _without_partial_arguments(config)


def _drop_wishes(draft: Draft, use: ToolUse) -> None:
    if use.parallel is False and use.tools:
        draft.drop("parallel_tool_calls")
    if any(tool.strict for tool in use.tools):
        draft.drop("strict")
    if any(tool.cache_control for tool in use.tools):
        draft.drop("cache_control")


def _calling(use: ToolUse, names: ToolNames) -> JsonObject:
    calling: JsonObject = {"mode": _MODES[use.mode or "auto"]}
    if use.named is not None:
        calling["allowedFunctionNames"] = [names.wire(use.named)]
    return calling


def _declaration(tool: Tool, names: ToolNames) -> JsonObject:
    declared: JsonObject = {"name": names.wire(tool.name)}
    if tool.description is not None:
        declared["description"] = tool.description
    schema = tool.parameters or {}
    # A function without parameters leaves its schema out.
    if set(schema) - {"type", "properties", "additionalProperties", "required"} or schema.get("properties"):
        declared["parametersJsonSchema"] = {"type": "object", **gemini_schema(schema, param="tools")}
    return declared


def _own_tool(draft: Draft, entry: JsonObject) -> JsonObject:
    """Return a tool of Google's, from `{"googleSearch": {}}` or `{"type": "google_search"}`."""
    kind = entry.get("type")
    if isinstance(kind, str):
        entry = {kind: {key: value for key, value in entry.items() if key != "type"}}
    tool = {camel_case(name): config for name, config in entry.items()}
    if not tool or not tool.keys() <= OWN_TOOLS:
        raise draft.unsupported("tools", "declare functions, or Google's own tools such as google_search")
    return tool


def _is_config(tool: Tool) -> bool:
    return bool(tool.parameters) and "type" not in (tool.parameters or {})


def _without_partial_arguments(config: JsonObject) -> JsonObject:
    """Return the config without the wish for calls in pieces: they come whole, as every reader expects."""
    for spelling in ("functionCallingConfig", "function_calling_config"):
        calling = config.get(spelling)
        if isinstance(calling, dict):
            kept = {key: value for key, value in calling.items() if camel_case(key) != "streamFunctionCallArguments"}
            config = {**config, spelling: kept}
    return config

"""Tools, tool choice and the tool that carries a JSON answer, for the Messages API."""

from __future__ import annotations

from promptside.errors import JsonObject
from promptside.providers.anthropic_format.models import ClaudeModel
from promptside.providers.draft import Draft
from promptside.providers.json_schema import with_modern_definitions
from promptside.providers.tool_use import JSON_TOOL, Tool, ToolNames, ToolUse

_EMPTY_SCHEMA: JsonObject = {"type": "object", "properties": {}}


def set_tools(
    draft: Draft, model: ClaudeModel, use: ToolUse, *, names: ToolNames, json_schema: JsonObject | None
) -> None:
    """Write `tools` and `tool_choice`; with `json_schema` the one tool that carries an answer of that schema.

    Raises InvalidRequest for a choice that the model cannot be held to.
    """
    if json_schema is not None:
        _set_json_tool(draft, model, use, json_schema)
        return
    if not use.tools and not use.native:
        return
    if use.forced and not model.forced_tools:
        raise draft.unsupported("tool_choice", "this model cannot be made to call a tool; use auto")
    for tool in use.native:
        if not isinstance(tool.get("name"), str) or tool.get("type") == "custom":
            raise draft.unsupported(
                "tools", "declare functions, or tools in the provider's own form with type and name"
            )
    if any(tool.strict for tool in use.tools):
        draft.drop("strict")
    draft.body["tools"] = [*(_declaration(tool, names) for tool in use.tools), *use.native]
    choice = _choice(use, names)
    if choice is not None:
        draft.body["tool_choice"] = choice


def _set_json_tool(draft: Draft, model: ClaudeModel, use: ToolUse, schema: JsonObject) -> None:
    if use.tools or use.native or not model.forced_tools:
        raise draft.unsupported("response_format", "this model cannot combine a JSON schema with tools")
    declared = with_modern_definitions(schema, param="response_format")
    draft.body["tools"] = [
        {"name": JSON_TOOL, "description": "Give the answer through this tool.", "input_schema": declared}
    ]
    draft.body["tool_choice"] = {"type": "tool", "name": JSON_TOOL}


def _declaration(tool: Tool, names: ToolNames) -> JsonObject:
    declared: JsonObject = {"name": names.wire(tool.name)}
    if tool.description is not None:
        declared["description"] = tool.description
    schema = with_modern_definitions(tool.parameters, param="tools") if tool.parameters else _EMPTY_SCHEMA
    # The root must be an object, and some callers leave its type out.
    declared["input_schema"] = {**schema, "type": "object"} if "type" not in schema else schema
    if tool.cache_control is not None:
        declared["cache_control"] = tool.cache_control
    return declared


def _choice(use: ToolUse, names: ToolNames) -> JsonObject | None:
    match use.mode:
        case "required":
            choice: JsonObject = {"type": "any"}
        case "named":
            choice = {"type": "tool", "name": names.wire(use.named or "")}
        case "none":
            # Nothing is called, so nothing can be called in parallel.
            return {"type": "none"}
        case "auto":
            choice = {"type": "auto"}
        case None if use.parallel is False:
            choice = {"type": "auto"}
        case _:
            return None
    if use.parallel is False:
        choice["disable_parallel_tool_use"] = True
    return choice

"""Tools, tool choice and the tool that carries a JSON answer, for Converse."""

from __future__ import annotations

from promptside.errors import JsonObject
from promptside.providers.bedrock_format.blocks import BlockWriter
from promptside.providers.bedrock_format.models import BedrockModel
from promptside.providers.draft import Draft
from promptside.providers.json_schema import strict_schema, with_modern_definitions, without_references
from promptside.providers.tool_use import JSON_TOOL, Tool, ToolNames, ToolUse

_EMPTY_SCHEMA: JsonObject = {"type": "object", "properties": {}}


def is_silent(use: ToolUse) -> bool:
    """Tell whether no tool can be called: none declared, or forbidden, for which Converse has no word."""
    return use.mode == "none" or not use.tools


def set_tools(draft: Draft, model: BedrockModel, use: ToolUse, *, names: ToolNames, writer: BlockWriter) -> None:
    """Write `toolConfig`. Raises InvalidRequest for what the model cannot be held to."""
    if use.native:
        raise draft.unsupported("tools", "declare functions; it has no tools of its own")
    if is_silent(use):
        return
    if not model.family.tools:
        raise draft.unsupported("tools", "this model cannot call tools")
    if any(tool.strict for tool in use.tools) and not model.strict_tools:
        draft.drop("strict")
    tools: list[JsonObject] = []
    for tool in use.tools:
        tools.append({"toolSpec": _specification(tool, model, names)})
        tools += writer.cache_point(tool.cache_control, tools=True)
    draft.body["toolConfig"] = {"tools": tools}
    choice = _choice(draft, model, use, names)
    if choice is not None:
        draft.body["toolConfig"]["toolChoice"] = choice


def set_json_tool(draft: Draft, model: BedrockModel, use: ToolUse, schema: JsonObject) -> None:
    """Make the model answer through one forced tool. Raises InvalidRequest where it cannot be forced."""
    if not is_silent(use) or not model.forced or not model.family.tools:
        raise draft.unsupported("response_format", "this model cannot hold an answer to a JSON schema")
    specification = {
        "name": JSON_TOOL,
        "description": "Give the answer through this tool.",
        "inputSchema": {"json": without_references(schema, param="response_format")},
    }
    choice: JsonObject = {"tool": {"name": JSON_TOOL}} if "named" in model.forced else {"any": {}}
    draft.body["toolConfig"] = {"tools": [{"toolSpec": specification}], "toolChoice": choice}


def _specification(tool: Tool, model: BedrockModel, names: ToolNames) -> JsonObject:
    specification: JsonObject = {"name": names.wire(tool.name)}
    if tool.description is not None:
        specification["description"] = tool.description
    schema = tool.parameters or _EMPTY_SCHEMA
    if tool.strict and model.strict_tools:
        schema = strict_schema(schema, param="tools")
        specification["strict"] = True
    fitting = with_modern_definitions if model.family.references else without_references
    written = fitting(schema, param="tools")
    specification["inputSchema"] = {"json": {**written, "type": "object"} if "type" not in written else written}
    return specification


def _choice(draft: Draft, model: BedrockModel, use: ToolUse, names: ToolNames) -> JsonObject | None:
    match use.mode:
        case "auto":
            return {"auto": {}}
        case "required" if "required" in model.forced:
            return {"any": {}}
        case "named" if "named" in model.forced:
            return {"tool": {"name": names.wire(use.named or "")}}
        case "named" if "required" in model.forced and len(use.tools) == 1:
            # The only tool there is, by another word.
            return {"any": {}}
        case "required" | "named":
            raise draft.unsupported("tool_choice", "this model cannot be made to call a tool; use auto")
        case _:
            return None

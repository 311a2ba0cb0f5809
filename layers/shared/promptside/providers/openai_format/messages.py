"""Rewrites messages and tools for hosts that take less than OpenAI does."""

from __future__ import annotations

from typing import Any

from promptside.errors import JsonObject
from promptside.providers.openai_format.rules import MessageRules, ToolRules
from promptside.providers.openai_format.values import arguments_text
from promptside.providers.parameters import drop
from promptside.schema.chat import Message


def build_messages(messages: list[Message], rules: MessageRules) -> list[Message]:
    """Return the messages as the host takes them; the argument is not changed."""
    return [_message(message, rules) for message in messages]


def build_tools(body: JsonObject, rules: ToolRules, dropped: list[str], *, strict: bool, provider: str) -> None:
    """Rewrite `tools` and `tool_choice` of a body in place.

    An empty list of tools is left out, because OpenAI and others refuse it; so are choices about no tools.
    """
    if not body.get("tools"):
        body.pop("tools", None)
        for name in ("tool_choice", "parallel_tool_calls"):
            if name in body and "functions" not in body and not _forces(body[name]):
                del body[name]
                drop(name, dropped, strict=strict, provider=provider)
        return
    body["tools"] = [_tool(tool, rules) for tool in body["tools"]]
    choice = body.get("tool_choice")
    if isinstance(choice, str):
        body["tool_choice"] = rules.choices.get(choice, choice)


def _message(message: Message, rules: MessageRules) -> Message:
    role = message.get("role")
    keys = rules.keys.get(str(role))
    built: Message = {
        name: value
        for name, value in message.items()
        if (value is not None or name == "content") and (keys is None or name in keys)
    }
    if role == "developer" and rules.developer_as_system:
        built["role"] = "system"
    if isinstance(built.get("content"), list):
        built["content"] = _content(built["content"], rules)
    if isinstance(built.get("tool_calls"), list):
        _set_tool_calls(built, rules)
    if rules.tool_call_id is not None and isinstance(built.get("tool_call_id"), str):
        built["tool_call_id"] = rules.tool_call_id(built["tool_call_id"])
    return built


def _content(parts: list[Any], rules: MessageRules) -> Any:
    if rules.join_text_parts and all(isinstance(part, dict) and part.get("type") == "text" for part in parts):
        return "\n".join(str(part.get("text", "")) for part in parts)
    if rules.part is None:
        return parts
    return [rules.part(part) if isinstance(part, dict) else part for part in parts]


def _set_tool_calls(message: Message, rules: MessageRules) -> None:
    calls = [_tool_call(call, rules) for call in message["tool_calls"]]
    if calls:
        message["tool_calls"] = calls
    else:
        del message["tool_calls"]


def _tool_call(call: Any, rules: MessageRules) -> Any:
    if not isinstance(call, dict):
        return call
    keys = rules.tool_call_keys
    built = {name: value for name, value in call.items() if value is not None and (keys is None or name in keys)}
    if rules.tool_call_id is not None and isinstance(built.get("id"), str):
        built["id"] = rules.tool_call_id(built["id"])
    if isinstance(built.get("function"), dict):
        built["function"] = _called_function(built["function"])
    return built


def _called_function(function: JsonObject) -> JsonObject:
    """Return the function with its arguments as JSON text; a call without any is often replayed with an empty text.

    https://github.com/bytedance/deer-flow/issues/4445 , https://github.com/brave/brave-browser/issues/56601
    """
    text = arguments_text(function.get("arguments"), missing="{}")
    return {**function, "arguments": text if text.strip() else "{}"}


def _tool(tool: Any, rules: ToolRules) -> Any:
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict):
        return tool
    built = {name: value for name, value in function.items() if name not in rules.strip}
    if rules.needs_parameters and not isinstance(built.get("parameters"), dict):
        built["parameters"] = {"type": "object", "properties": {}}
    if rules.schema is not None and isinstance(built.get("parameters"), dict):
        built["parameters"] = rules.schema(built["parameters"])
    return {**{name: value for name, value in tool.items() if name not in rules.strip}, "function": built}


def _forces(choice: Any) -> bool:
    """Return whether a tool call is demanded: then the host shall say itself that there are no tools."""
    return choice == "required" or isinstance(choice, dict)

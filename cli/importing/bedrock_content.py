"""Turns Bedrock's prompt templates into chat messages and tools.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_PromptTemplateConfiguration.html, read 2026-11-23.
A text template is run as one message of the user; a cache point marks the part before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cli.importing.collector import Collector
from cli.importing.message_lists import simple_content
from cli.importing.reading import Reading, is_object
from promptside.schema.prompt import JsonObject

_MARKER = {"type": "ephemeral"}
_NO_PLACE = "chat messages have no place for it"


@dataclass(frozen=True, slots=True)
class Template:
    """What a variant says to the model."""

    messages: list[JsonObject] = field(default_factory=list)
    tools: list[JsonObject] | None = None
    tool_choice: Any = None


def read_template(collector: Collector, configuration: JsonObject, what: str) -> Template:
    """Return the messages of `{"text": {...}}` or `{"chat": {...}}`; the list of variables is found in the text."""
    reading = Reading(configuration)
    text, chat = Reading(reading.object("text")), Reading(reading.object("chat"))
    collector.finish(f"{what}: templateConfiguration", reading, {}, _NO_PLACE)
    for part in (text, chat):
        part.take("inputVariables")
    if chat.left:
        return _chat(collector, chat, what)
    content = text.text("text")
    blocks: list[JsonObject] = [{"text": content}] if content else []
    if text.take("cachePoint"):
        blocks.append({"cachePoint": _MARKER})
    collector.finish(f"{what}: text", text, {}, _NO_PLACE)
    return Template(_message(collector, "user", blocks, f"{what}: text"))


def _chat(collector: Collector, chat: Reading, what: str) -> Template:
    messages = _message(collector, "system", chat.items("system"), f"{what}: system")
    for number, item in enumerate(chat.items("messages")):
        place = f"{what}: messages[{number}]"
        message = Reading(item if is_object(item) else {})
        role = message.text("role")
        if role is None:
            collector.skip(place, "it has no role")
            continue
        messages += _message(collector, role, message.items("content"), place)
        collector.finish(place, message, {}, _NO_PLACE)
    tools, choice = _tools(collector, Reading(chat.object("toolConfiguration")), what)
    collector.finish(f"{what}: chat", chat, {}, _NO_PLACE)
    return Template(messages, tools, choice)


def _message(collector: Collector, role: str, blocks: list[Any], place: str) -> list[JsonObject]:
    """Return one message with the blocks' texts, or none when there is no text."""
    parts: list[JsonObject] = []
    for block in blocks:
        reading = Reading(block if is_object(block) else {"block": block})
        text = reading.text("text")
        if text is not None:
            parts.append({"type": "text", "text": text})
        if reading.take("cachePoint"):
            _mark(collector, parts, place)
        collector.finish(place, reading, {}, _NO_PLACE)
    return [{"role": role, "content": simple_content(parts)}] if parts else []


def _mark(collector: Collector, items: list[JsonObject], place: str) -> None:
    if items:
        items[-1]["cache_control"] = dict(_MARKER)
    else:
        collector.skip(f"{place}: cachePoint", "there is nothing before it to keep")


def _tools(collector: Collector, configuration: Reading, what: str) -> tuple[list[JsonObject] | None, Any]:
    tools: list[JsonObject] = []
    for number, item in enumerate(configuration.items("tools")):
        reading = Reading(item if is_object(item) else {})
        specification = reading.object("toolSpec")
        if specification:
            tools.append(_tool(collector, Reading(specification), f"{what}: tools[{number}]"))
        if reading.take("cachePoint"):
            _mark(collector, tools, f"{what}: tools[{number}]")
        collector.finish(f"{what}: tools[{number}]", reading, {}, _NO_PLACE)
    choice = _tool_choice(configuration.object("toolChoice"))
    collector.finish(f"{what}: toolConfiguration", configuration, {}, _NO_PLACE)
    return tools or None, choice


def _tool(collector: Collector, specification: Reading, place: str) -> JsonObject:
    schema = specification.object("inputSchema")
    function = {
        "name": specification.text("name"),
        "description": specification.text("description"),
        "parameters": schema.get("json"),
        "strict": specification.take("strict"),
    }
    collector.finish(place, specification, {}, _NO_PLACE)
    return {"type": "function", "function": {name: value for name, value in function.items() if value is not None}}


def _tool_choice(choice: JsonObject) -> Any:
    named = choice.get("tool")
    if is_object(named):
        return {"type": "function", "function": {"name": named.get("name")}}
    return "required" if "any" in choice else "auto" if "auto" in choice else None

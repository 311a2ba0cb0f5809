"""Reads OpenAI's stored-prompt shape, `prompt: {id, version, variables}`, on its two endpoints.

https://developers.openai.com/api/docs/api-reference/responses/create, openai 3.54.0 types, read 2026-11-22. What a
request sends beside its prompt, `input` or `messages`, follows the prompt's own messages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from promptside.api.bodies import optional_object
from promptside.api.openai_items import messages_of
from promptside.errors import InvalidRequest, JsonObject, NotFound
from promptside.schema.chat import Message
from promptside.schema.prompt import Reference, parse_reference

_REFUSED = {
    "background": "runs are not kept",
    "conversation": "conversations are not kept: send the earlier items in 'input'",
    "instructions": "they are part of the stored prompt",
    "max_tool_calls": "tools are called by you",
    "previous_response_id": "responses are not kept: send the earlier items in 'input'",
}
_IGNORED = frozenset({"include", "truncation", "prompt", "input", "stream_options", *_REFUSED})


@dataclass(frozen=True, slots=True)
class AskedPrompt:
    """A stored prompt as OpenAI's clients ask for it; `body` is what our own completions endpoint would get."""

    reference: Reference
    body: JsonObject = field(repr=False)
    appended: tuple[Message, ...] = field(default=(), repr=False)


def parse_chat_body(body: JsonObject) -> AskedPrompt:
    """Return what a body of `/chat/completions` asks for. Raises InvalidRequest, NotFound."""
    reference, variables = _prompt(body)
    messages = body.get("messages")
    if messages is not None and not _is_objects(messages):
        raise InvalidRequest("'messages' must be a list of objects", param="messages", code="invalid_messages")
    rest = {name: value for name, value in body.items() if name not in ("prompt", "messages")}
    return AskedPrompt(reference, {**rest, "variables": variables}, tuple(messages or ()))


def parse_responses_body(body: JsonObject) -> AskedPrompt:
    """Return what a body of `/responses` asks for. Raises InvalidRequest, NotFound."""
    reference, variables = _prompt(body)
    for name, reason in _REFUSED.items():
        if body.get(name):
            raise InvalidRequest(f"'{name}' is not supported: {reason}", param=name, code="unsupported_parameter")
    if body.get("truncation") == "auto":
        raise InvalidRequest("'truncation' can only be disabled", param="truncation", code="unsupported_parameter")
    parameters: JsonObject = {"variables": variables}
    for name, value in body.items():
        if name not in _IGNORED and value is not None:
            parameters.update(_CONVERSIONS[name](value) if name in _CONVERSIONS else {name: value})
    if body.get("stream") is True:
        # The last event of a stream has the token counts.
        parameters["stream_options"] = {"include_usage": True}
    return AskedPrompt(reference, parameters, tuple(messages_of(body.get("input"))))


def _prompt(body: JsonObject) -> tuple[Reference, JsonObject]:
    prompt = body.get("prompt")
    if not isinstance(prompt, dict):
        raise InvalidRequest(
            'Name a stored prompt: \'prompt\' must be an object such as {"id": "pp-hello-1a2b3c"}', param="prompt"
        )
    identifier = prompt.get("id")
    if not isinstance(identifier, str) or not identifier:
        raise NotFound("Name the prompt to run in 'prompt.id'", param="prompt.id", code="prompt_not_found")
    reference = parse_reference(identifier)
    version = prompt.get("version")
    if version is not None and (isinstance(version, bool) or not isinstance(version, str | int)):
        raise InvalidRequest("'prompt.version' must be a text", param="prompt.version", code="invalid_type")
    chosen = str(version) if version not in (None, "") else reference.selector
    variables = optional_object(prompt, "variables")
    return Reference(reference.id, chosen), {name: _variable(name, value) for name, value in variables.items()}


def _variable(name: str, value: Any) -> Any:
    """Return a variable's value; OpenAI's typed inputs give the text or the URL that stands for them."""
    match value:
        case {"type": "input_text", "text": text}:
            return text
        case {"type": "input_image", "image_url": str(url)}:
            return url
        case {"type": "input_file", "file_data": str(data)}:
            return data
        case {"type": "input_file", "file_url": str(url)}:
            return url
        case {"type": "input_image" | "input_file", "file_id": _}:
            raise InvalidRequest(
                f"The variable '{name[:64]}' names a file at OpenAI: send its URL or its data", param="prompt.variables"
            )
    return value


def _reasoning(value: Any) -> JsonObject:
    effort = value.get("effort") if isinstance(value, dict) else None
    return {} if effort is None else {"reasoning_effort": effort}


def _text(value: Any) -> JsonObject:
    if not isinstance(value, dict):
        raise InvalidRequest("'text' must be a JSON object", param="text", code="invalid_type")
    found: JsonObject = {}
    if value.get("verbosity") is not None:
        found["verbosity"] = value["verbosity"]
    form = value.get("format")
    if isinstance(form, dict):
        inner = {name: part for name, part in form.items() if name != "type"}
        found["response_format"] = {"type": form.get("type"), **({"json_schema": inner} if inner else {})}
    return found


def _tools(value: Any) -> JsonObject:
    if not _is_objects(value):
        raise InvalidRequest("'tools' must be a list of objects", param="tools", code="invalid_type")
    return {"tools": [_tool(tool) for tool in value]}


def _tool(tool: JsonObject) -> JsonObject:
    if tool.get("type") != "function":
        raise InvalidRequest(
            f"Tools of the type '{str(tool.get('type'))[:64]}' are not supported: declare functions",
            param="tools",
            code="unsupported_parameter",
        )
    return {"type": "function", "function": {name: part for name, part in tool.items() if name != "type"}}


def _tool_choice(value: Any) -> JsonObject:
    if isinstance(value, dict) and value.get("type") == "function" and "name" in value:
        return {"tool_choice": {"type": "function", "function": {"name": value["name"]}}}
    return {"tool_choice": value}


def _is_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


_CONVERSIONS: Mapping[str, Callable[[Any], JsonObject]] = {
    "max_output_tokens": lambda value: {"max_completion_tokens": value},
    "reasoning": _reasoning,
    "text": _text,
    "tool_choice": _tool_choice,
    "tools": _tools,
}
"""What has another form on the chat endpoint."""

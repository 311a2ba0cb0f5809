"""Translates the parameters that came before tools, for hosts and wires that never had them.

`functions` and `function_call` become `tools` and `tool_choice`, and the answer's first tool call becomes the
`function_call` that such a caller reads: https://developers.openai.com/api/docs/api-reference/chat/create, read
2026-11-23. Adapters with a wire of their own do the same while they translate (tool_use.py and answers.py).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from promptside.errors import JsonObject
from promptside.providers.base import ProviderCall, StreamEvent, StreamMapper
from promptside.providers.openai_format.values import objects
from promptside.schema.chat import Chunk, Completion, Message, Usage

_PARAMETERS = frozenset({"functions", "function_call"})


def speaks_of_functions(call: ProviderCall) -> bool:
    """Tell whether anything in the call is from before tools."""
    if not _PARAMETERS.isdisjoint(call.parameters):
        return True
    return any(message.get("role") == "function" or message.get("function_call") for message in call.messages or [])


def with_tools(call: ProviderCall) -> ProviderCall:
    """Return the call with tools instead of functions; tools that are declared besides win over them."""
    parameters = {name: value for name, value in call.parameters.items() if name not in _PARAMETERS}
    functions = call.parameters.get("functions")
    if call.wants_function_call and isinstance(functions, list):
        parameters["tools"] = [{"type": "function", "function": function} for function in functions]
    choice = call.parameters.get("function_call")
    if choice is not None:
        named = {"type": "function", "function": choice} if isinstance(choice, dict) else choice
        parameters.setdefault("tool_choice", named)
    messages = None if call.messages is None else _messages(call.messages)
    return replace(call, parameters=parameters, messages=messages)


def answer_with_function_call(completion: Completion) -> Completion:
    """Turn the tool calls of an answer into one function call, in place."""
    for choice in objects(completion.get("choices")):
        message = choice.get("message")
        if isinstance(message, dict):
            _name_function_call(message)
        _name_reason(choice)
    return completion


class FunctionCallMapper:
    """A mapper around another one, whose chunks carry `function_call` instead of tool calls."""

    def __init__(self, inner: StreamMapper) -> None:
        self.usage: Usage | None = None
        self.finish_reason: str | None = None
        self._inner = inner

    def feed(self, event: StreamEvent) -> list[Chunk]:
        """Map one event; see StreamMapper."""
        return self._renamed(self._inner.feed(event))

    def finish(self) -> list[Chunk]:
        """Return what is left; see StreamMapper."""
        return self._renamed(self._inner.finish())

    def _renamed(self, chunks: list[Chunk]) -> list[Chunk]:
        self.usage = self._inner.usage
        kept = [chunk for chunk in chunks if _rename_chunk(chunk)]
        reason = self._inner.finish_reason
        self.finish_reason = "function_call" if reason == "tool_calls" else reason
        return kept


def _messages(messages: list[Message]) -> list[Message]:
    """Return the history with ids for the calls, which functions never had: a result belongs to the last call."""
    translated: list[Message] = []
    last = "call_0"
    for number, message in enumerate(messages):
        if message.get("role") == "function":
            rest = {name: value for name, value in message.items() if name not in {"role", "name"}}
            translated.append({"role": "tool", "tool_call_id": last, **rest})
            continue
        function = message.get("function_call")
        if not isinstance(function, dict):
            translated.append(message)
            continue
        last = f"call_{number}"
        rest = {name: value for name, value in message.items() if name != "function_call"}
        rest.setdefault("tool_calls", [{"id": last, "type": "function", "function": function}])
        translated.append(rest)
    return translated


def _name_function_call(message: JsonObject) -> None:
    calls = objects(message.pop("tool_calls", None))
    function = calls[0].get("function") if calls else None
    if isinstance(function, dict):
        message["function_call"] = function


def _name_reason(choice: JsonObject) -> None:
    if choice.get("finish_reason") == "tool_calls":
        choice["finish_reason"] = "function_call"


def _rename_chunk(chunk: Chunk) -> bool:
    """Rename in place, and return whether the chunk still says anything: a caller can read the first call only."""
    choices = objects(chunk.get("choices"))
    silent = bool(choices)
    for choice in choices:
        delta = choice.get("delta")
        spoke = isinstance(delta, dict) and "tool_calls" in delta
        if isinstance(delta, dict) and spoke:
            first = next((call for call in objects(delta.pop("tool_calls")) if call.get("index") == 0), {})
            _set_function(delta, first.get("function"))
        silent = silent and spoke and not delta
        _name_reason(choice)
    return not silent


def _set_function(delta: JsonObject, function: Any) -> None:
    if isinstance(function, dict) and function:
        delta["function_call"] = function

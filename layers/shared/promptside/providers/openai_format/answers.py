"""Normalises whole answers of OpenAI-shaped hosts: what is right stays untouched, what is odd is put right."""

from __future__ import annotations

from typing import Any

from promptside.errors import JsonObject, ProviderError, ProviderUnusable
from promptside.providers.base import ProviderCall
from promptside.providers.error_bodies import embedded_error
from promptside.providers.openai_format.rules import AnswerRules
from promptside.providers.openai_format.tool_calls import whole_tool_calls
from promptside.providers.openai_format.values import (
    content_text,
    created_seconds,
    finish_reason,
    name_reasoning,
    objects,
    text_or,
    usage_counts,
)
from promptside.schema.chat import Completion


def parse_answer(body: JsonObject, call: ProviderCall, rules: AnswerRules, provider: str) -> Completion:
    """Return OpenAI's completion with every extra key of the provider.

    Raises ProviderError for an error in disguise, ProviderUnusable for an answer without choices.
    """
    if rules.answer is not None:
        rules.answer(body)
    error = find_error(body, provider)
    if error is not None:
        raise error
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not all(isinstance(choice, dict) for choice in choices):
        raise ProviderUnusable(f"{provider} answered without any choices", provider=provider)
    prefix = "chatcmpl" if call.kind == "chat" else "cmpl"
    completion: Completion = {
        **body,
        "id": text_or(body.get("id"), f"{prefix}-{call.completion_id}"),
        "object": "chat.completion" if call.kind == "chat" else "text_completion",
        "created": created_seconds(body.get("created"), call.created),
        "model": text_or(body.get("model"), call.model),
        "choices": [_Choice(call, rules, provider).parse(choice, number) for number, choice in enumerate(choices)],
    }
    _set_usage(completion)
    return completion


def find_error(body: JsonObject, provider: str) -> ProviderError | None:
    """Return the error that an object is, nested (`{"error": ...}`) or flat (`{"object": "error", "message": ...}`)."""
    if body.get("error"):
        return embedded_error(provider, body)
    if "choices" in body:
        return None
    flat = body.get("object") == "error" or body.get("type") == "error"
    if flat or any(isinstance(body.get(name), str | list) for name in ("message", "detail")):
        return embedded_error(provider, body)
    return None


class _Choice:
    """Normalises one choice."""

    def __init__(self, call: ProviderCall, rules: AnswerRules, provider: str) -> None:
        self._call = call
        self._rules = rules
        self._provider = provider

    def parse(self, choice: JsonObject, number: int) -> JsonObject:
        index = choice.get("index")
        parsed = {**choice, "index": index if type(index) is int else number}
        if self._call.kind == "chat":
            parsed["message"] = self._message(choice)
        else:
            parsed["text"] = _text(choice)
        parsed.setdefault("logprobs", None)
        native = choice.get("finish_reason")
        parsed["finish_reason"] = self._finish(native, tools="tool_calls" in parsed.get("message", {}))
        if native and native != parsed["finish_reason"]:
            parsed["native_finish_reason"] = native
        return parsed

    def _message(self, choice: JsonObject) -> JsonObject:
        given = choice.get("message")
        message: JsonObject = dict(given) if isinstance(given, dict) else {"content": choice.get("text")}
        if self._rules.message is not None:
            self._rules.message(message)
        message["role"] = "assistant"
        message["content"] = content_text(message.get("content"))
        name_reasoning(message)
        calls = objects(message.pop("tool_calls", None))
        if calls:
            message["tool_calls"] = whole_tool_calls(calls, f"call_{self._call.completion_id}")
        function_call = message.get("function_call")
        if function_call is None:
            message.pop("function_call", None)
        return message

    def _finish(self, native: Any, *, tools: bool) -> str:
        return settled_finish(finish_reason(native, self._provider), self._rules, tools=tools)


def settled_finish(reason: str | None, rules: AnswerRules, *, tools: bool) -> str:
    """Return the reason to report, given whether the choice called tools; a missing one follows from that."""
    if reason is None or (reason == "stop" and rules.tools_outrank_stop):
        return "tool_calls" if tools else "stop"
    return reason


def _text(choice: JsonObject) -> str:
    text = choice.get("text")
    if isinstance(text, str):
        return text
    message = choice.get("message")
    return (content_text(message.get("content")) if isinstance(message, dict) else None) or ""


def _set_usage(completion: Completion) -> None:
    given = completion.get("usage")
    usage = usage_counts(given)
    if usage is not None:
        completion["usage"] = usage
        return
    completion.pop("usage", None)
    if given:
        completion["native_usage"] = given

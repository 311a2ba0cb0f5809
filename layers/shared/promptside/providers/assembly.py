"""Turns the chunks of a stream into the completion that a buffered call would have had: the inverse of `replay`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from promptside.schema.chat import Chunk, Completion, JsonObject, Usage

_OBJECTS = {"chat.completion.chunk": "chat.completion"}
_OF_CHUNKS = frozenset({"choices", "object", "usage"})
_OF_CHOICES = frozenset({"index", "delta", "text", "finish_reason", "logprobs"})


class Assembler:
    """Collects one stream. `size` is about how many characters it holds."""

    def __init__(self) -> None:
        self.size = 0
        self._top: JsonObject = {}
        self._object: str | None = None
        self._choices: dict[int, JsonObject] = {}

    def feed(self, chunks: Iterable[Chunk]) -> None:
        """Add chunks in the order in which they came. They are not changed, and nothing of them is held."""
        for chunk in chunks:
            self._object = _OBJECTS.get(str(chunk["object"]), str(chunk["object"]))
            # What a host tells again with each chunk (its sources) is whole each time.
            self._top |= {name: value for name, value in chunk.items() if name not in _OF_CHUNKS and value is not None}
            for choice in chunk["choices"]:
                self._add(choice)

    def completion(self, usage: Usage | None) -> Completion:
        """Return what was collected; `usage` is told apart, since a caller need not have asked for it."""
        choices = [_finished(choice) for _, choice in sorted(self._choices.items())]
        for choice in choices:
            message = choice.get("message", {})
            if not message.get("content") and any(map(message.get, _INSTEAD_OF_CONTENT)):
                # A stream opens with an empty text, whatever follows.
                message["content"] = None
        top = {name: value for name, value in self._top.items() if name not in ("id", "created", "model")}
        head = {name: self._top.get(name) for name in ("id", "created", "model")}
        body: Completion = {"id": head["id"], "object": self._object, **head, "choices": choices}
        return {**body, **({"usage": usage} if usage is not None else {}), **top}

    def _add(self, choice: JsonObject) -> None:
        index = choice["index"]
        held = self._choices.setdefault(index, {"index": index, "finish_reason": None, "logprobs": None})
        if "delta" in choice:
            message = held.setdefault("message", {"role": "assistant", "content": None})
            self.size += _merge(message, choice["delta"])
        if "text" in choice:
            held.setdefault("text", _Text())
            self.size += _merge(held, {"text": choice["text"]})
        if choice.get("logprobs") is not None:
            held["logprobs"] = held["logprobs"] or {}
            self.size += _merge(held["logprobs"], choice["logprobs"])
        if choice.get("finish_reason") is not None:
            held["finish_reason"] = choice["finish_reason"]
        held |= {name: value for name, value in choice.items() if name not in _OF_CHOICES and value is not None}


_INSTEAD_OF_CONTENT = ("tool_calls", "function_call", "refusal")


class _Text(list[str]):
    """Fragments of one text: joining them once is linear, adding them up is not."""


def _merge(into: JsonObject, delta: JsonObject) -> int:
    """Add a delta: texts and lists grow, objects are merged, everything else is replaced. Returns what it weighs."""
    size = 0
    for name, value in delta.items():
        if value is None or (name == "role" and isinstance(value, str)):
            continue
        if name == "tool_calls" and isinstance(value, list):
            size += _merge_calls(into.setdefault(name, {}), value)
        elif isinstance(value, str):
            held = into.get(name)
            into[name] = held if isinstance(held, _Text) else _Text()
            into[name].append(value)
            size += len(value)
        elif isinstance(value, list):
            into[name] = [*(into.get(name) or []), *value]
            size += len(str(value))
        elif isinstance(value, dict):
            into[name] = into.get(name) or {}
            size += _merge(into[name], value)
        else:
            into[name] = value
    return size


def _merge_calls(held: dict[int, JsonObject], deltas: list[Any]) -> int:
    """Add pieces of tool calls, which belong together by `index`; their ids and types come once, as wholes."""
    size = 0
    for delta in deltas:
        call = held.setdefault(delta.get("index", len(held)), {})
        wholes = {name: value for name, value in delta.items() if name in ("id", "type") and value is not None}
        rest = {name: value for name, value in delta.items() if name not in ("id", "type", "index")}
        function = rest.get("function")
        if isinstance(function, dict) and function.get("name") is not None:
            call.setdefault("function", {})["name"] = function["name"]
            rest["function"] = {name: value for name, value in function.items() if name != "name"}
        call |= wholes
        size += _merge(call, rest)
    return size


def _finished(value: Any) -> Any:
    """Return a value with its fragments joined and its tool calls in order."""
    if isinstance(value, _Text):
        return "".join(value)
    if isinstance(value, dict):
        return {
            name: [_finished(call) for _, call in sorted(item.items())] if _is_calls(name, item) else _finished(item)
            for name, item in value.items()
        }
    return value


def _is_calls(name: str, value: Any) -> bool:
    return name == "tool_calls" and isinstance(value, dict)

"""Turns input items of OpenAI's Responses API back into chat messages.

https://developers.openai.com/api/docs/api-reference/responses, openai 3.54.0 types, read 2026-11-23.
"""

from __future__ import annotations

from typing import Any

from cli.importing.collector import Collector
from cli.importing.message_lists import simple_content
from cli.importing.reading import Reading, is_object
from promptside.schema.prompt import JsonObject

_RECORDS = {"id": "OpenAI's own record", "status": "OpenAI's own record", "phase": "OpenAI's own record"}
_NO_PLACE = "chat messages have no place for it"


class ItemReader:
    """Reads the items of one prompt; what cannot be a message goes to the skipped ones under `what`."""

    def __init__(self, collector: Collector, what: str) -> None:
        self._collector = collector
        self._what = what

    def messages(self, source: Any, *, role: str, place: str) -> list[JsonObject]:
        """Return the messages of `instructions` or `input`: text, or a list of items. `role` is for text."""
        if source is None or source == "":
            return []
        if isinstance(source, str):
            return [{"role": role, "content": source}]
        if not isinstance(source, list):
            self._collector.skip(f"{self._what}: {place}", "it is neither text nor a list of items")
            return []
        messages: list[JsonObject] = []
        for number, item in enumerate(source):
            self._add(messages, item, f"{place}[{number}]")
        return messages

    def _add(self, messages: list[JsonObject], item: Any, place: str) -> None:
        if not is_object(item):
            self._collector.skip(f"{self._what}: {place}", "it is no object")
            return
        reading = Reading(item)
        kind = reading.take("type") or "message"
        match kind:
            case "message" if isinstance(item.get("role"), str):
                messages.append(self._message(reading, place))
            case "function_call" | "custom_tool_call":
                self._add_call(messages, _call(reading, kind))
            case "function_call_output" | "custom_tool_call_output":
                content = self._content(reading.take("output"), f"{place}.output")
                messages.append({"role": "tool", "tool_call_id": reading.take("call_id"), "content": content})
            case _:
                self._collector.skip(f"{self._what}: {place}, an item of type '{str(kind)[:40]}'", _NO_PLACE)
                return
        self._collector.finish(f"{self._what}: {place}", reading, _RECORDS, _NO_PLACE)

    def _message(self, reading: Reading, place: str) -> JsonObject:
        role = reading.take("role")
        return {"role": role, "content": self._content(reading.take("content"), f"{place}.content")}

    def _add_call(self, messages: list[JsonObject], call: JsonObject) -> None:
        """Add a call to the assistant's message before it, as chat has text and calls in one message."""
        if messages and messages[-1]["role"] == "assistant":
            messages[-1].setdefault("tool_calls", []).append(call)
        else:
            messages.append({"role": "assistant", "content": None, "tool_calls": [call]})

    def _content(self, content: Any, place: str) -> Any:
        if content is None or isinstance(content, str):
            return content or ""
        if not isinstance(content, list):
            self._collector.skip(f"{self._what}: {place}", "it is neither text nor a list of parts")
            return ""
        parts = [self._part(part, f"{place}[{number}]") for number, part in enumerate(content)]
        return simple_content([part for part in parts if part is not None])

    def _part(self, part: Any, place: str) -> JsonObject | None:
        if isinstance(part, str):
            return {"type": "text", "text": part}
        if is_object(part):
            reading = Reading(part)
            translated = _part(reading, part.get("type"))
            if translated is not None:
                self._collector.finish(f"{self._what}: {place}", reading, {}, _NO_PLACE)
                return translated
        kind = part.get("type") if is_object(part) else type(part).__name__
        self._collector.skip(f"{self._what}: {place}, a part of type '{str(kind)[:40]}'", _NO_PLACE)
        return None


def _call(reading: Reading, kind: str) -> JsonObject:
    identity, name = reading.take("call_id"), reading.take("name")
    if kind == "custom_tool_call":
        return {"id": identity, "type": "custom", "custom": {"name": name, "input": reading.take("input")}}
    function = {"name": name, "arguments": reading.take("arguments") or "{}"}
    return {"id": identity, "type": "function", "function": function}


def _part(reading: Reading, kind: Any) -> JsonObject | None:
    """Return the content part in chat's form; chat's own parts are taken as well. None for what chat lacks."""
    match kind:
        case "input_text" | "output_text" | "text":
            reading.take("type")
            part = {"type": "text", "text": reading.take("text") or ""}
            breakpoint_ = reading.take("prompt_cache_breakpoint")
            return part if breakpoint_ is None else {**part, "prompt_cache_breakpoint": breakpoint_}
        case "input_image" if isinstance(reading.left.get("image_url"), str):
            reading.take("type")
            image = {"url": reading.take("image_url"), "detail": reading.take("detail")}
            return {"type": "image_url", "image_url": {name: value for name, value in image.items() if value}}
        case "input_file":
            reading.take("type")
            names = ("file_id", "file_data", "filename")
            file = {name: value for name in names if (value := reading.take(name)) is not None}
            return {"type": "file", "file": file} if file.keys() - {"filename"} else None
        case "image_url" | "file" | "input_audio":
            return {name: reading.take(name) for name in list(reading.left)}
    return None

"""Reads single OpenAI messages into the typed parts of `turns`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from promptside.errors import InvalidRequest, JsonObject
from promptside.providers.media import parse_data_uri, parse_image
from promptside.providers.turns import (
    Content,
    Document,
    Image,
    Part,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from promptside.schema.chat import Message

_ROLES: dict[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


class MessageReader:
    """Reads the messages of one list in order; it remembers tool calls, so that answers find theirs."""

    def __init__(self) -> None:
        self._index = -1
        self._names: dict[str, str] = {}
        self._unanswered: list[ToolCall] = []

    def read(self, message: Message) -> Turn | None:
        """Return the turn of one message, None when nothing is left of it. Raises InvalidRequest."""
        self._index += 1
        where = f"messages[{self._index}]"
        if not isinstance(message, Mapping):
            raise _invalid(where, "must be an object with a role and a content")
        role = message.get("role")
        if role in ("tool", "function"):
            return Turn("user", (self._result(message, where),))
        if not isinstance(role, str) or role not in _ROLES:
            raise _invalid(f"{where}.role", "must be system, developer, user, assistant or tool")
        parts: list[Part] = list(_thinking(message)) if role == "assistant" else []
        parts += read_content(message, where)
        if role == "assistant":
            parts += self._calls(message, where)
        if _ROLES[role] == "system" and not all(isinstance(part, Text) for part in parts):
            raise _invalid(f"{where}.content", "of a system message must be text")
        return Turn(_ROLES[role], tuple(parts)) if parts else None

    def _calls(self, message: Message, where: str) -> list[ToolCall]:
        calls: list[ToolCall] = []
        entries = message.get("tool_calls") or []
        if not isinstance(entries, list):
            raise _invalid(f"{where}.tool_calls", "must be a list")
        for position, entry in enumerate(entries):
            calls.append(_call(entry, f"{where}.tool_calls[{position}]", f"call_{self._index}_{position}"))
        legacy = message.get("function_call")
        if isinstance(legacy, Mapping):
            calls.append(_call({"function": legacy}, f"{where}.function_call", f"call_{self._index}"))
        self._names.update((call.id, call.name) for call in calls)
        self._unanswered += calls
        return calls

    def _result(self, message: Message, where: str) -> ToolResult:
        call_id = message.get("tool_call_id")
        if message.get("role") == "function":
            name = message.get("name")
            call_id = next((call.id for call in reversed(self._unanswered) if call.name == name), name)
        if not isinstance(call_id, str) or not call_id:
            raise _invalid(f"{where}.tool_call_id", "must name the tool call that this message answers")
        self._unanswered = [call for call in self._unanswered if call.id != call_id]
        return ToolResult(
            call_id,
            self._names.get(call_id),
            tuple(read_content(message, where, cached=False)),
            is_error=message.get("is_error") is True or message.get("status") == "error",
            cache_control=object_or_none(message.get("cache_control")) or _last_marker(message),
        )


def read_content(message: Message, where: str, *, cached: bool = True) -> list[Content]:
    """Return the parts of a message's content; a marker on the message itself goes to its last part."""
    content = message.get("content")
    if content is None:
        refusal = message.get("refusal")
        content = refusal if isinstance(refusal, str) else []
    marker = object_or_none(message.get("cache_control")) if cached else None
    if isinstance(content, str):
        return [Text(content, marker)] if content.strip() else []
    if not isinstance(content, list):
        raise _invalid(f"{where}.content", "must be a text or a list of parts")
    parts: list[Content] = []
    for position, part in enumerate(content):
        last = marker if position == len(content) - 1 else None
        found = _part(part, f"{where}.content[{position}]", last, cached=cached)
        if found is not None:
            parts.append(found)
    return parts


def unsupported_content(where: str, advice: str) -> InvalidRequest:
    """Return the 400 for a part that a provider does not take."""
    return InvalidRequest(f"{where}: {advice}", param=where, code="unsupported_content")


def compact_json(value: Any) -> str:
    """Write JSON on one line, without spaces, keeping letters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def json_object_text(text: str) -> JsonObject | None:
    """Return the object that a text is the JSON of, None for any other text."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    return object_or_none(value)


def object_or_none(value: Any) -> JsonObject | None:
    """Return the value if it is a JSON object."""
    return dict(value) if isinstance(value, Mapping) else None


def _part(part: Any, where: str, marker: JsonObject | None, *, cached: bool) -> Content | None:
    if isinstance(part, str):
        part = {"type": "text", "text": part}
    if not isinstance(part, Mapping):
        raise _invalid(where, "must be an object with a type")
    cache_control = (object_or_none(part.get("cache_control")) or marker) if cached else None
    match part.get("type"):
        case "text" | "input_text" | "output_text":
            return _text(part.get("text"), where, cache_control)
        case "refusal":
            return _text(part.get("refusal"), where, cache_control)
        case "image_url" | "input_image":
            return _image(part.get("image_url"), f"{where}.image_url", cache_control)
        case "file" | "input_file":
            return _document(part.get("file", part), f"{where}.file", cache_control)
        case "thinking" | "redacted_thinking":
            # These are no content; `_thinking` keeps what can be sent again.
            return None
        case kind:
            raise _unsupported(where, kind)


def _text(text: Any, where: str, cache_control: JsonObject | None) -> Text | None:
    if not isinstance(text, str):
        raise _invalid(f"{where}.text", "must be a text")
    return Text(text, cache_control) if text.strip() else None


def _image(value: Any, where: str, cache_control: JsonObject | None) -> Image:
    url = value.get("url") if isinstance(value, Mapping) else value
    detail = value.get("detail") if isinstance(value, Mapping) else None
    if not isinstance(url, str) or not url.strip():
        raise _invalid(f"{where}.url", "must be an https address or a data URI")
    url = url.strip()
    kept = detail if isinstance(detail, str) and detail != "auto" else None
    if url[:5].lower() == "data:":
        return Image(where, media=parse_image(url, where=f"{where}.url"), detail=kept, cache_control=cache_control)
    return Image(where, url=url, detail=kept, cache_control=cache_control)


def _document(value: Any, where: str, cache_control: JsonObject | None) -> Document:
    if not isinstance(value, Mapping):
        raise _invalid(where, "must be an object with file_data or file_id")
    name = value.get("filename")
    name = name if isinstance(name, str) and name.strip() else None
    data = value.get("file_data") or value.get("file_url")
    file_id = value.get("file_id")
    if isinstance(data, str) and data[:5].lower() == "data:":
        media = parse_data_uri(data, where=f"{where}.file_data")
        return Document(where, name, media=media, cache_control=cache_control)
    if isinstance(data, str) and "://" in data[:12]:
        return Document(where, name, url=data.strip(), cache_control=cache_control)
    if isinstance(data, str) and data:
        media_type = "text/plain" if (name or "").endswith(".txt") else "application/pdf"
        media = parse_data_uri(f"data:{media_type};base64,{data}", where=f"{where}.file_data")
        return Document(where, name, media=media, cache_control=cache_control)
    if isinstance(file_id, str) and file_id:
        return Document(where, name, file_id=file_id, cache_control=cache_control)
    raise _invalid(where, "must have file_data (a data URI or an address) or file_id")


def _thinking(message: Message) -> list[Thinking]:
    # A thinking block without its signature is refused by the provider that made it, so it is left out.
    blocks, content = message.get("thinking_blocks"), message.get("content")
    if not isinstance(blocks, list):
        blocks = content if isinstance(content, list) else []
    kept: list[Thinking] = []
    for block in blocks:
        if not isinstance(block, Mapping):
            continue
        complete = block.get("signature") if block.get("type") == "thinking" else block.get("data")
        if complete and block.get("type") in ("thinking", "redacted_thinking"):
            kept.append(Thinking(dict(block)))
    return kept


def _call(entry: Any, where: str, invented_id: str) -> ToolCall:
    function = entry.get("function") if isinstance(entry, Mapping) else None
    if not isinstance(function, Mapping):
        raise _invalid(where, "must be a function call: the provider has no other tools")
    name = function.get("name")
    if not isinstance(name, str) or not name:
        raise _invalid(f"{where}.function.name", "must be the name of a function")
    call_id = entry.get("id")
    return ToolCall(
        call_id if isinstance(call_id, str) and call_id else invented_id,
        name,
        _arguments(function.get("arguments"), where),
        dict(entry),
        object_or_none(entry.get("cache_control")),
    )


def _arguments(value: Any, where: str) -> JsonObject:
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        try:
            value = json.loads(value, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as exc:
            raise _invalid(f"{where}.function.arguments", "must be the text of one JSON object") from exc
    if not isinstance(value, dict):
        raise _invalid(f"{where}.function.arguments", "must be the text of one JSON object")
    return value


def _last_marker(message: Message) -> JsonObject | None:
    content = message.get("content")
    if not isinstance(content, list):
        return None
    markers = [object_or_none(part.get("cache_control")) for part in content if isinstance(part, Mapping)]
    return next((marker for marker in reversed(markers) if marker), None)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _unsupported(where: str, kind: Any) -> InvalidRequest:
    shown = kind[:40] if isinstance(kind, str) else "without a type"
    return unsupported_content(where, f"a content part '{shown}' is not supported here; use text, image_url or file")


def _invalid(where: str, expectation: str) -> InvalidRequest:
    return InvalidRequest(f"{where} {expectation}", param=where, code="invalid_messages")

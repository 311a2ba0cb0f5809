"""Writes chunks as the events of OpenAI's Responses API (openai 3.54.0 types, read 2026-11-22).

    response.created, response.in_progress
    response.output_item.added, ...deltas, ...done, response.output_item.done   for each item
    response.completed | response.incomplete                                     with the whole response

Each event has its type in `event:` and in its data, and a `sequence_number`. There is no `[DONE]` in this API.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from promptside.api.openai_response import (
    call_item,
    ending,
    message_item,
    reasoning_item,
    response_frame,
    text_part,
    usage_of,
)
from promptside.errors import JsonObject
from promptside.exchange import Prepared
from promptside.schema.chat import Chunk

_Kind = Literal["reasoning", "message", "call"]


@dataclass(slots=True)
class _Item:
    """One output item while it grows; `call` is the call's own object, without its arguments."""

    kind: _Kind
    place: int
    text: str = ""
    refusal: str = ""
    call: JsonObject = field(default_factory=dict)
    closed: bool = False


class ResponseEvents:
    """The state of one stream."""

    def __init__(self, prepared: Prepared) -> None:
        call = prepared.call
        self._identity = call.completion_id
        self._frame = response_frame(prepared, created=call.created, model=call.model)
        self._items: list[_Item] = []
        self._calls: dict[int, _Item] = {}
        self._usage: JsonObject | None = None
        self._finish_reason: str | None = None
        self._number = 0

    def start(self) -> bytes:
        """Return the events before the first chunk."""
        return self._event("response.created", response=self._frame) + self._event(
            "response.in_progress", response=self._frame
        )

    def feed(self, chunks: Iterable[Chunk]) -> bytes:
        """Return the events of some chunks; of several choices the first one counts."""
        return b"".join(map(self._feed_one, chunks))

    def end(self) -> bytes:
        """Return the events after the last chunk: every item is closed, then the whole response."""
        closed = b"".join(self._close(item) for item in self._items)
        if not self._items:
            closed = self._said("", "content") + self._close(self._items[0])
        whole = {
            **self._frame,
            **ending(self._finish_reason),
            "output": [self._done(item) for item in self._items],
            "usage": None if self._usage is None else usage_of(self._usage),
        }
        return closed + self._event(f"response.{whole['status']}", response=whole)

    def _feed_one(self, chunk: Chunk) -> bytes:
        if chunk.get("model"):
            self._frame["model"] = chunk["model"]
        if chunk.get("usage"):
            self._usage = chunk["usage"]
        events = b""
        for choice in chunk.get("choices") or []:
            if choice.get("index", 0) == 0:
                delta = choice.get("delta") or {"content": choice.get("text")}
                events += self._delta(delta)
                self._finish_reason = choice.get("finish_reason") or self._finish_reason
        return events

    def _delta(self, delta: JsonObject) -> bytes:
        events = b""
        if delta.get("reasoning_content"):
            events += self._thought(delta["reasoning_content"])
        for name in ("content", "refusal"):
            if isinstance(delta.get(name), str) and delta[name]:
                events += self._said(delta[name], name)
        for call in delta.get("tool_calls") or []:
            events += self._called(call)
        return events

    def _thought(self, text: str) -> bytes:
        item, events = self._open("reasoning")
        item.text += text
        return events + self._item_event("response.reasoning_summary_text.delta", item, summary_index=0, delta=text)

    def _said(self, text: str, name: str) -> bytes:
        item, events = self._open("message")
        if name == "refusal":
            if not item.refusal:
                part = {"type": "refusal", "refusal": ""}
                events += self._item_event("response.content_part.added", item, content_index=1, part=part)
            item.refusal += text
            return events + self._item_event("response.refusal.delta", item, content_index=1, delta=text)
        item.text += text
        if not text:
            return events
        return events + self._item_event("response.output_text.delta", item, content_index=0, delta=text, logprobs=[])

    def _called(self, call: JsonObject) -> bytes:
        index = call.get("index", 0)
        function = call.get("function") or {}
        item, events = self._calls.get(index), b""
        if item is None:
            started = {"id": call.get("id"), "function": {"name": function.get("name")}}
            item, events = self._open("call", call=started)
            self._calls[index] = item
        arguments = function.get("arguments") or ""
        if not arguments:
            return events
        item.text += arguments
        return events + self._item_event("response.function_call_arguments.delta", item, delta=arguments)

    def _open(self, kind: _Kind, *, call: JsonObject | None = None) -> tuple[_Item, bytes]:
        """Return the item that grows now, and the events of its beginning if it is a new one."""
        last = self._items[-1] if self._items else None
        if last is not None and last.kind == kind != "call":
            return last, b""
        events = self._close(last) if last is not None and last.kind != "call" else b""
        item = _Item(kind, len(self._items), call=call or {})
        self._items.append(item)
        shown = self._done(item)
        if kind == "message":
            shown = {**shown, "status": "in_progress", "content": []}
        elif kind == "reasoning":
            shown = {**shown, "summary": []}
        else:
            shown = {**shown, "status": "in_progress"}
        events += self._event("response.output_item.added", output_index=item.place, item=shown)
        if kind == "message":
            events += self._item_event("response.content_part.added", item, content_index=0, part=text_part(""))
        elif kind == "reasoning":
            part = {"type": "summary_text", "text": ""}
            events += self._item_event("response.reasoning_summary_part.added", item, summary_index=0, part=part)
        return item, events

    def _close(self, item: _Item) -> bytes:
        if item.closed:
            return b""
        item.closed = True
        done = self._done(item)
        match item.kind:
            case "message":
                events = b"".join(self._part_done(item, place, part) for place, part in enumerate(done["content"]))
            case "reasoning":
                part = {"type": "summary_text", "text": item.text}
                events = self._item_event(
                    "response.reasoning_summary_text.done", item, summary_index=0, text=item.text
                ) + self._item_event("response.reasoning_summary_part.done", item, summary_index=0, part=part)
            case _:
                events = self._item_event(
                    "response.function_call_arguments.done", item, name=done["name"], arguments=item.text
                )
        return events + self._event("response.output_item.done", output_index=item.place, item=done)

    def _part_done(self, item: _Item, place: int, part: JsonObject) -> bytes:
        if part["type"] == "refusal":
            events = self._item_event("response.refusal.done", item, content_index=place, refusal=part["refusal"])
        else:
            events = self._item_event(
                "response.output_text.done", item, content_index=place, text=part["text"], logprobs=[]
            )
        return events + self._item_event("response.content_part.done", item, content_index=place, part=part)

    def _done(self, item: _Item) -> JsonObject:
        identity = f"{self._identity}_{item.place}"
        match item.kind:
            case "message":
                parts = [text_part(item.text)]
                if item.refusal:
                    parts.append({"type": "refusal", "refusal": item.refusal})
                return message_item(identity, parts)
            case "reasoning":
                return reasoning_item(identity, item.text)
        call = {"id": item.call["id"], "function": {**item.call["function"], "arguments": item.text}}
        return call_item(self._identity, item.place, call)

    def _item_event(self, kind: str, item: _Item, **fields: object) -> bytes:
        return self._event(kind, item_id=self._done(item)["id"], output_index=item.place, **fields)

    def _event(self, kind: str, **fields: object) -> bytes:
        data = json.dumps({"type": kind, "sequence_number": self._number, **fields})
        self._number += 1
        return f"event: {kind}\ndata: {data}\n\n".encode("ascii")

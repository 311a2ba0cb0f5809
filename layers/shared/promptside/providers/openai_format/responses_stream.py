"""Maps the streams of the Responses wire to chat chunks.

https://developers.openai.com/api/docs/api-reference/responses-streaming, openai 3.54.0 types, read 2026-11-22.
There is no `[DONE]`; `response.completed` or `response.incomplete` ends the stream.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from promptside.errors import JsonObject, ProviderError, ProviderUnusable
from promptside.providers.base import DONE, ProviderCall, StreamEvent
from promptside.providers.chunks import ChunkBuilder
from promptside.providers.error_bodies import embedded_error
from promptside.providers.openai_format.responses_answer import (
    chat_annotation,
    reasoning_text,
    response_extras,
    response_finish,
    response_usage,
)
from promptside.providers.openai_format.values import arguments_text, objects, text_or
from promptside.schema.chat import Chunk, Usage


class ResponsesStreamMapper:
    """The mapper of the wire.

    What the closing events tell in full is compared with the pieces that came before: only a missing rest is emitted.
    `enrich` gets the whole response and the finish chunk, to add what the host tells besides (citations).
    """

    def __init__(
        self, call: ProviderCall, provider: str, *, enrich: Callable[[JsonObject, Chunk], None] | None = None
    ) -> None:
        self.usage: Usage | None = None
        self.finish_reason: str | None = None
        self._provider = provider
        self._enrich = enrich
        self._items: dict[Any, JsonObject] = {}
        self._places: dict[str, int] = {}
        self._kinds: dict[int, str] = {}
        self._chunks = ChunkBuilder(call)
        self._opened = False
        self._sent: dict[tuple[Any, ...], str] = {}
        self._tools: dict[Any, int] = {}
        self._custom: set[Any] = set()
        self._annotations: list[JsonObject] = []
        self._reasoned = False

    def feed(self, event: StreamEvent) -> list[Chunk]:
        """Map one event; see StreamMapper."""
        data = event.data
        kind = text_or(data.get("type"), event.name)
        if event is DONE or self.finish_reason is not None:
            return []
        output = _number(data, "output_index")
        item_id = data.get("item_id")
        if isinstance(item_id, str) and item_id:
            self._places.setdefault(item_id, output)
        match kind:
            case "response.created" | "response.in_progress":
                self._take_identity(data.get("response"))
            case "response.output_item.added" | "response.output_item.done":
                return self._item(output, data.get("item"), whole=kind.endswith("done"))
            case "response.output_text.delta":
                pieces = self._piece(("text", output, _number(data, "content_index")), "content", data.get("delta"))
                return _with_logprobs(pieces, data.get("logprobs"))
            case "response.output_text.done":
                return self._rest(("text", output, _number(data, "content_index")), "content", data.get("text"))
            case "response.refusal.delta":
                return self._piece(("refusal", output, _number(data, "content_index")), "refusal", data.get("delta"))
            case "response.refusal.done":
                return self._rest(("refusal", output, _number(data, "content_index")), "refusal", data.get("refusal"))
            case _:
                return self._feed_more(kind, output, data)
        return []

    def finish(self) -> list[Chunk]:
        """Check that the closing event was seen; see StreamMapper."""
        if self.finish_reason is None:
            raise ProviderUnusable(
                f"{self._provider} ended its stream before the answer was complete",
                provider=self._provider,
                code="provider_stream_truncated",
            )
        return [] if self.usage is None else self._chunks.usage(self.usage)

    def _feed_more(self, kind: str, output: Any, data: JsonObject) -> list[Chunk]:
        match kind:
            case "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta":
                return self._arguments(output, data.get("delta"))
            case "response.function_call_arguments.done":
                return self._rest_of_arguments(output, data.get("arguments"))
            case "response.custom_tool_call_input.done":
                return self._rest_of_arguments(output, data.get("input"))
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                return self._reasoning(data)
            case "response.output_text.annotation.added":
                return self._annotate([data.get("annotation")])
            case "response.completed" | "response.incomplete":
                response = data.get("response")
                return self._end(response if isinstance(response, dict) else {})
            case "response.failed" | "response.cancelled" | "error":
                raise self._failure(data)
        return []

    def _take_identity(self, response: Any) -> None:
        if isinstance(response, dict) and not self._opened:
            self._chunks.id = text_or(response.get("id"), self._chunks.id)
            self._chunks.model = text_or(response.get("model"), self._chunks.model)

    def _delta(self, delta: JsonObject) -> list[Chunk]:
        return [*self._role(), self._chunks.delta(delta)]

    def _role(self) -> list[Chunk]:
        if self._opened:
            return []
        self._opened = True
        return [self._chunks.role()]

    def _piece(self, key: tuple[Any, ...], name: str, text: Any) -> list[Chunk]:
        if not isinstance(text, str) or not text:
            return []
        self._sent[key] = self._sent.get(key, "") + text
        self._kinds.setdefault(key[1], "message")
        return self._delta({name: text})

    def _rest(self, key: tuple[Any, ...], name: str, whole: Any) -> list[Chunk]:
        sent = self._sent.get(key, "")
        if not isinstance(whole, str) or not whole.startswith(sent):
            return []
        return self._piece(key, name, whole[len(sent) :])

    def _item(self, output: Any, item: Any, *, whole: bool) -> list[Chunk]:
        if not isinstance(item, dict):
            return []
        self._places.setdefault(text_or(item.get("id"), ""), output)
        self._kinds.setdefault(output, text_or(item.get("type"), ""))
        if whole:
            self._items[output] = item
        match item.get("type"):
            case "function_call" | "custom_tool_call":
                opened = self._open_tool(output, item)
                given = item.get("arguments") if item["type"] == "function_call" else item.get("input")
                return opened + (self._rest_of_arguments(output, given) if whole or given else [])
            case "message" if whole:
                return self._rest_of_message(output, item)
            case "reasoning" if whole and not self._reasoned:
                text = reasoning_text(item)
                self._reasoned = bool(text)
                return self._delta({"reasoning_content": text}) if text else []
        return []

    def _open_tool(self, output: Any, item: JsonObject) -> list[Chunk]:
        if output in self._tools:
            return []
        number = self._tools[output] = len(self._tools)
        call_id = text_or(item.get("call_id") or item.get("id"), f"call_{number}")
        name = text_or(item.get("name"), "")
        if item["type"] == "function_call":
            return [*self._role(), self._chunks.tool_start(number, call_id, name)]
        self._custom.add(output)
        custom = {"name": name, "input": ""}
        return self._delta({"tool_calls": [{"index": number, "id": call_id, "type": "custom", "custom": custom}]})

    def _arguments(self, output: Any, fragment: Any) -> list[Chunk]:
        if output not in self._tools or not isinstance(fragment, str) or not fragment:
            return []
        key = ("arguments", output)
        self._sent[key] = self._sent.get(key, "") + fragment
        number = self._tools[output]
        if output in self._custom:
            return [self._chunks.delta({"tool_calls": [{"index": number, "custom": {"input": fragment}}]})]
        return [self._chunks.tool_arguments(number, fragment)]

    def _rest_of_arguments(self, output: Any, whole: Any) -> list[Chunk]:
        sent = self._sent.get(("arguments", output), "")
        text = arguments_text(whole, missing="")
        return self._arguments(output, text[len(sent) :]) if text.startswith(sent) else []

    def _rest_of_message(self, output: Any, item: JsonObject) -> list[Chunk]:
        chunks: list[Chunk] = []
        for number, part in enumerate(objects(item.get("content"))):
            if part.get("type") == "output_text":
                chunks += self._rest(("text", output, number), "content", part.get("text"))
                chunks += self._annotate(part.get("annotations"))
            elif part.get("type") == "refusal":
                chunks += self._rest(("refusal", output, number), "refusal", part.get("refusal"))
        return chunks

    def _annotate(self, annotations: Any) -> list[Chunk]:
        """Emit annotations once; hosts without events for them tell them with the whole message."""
        news = [annotation for annotation in objects(annotations) if annotation not in self._annotations]
        self._annotations += news
        return self._delta({"annotations": [chat_annotation(annotation) for annotation in news]}) if news else []

    def _reasoning(self, data: JsonObject) -> list[Chunk]:
        text = data.get("delta")
        if not isinstance(text, str) or not text:
            return []
        part = tuple(_number(data, name) for name in ("output_index", "summary_index", "content_index"))
        key = ("reasoning", *part)
        # A summary comes in parts; a blank line keeps them apart.
        gap = "\n\n" if self._reasoned and key not in self._sent else ""
        self._reasoned = True
        self._sent[key] = ""
        return self._delta({"reasoning_content": gap + text})

    def _end(self, response: JsonObject) -> list[Chunk]:
        self._take_identity(response)
        chunks: list[Chunk] = []
        taken: set[int] = set()
        for number, item in enumerate(objects(response.get("output"))):
            place = self._place(number, item, taken)
            taken.add(place)
            chunks += self._item(place, item, whole=True)
        self.usage = response_usage(response.get("usage"))
        self.finish_reason = response_finish(response, tools=bool(self._tools))
        last = self._chunks.delta({}, finish_reason=self.finish_reason)
        whole = {**response, "output": [self._items[output] for output in sorted(self._items)]}
        last |= response_extras(whole)
        if self._enrich is not None:
            self._enrich(whole, last)
        return [*chunks, *self._role(), last]

    def _place(self, number: int, item: JsonObject, taken: set[int]) -> int:
        """Return where an item of the closing event was streamed: the two do not always count alike.

        Its id says so, else its number if that one is of the same type, else the next of the same type.
        """
        item_id, kind = text_or(item.get("id"), ""), text_or(item.get("type"), "")
        if item_id in self._places and item_id:
            return self._places[item_id]
        if number not in taken and self._kinds.get(number, kind) == kind:
            return number
        alike = (place for place, streamed in self._kinds.items() if streamed == kind and place not in taken)
        return next(alike, 1 + max((*self._kinds, *taken), default=number))

    def _failure(self, data: JsonObject) -> ProviderError:
        response = data.get("response")
        error = data.get("error") or (response.get("error") if isinstance(response, dict) else None)
        flat = {name: data[name] for name in ("code", "message", "param") if data.get(name) is not None}
        return embedded_error(self._provider, {"error": error or flat or "the response failed"})


def _number(data: JsonObject, name: str) -> int:
    value = data.get(name)
    return value if type(value) is int else 0


def _with_logprobs(chunks: list[Chunk], logprobs: Any) -> list[Chunk]:
    """Set the log probabilities of the last chunk; an empty list means that nobody asked for them."""
    if chunks and logprobs:
        chunks[-1]["choices"][0]["logprobs"] = {"content": logprobs, "refusal": None}
    return chunks

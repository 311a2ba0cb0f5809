"""Maps the streams of OpenAI-shaped hosts: chunks are put right in place and passed on.

A plain piece of content, nearly every event of a stream, takes a short path that only stamps the chunk.
"""

from __future__ import annotations

from typing import Any

from promptside.errors import JsonObject, ProviderUnusable
from promptside.providers.base import DONE, ProviderCall, StreamEvent
from promptside.providers.error_bodies import embedded_error
from promptside.providers.openai_format.answers import find_error
from promptside.providers.openai_format.choice import StreamedChoice
from promptside.providers.openai_format.rules import AnswerRules
from promptside.providers.openai_format.values import created_seconds, objects, text_or, usage_counts
from promptside.schema.chat import Chunk, Usage

_HEAD = frozenset({"id", "object", "created", "model", "choices", "usage"})
# Not worth a chunk of their own, when a chunk brings nothing else.
_TRIFLES = frozenset({"service_tier", "system_fingerprint", "obfuscation"})


class OpenAIStreamMapper:
    """The mapper of the family, for chat and for text."""

    def __init__(self, call: ProviderCall, rules: AnswerRules, provider: str) -> None:
        self.usage: Usage | None = None
        self.finish_reason: str | None = None
        self._call = call
        self._rules = rules
        self._provider = provider
        self._chat = call.kind == "chat"
        self._plain_key = "delta" if self._chat else "text"
        self._id = f"{'chatcmpl' if self._chat else 'cmpl'}-{call.completion_id}"
        self._object = "chat.completion.chunk" if self._chat else "text_completion"
        self._created = call.created
        self._model = call.model
        self._include_usage = call.include_usage
        wanted = call.parameters.get("n")
        self._expected = wanted if type(wanted) is int and wanted > 0 and self._chat else 1
        self._started = False
        self._done = False
        self._choices: dict[int, StreamedChoice] = {}
        self._writing: set[int] = set()
        self._held: JsonObject = {}
        self._usage_extras: JsonObject = {}

    def feed(self, event: StreamEvent) -> list[Chunk]:
        """Map one chunk of the host; see StreamMapper."""
        if event is DONE or event.name == "[DONE]":
            self._done = True
            return []
        data = event.data
        if self._is_plain(data) and event.name != "error":
            self._stamp(data)
            return [data]
        return self._feed_any(event.name, data)

    def finish(self) -> list[Chunk]:
        """Return missing finish reasons and the usage; see StreamMapper."""
        choices = self._choices.values()
        if self._done and not choices:
            raise ProviderUnusable(f"{self._provider} answered a stream without any choices", provider=self._provider)
        finished = len(choices) >= self._expected and all(choice.finished for choice in choices)
        ended = self._done or (self._rules.ends_without_done and self.usage is not None and bool(choices))
        if not finished and not ended:
            raise ProviderUnusable(
                f"{self._provider} ended its stream before the answer was complete",
                provider=self._provider,
                code="provider_stream_truncated",
            )
        missing = [piece for choice in choices if not choice.finished for piece in choice.end()]
        chunks = [self._chunk([piece]) for piece in missing]
        self._note_finish(missing)
        if self._include_usage and self.usage is not None:
            chunks.append({**self._chunk([]), **self._usage_extras, "usage": self.usage})
        return chunks

    def _is_plain(self, data: JsonObject) -> bool:
        """Return whether this is one open choice with nothing but a piece of text."""
        choices = data.get("choices")
        if type(choices) is not list or len(choices) != 1 or "error" in data or data.get("usage") is not None:
            return False
        choice = choices[0]
        if type(choice) is not dict or choice.get("finish_reason", "") is not None or self._needs_rewrite(data):
            return False
        index = choice.get("index")
        if type(index) is not int or index not in self._writing:
            return False
        piece = choice.get(self._plain_key)
        if self._chat:
            return type(piece) is dict and len(piece) == 1 and type(piece.get("content")) is str
        return type(piece) is str and "delta" not in choice

    def _needs_rewrite(self, data: JsonObject) -> bool:
        if self._rules.answer is None:
            return False
        return self._rules.answer_keys is None or not self._rules.answer_keys.isdisjoint(data)

    def _feed_any(self, name: str, data: JsonObject) -> list[Chunk]:
        if name == "ping" or data.get("type") == "ping":
            return []
        if self._rules.answer is not None:
            self._rules.answer(data)
        error = embedded_error(self._provider, data) if name == "error" else find_error(data, self._provider)
        if error is not None:
            raise error
        usage = usage_counts(data.get("usage"))
        if usage is not None:
            self.usage = usage
        choices = objects(data.get("choices"))
        if not choices:
            return self._without_choices(data, with_usage=bool(data.get("usage")))
        if not self._started:
            self._start(data)
        return self._with_choices(data, choices)

    def _start(self, data: JsonObject) -> None:
        self._started = True
        self._id = text_or(data.get("id"), self._id)
        self._model = text_or(data.get("model"), self._model)
        self._created = created_seconds(data.get("created"), self._created)
        for name, value in self._held.items():
            data.setdefault(name, value)

    def _without_choices(self, data: JsonObject, *, with_usage: bool) -> list[Chunk]:
        extras = {name: value for name, value in data.items() if name not in _HEAD and value is not None}
        if not self._started and not with_usage:
            # Azure opens with such a frame, still without an id: it travels with the first real chunk.
            self._held |= extras
            return []
        if with_usage and self._include_usage:
            self._usage_extras |= extras
            return []
        if not extras.keys() - _TRIFLES:
            return []
        return [{**self._chunk([]), **extras}]

    def _with_choices(self, data: JsonObject, choices: list[JsonObject]) -> list[Chunk]:
        pieces: list[JsonObject] = []
        ends: list[JsonObject] = []
        late: list[JsonObject] = []
        for number, given in enumerate(choices):
            choice = self._choice(given, number)
            if choice.finished:
                late += choice.late(given)
                continue
            piece, end = choice.feed(given)
            pieces += piece
            ends += end
            if not choice.finished:
                self._writing.add(choice.index)
        self._note_finish([*pieces, *ends])
        return self._packed(data, pieces, ends, late)

    def _packed(
        self, data: JsonObject, pieces: list[JsonObject], ends: list[JsonObject], late: list[JsonObject]
    ) -> list[Chunk]:
        extras = {name: value for name, value in data.items() if name not in _HEAD}
        if late:
            extras["late_choices"] = late
        if not pieces and not ends:
            return [{**self._chunk([]), **extras}] if extras.keys() - _TRIFLES else []
        chunks = [{**self._chunk(pieces or ends), **extras}]
        if pieces and ends:
            chunks.append(self._chunk(ends))
        return chunks

    def _choice(self, given: JsonObject, number: int) -> StreamedChoice:
        index = given.get("index")
        index = index if type(index) is int else number
        if index not in self._choices:
            self._choices[index] = StreamedChoice(index, self._call, self._rules, self._provider)
        return self._choices[index]

    def _note_finish(self, pieces: list[JsonObject]) -> None:
        for piece in pieces:
            if piece["finish_reason"] is not None:
                self.finish_reason = piece["finish_reason"]
                self._writing.discard(piece["index"])

    def _stamp(self, chunk: Chunk) -> None:
        chunk["id"] = self._id
        chunk["object"] = self._object
        chunk["created"] = self._created
        chunk["model"] = self._model
        if self._include_usage:
            chunk["usage"] = None
        elif "usage" in chunk:
            del chunk["usage"]

    def _chunk(self, choices: list[Any]) -> Chunk:
        chunk: Chunk = {
            "id": self._id,
            "object": self._object,
            "created": self._created,
            "model": self._model,
            "choices": choices,
        }
        if self._include_usage:
            chunk["usage"] = None
        return chunk

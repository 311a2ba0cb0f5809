"""Maps the events of streamGenerateContent to chunks.

Every event is a whole GenerateContentResponse with the next parts; there are no event names and no end mark, and the
reason for stopping may come alone, with text, or more than once.
"""

from __future__ import annotations

from typing import Any

from promptside.errors import JsonObject
from promptside.providers.answers import cut_short, unusable
from promptside.providers.base import ProviderCall, StreamEvent
from promptside.providers.chunks import ChunkBuilder
from promptside.providers.gemini_format.errors import stream_error
from promptside.providers.gemini_format.request import tool_names
from promptside.providers.gemini_format.response import (
    MALFORMED,
    blocked,
    choice_extras,
    extra_content,
    finish_reason,
    image_part,
    invented_id,
    log_probabilities,
    native_reason,
    tool_call,
    usage_of,
)
from promptside.providers.message_parts import compact_json
from promptside.schema.chat import Chunk, Usage


class GenerateStream:
    """The mapper of one stream."""

    def __init__(self, call: ProviderCall, *, provider: str) -> None:
        self.usage: Usage | None = None
        self.finish_reason: str | None = None
        self._provider = provider
        self._builder = ChunkBuilder(call)
        self._call = call
        self._names = tool_names(call)
        self._legacy = call.wants_function_call
        self._choices: dict[int, _Choice] = {}
        self._identified = False
        self._refusal: str | None = None

    def feed(self, event: StreamEvent) -> list[Chunk]:
        """Map one event. Raises ProviderError for the provider's error, ProviderUnusable for a broken event."""
        data = event.data
        if "error" in data:
            raise stream_error(self._provider, data)
        try:
            if not self._identified:
                self._identify(data)
            metadata = data.get("usageMetadata")
            if metadata:
                self.usage = usage_of(metadata)
            chunks: list[Chunk] = []
            for position, candidate in enumerate(data.get("candidates") or ()):
                self._candidate(candidate, position, chunks)
            if "promptFeedback" in data:
                self._refusal = blocked(data) or self._refusal
            return chunks
        except (KeyError, TypeError, AttributeError, ValueError) as exc:
            raise unusable(self._provider, "sent an event of an unknown shape") from exc

    def finish(self) -> list[Chunk]:
        """Return finish and usage. Raises ProviderUnusable when the stream ended without a reason for it."""
        chunks: list[Chunk] = []
        if not self._choices and self._refusal is not None:
            choice = self._choice(0)
            chunks += self._refused(choice, self._refusal)
            choice.reason = "content_filter"
        elif not self._choices or any(choice.native is None for choice in self._choices.values()):
            raise cut_short(self._provider)
        for choice in self._choices.values():
            chunks += self._finish_choice(choice)
        if self.usage is not None:
            chunks += self._builder.usage(self.usage)
        return chunks

    def _identify(self, data: JsonObject) -> None:
        """Take over id and model, which every event repeats."""
        self._identified = True
        response_id, model = data.get("responseId"), data.get("modelVersion")
        if isinstance(response_id, str) and response_id:
            self._builder.id = response_id
        if isinstance(model, str) and model:
            self._builder.model = model

    def _choice(self, index: int) -> _Choice:
        return self._choices.setdefault(index, _Choice(index))

    def _candidate(self, candidate: JsonObject, position: int, chunks: list[Chunk]) -> None:
        index = candidate.get("index")
        choice = self._choice(index if type(index) is int else position)
        first = len(chunks)
        content = candidate.get("content") or {}
        for part in content.get("parts") or ():
            self._part(choice, part, chunks)
        if "logprobsResult" in candidate:
            self._log_probabilities(choice, candidate, chunks, first)
        native = candidate.get("finishReason")
        if native:
            choice.native = str(native)
        choice.extras.update(choice_extras(candidate))

    def _part(self, choice: _Choice, part: JsonObject, chunks: list[Chunk]) -> None:
        text = part.get("text")
        if text:
            if not isinstance(text, str):
                raise TypeError(text)
            self._delta(choice, "reasoning_content" if part.get("thought") else "content", text, chunks)
        elif "functionCall" in part:
            self._tool_call(choice, part, chunks)
            return
        elif "inlineData" in part and not part.get("thought"):
            self._delta(choice, "images", [image_part(part)], chunks)
        if "thoughtSignature" in part and not part.get("thought"):
            self._delta(choice, "extra_content", extra_content(part["thoughtSignature"]), chunks)

    def _delta(self, choice: _Choice, name: str, value: Any, chunks: list[Chunk]) -> None:
        self._start(choice, chunks)
        choice.has_content = choice.has_content or name != "reasoning_content"
        chunks.append(self._builder.delta({name: value}, index=choice.index))

    def _start(self, choice: _Choice, chunks: list[Chunk]) -> None:
        if not choice.started:
            choice.started = True
            chunks.append(self._builder.role(choice.index))

    def _tool_call(self, choice: _Choice, part: JsonObject, chunks: list[Chunk]) -> None:
        """Emit a call, which comes whole."""
        number = choice.calls
        call_id, name, arguments = tool_call(part, invented_id(self._call, choice.index, number), self._names)
        choice.calls += 1
        function = {"name": name, "arguments": compact_json(arguments)}
        if self._legacy:
            if number == 0:
                self._delta(choice, "function_call", function, chunks)
            return
        call: JsonObject = {"index": number, "id": call_id, "type": "function", "function": function}
        if part.get("thoughtSignature"):
            call["extra_content"] = extra_content(part["thoughtSignature"])
        self._delta(choice, "tool_calls", [call], chunks)

    def _log_probabilities(self, choice: _Choice, candidate: JsonObject, chunks: list[Chunk], first: int) -> None:
        found = log_probabilities(candidate)
        if found is None:
            return
        self._start(choice, chunks)
        if len(chunks) == first:
            chunks.append(self._builder.delta({"content": ""}, index=choice.index))
        chunks[-1]["choices"][0]["logprobs"] = found

    def _refused(self, choice: _Choice, refusal: str) -> list[Chunk]:
        chunks: list[Chunk] = []
        self._delta(choice, "refusal", refusal, chunks)
        return chunks

    def _finish_choice(self, choice: _Choice) -> list[Chunk]:
        if choice.native in MALFORMED and not choice.has_content:
            raise unusable(self._provider, f"gave an empty answer ({choice.native})")
        reason = choice.reason or finish_reason(choice.native, has_calls=choice.calls > 0, legacy=self._legacy)
        chunks: list[Chunk] = []
        if reason == "content_filter" and not choice.has_content:
            message = choice.extras.get("finishMessage")
            chunks += self._refused(choice, message if isinstance(message, str) else choice.native or reason)
        self._start(choice, chunks)
        last = self._builder.delta({}, finish_reason=reason, index=choice.index)
        last["choices"][0].update({**native_reason(choice.native), **choice.extras})
        self.finish_reason = reason
        return [*chunks, last]


class _Choice:
    """What is known of one candidate."""

    __slots__ = ("calls", "extras", "has_content", "index", "native", "reason", "started")

    def __init__(self, index: int) -> None:
        self.index = index
        self.started = False
        self.has_content = False
        self.calls = 0
        self.native: str | None = None
        self.reason: str | None = None
        self.extras: JsonObject = {}

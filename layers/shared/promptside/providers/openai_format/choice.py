"""One choice of a streamed answer: its role, its tool calls, its one end."""

from __future__ import annotations

from typing import Any

from promptside.errors import JsonObject
from promptside.providers.base import ProviderCall
from promptside.providers.openai_format.answers import settled_finish
from promptside.providers.openai_format.rules import AnswerRules
from promptside.providers.openai_format.tool_calls import ToolCallNumbers
from promptside.providers.openai_format.values import content_text, finish_reason, name_reasoning, objects

Pieces = list[JsonObject]
_EMPTY: tuple[Any, ...] = (None, "", [], {})
_NO_NEWS = frozenset({"index", "finish_reason", "logprobs", "stop_reason"})


class StreamedChoice:
    """Normalises the pieces of one choice."""

    def __init__(self, index: int, call: ProviderCall, rules: AnswerRules, provider: str) -> None:
        self.index = index
        self.finished = False
        self._chat = call.kind == "chat"
        self._rules = rules
        self._provider = provider
        self._opened = False
        self._tools = ToolCallNumbers(f"call_{call.completion_id}_{index}_" if index else f"call_{call.completion_id}_")

    def feed(self, given: JsonObject) -> tuple[Pieces, Pieces]:
        """Return the choice's piece, if it says anything, and its end, if this is it.

        A piece that comes together with the finish reason is told apart from it: many clients ignore the delta of the
        last chunk. Raises ProviderError for a finish reason that is a failure.
        """
        choice = {**given, "index": self.index}
        choice.setdefault("logprobs", None)
        native = choice.get("finish_reason")
        if not self._chat:
            return self._feed_text(choice, native)
        delta = self._delta(choice.pop("delta", None))
        reason = finish_reason(native, self._provider)
        empty = all(value in _EMPTY for name, value in delta.items() if name != "role")
        if reason is None:
            return [self._piece(choice, delta)], []
        if empty and self._opened:
            return [], [self._end(reason, native, choice)]
        return [self._piece(choice, delta)], [self._end(reason, native, {})]

    def end(self) -> Pieces:
        """Return what ends a choice whose host never gave a finish reason."""
        reason = settled_finish(None, self._rules, tools=len(self._tools) > 0)
        start = [] if self._opened or not self._chat else [self._piece({"index": self.index}, {})]
        return [*start, self._end(reason, None, {})]

    def late(self, given: JsonObject) -> Pieces:
        """Return what a piece after the end still tells; it must not open the choice again."""
        news = {name: value for name, value in given.items() if name not in _NO_NEWS and value not in _EMPTY}
        delta = news.pop("delta", None)
        if isinstance(delta, dict):
            told = {name: value for name, value in delta.items() if name != "role" and value not in _EMPTY}
            news |= {"delta": told} if told else {}
        return [{"index": self.index, **news}] if news else []

    def _feed_text(self, choice: JsonObject, native: Any) -> tuple[Pieces, Pieces]:
        delta = choice.pop("delta", None)
        if not isinstance(choice.get("text"), str):
            choice["text"] = (content_text(delta.get("content")) if isinstance(delta, dict) else None) or ""
        reason = finish_reason(native, self._provider)
        choice["finish_reason"] = None
        if reason is None:
            return [choice], []
        return [], [self._end(reason, native, choice)]

    def _delta(self, given: Any) -> JsonObject:
        delta: JsonObject = dict(given) if isinstance(given, dict) else {}
        if self._rules.message is not None:
            self._rules.message(delta)
        if not isinstance(delta.get("content", ""), str | None):
            delta["content"] = content_text(delta["content"])
        name_reasoning(delta)
        calls = objects(delta.pop("tool_calls", None))
        if calls:
            delta["tool_calls"] = self._tools.renumber(calls)
        if delta.get("function_call", 0) is None:
            del delta["function_call"]
        return delta

    def _piece(self, choice: JsonObject, delta: JsonObject) -> JsonObject:
        delta.pop("role", None)
        if not self._opened:
            self._opened = True
            delta = {"role": "assistant", "content": "", **delta} if not delta else {"role": "assistant", **delta}
        return {**choice, "delta": delta, "finish_reason": None}

    def _end(self, reason: str, native: Any, choice: JsonObject) -> JsonObject:
        self.finished = True
        settled = settled_finish(reason, self._rules, tools=len(self._tools) > 0)
        body: JsonObject = {"delta": {}} if self._chat else {"text": ""}
        end = {"index": self.index, **body, "logprobs": None, **choice, "finish_reason": settled}
        if native and native != settled:
            end["native_finish_reason"] = native
        return end

"""The events that Perplexity's Agent API adds to the streams of the Responses wire.

Types of perplexityai 0.46.1, read 2026-11-23: `response.reasoning.started`, `.search_queries`, `.search_results`,
`.fetch_url_queries`, `.fetch_url_results` and `.stopped`, each with a `thought` or none.
"""

from __future__ import annotations

from typing import Any

from promptside.errors import JsonObject
from promptside.providers.base import StreamEvent
from promptside.providers.openai_format.responses_stream import ResponsesStreamMapper
from promptside.providers.openai_format.values import objects, text_or
from promptside.schema.chat import Chunk

SIGNATURE = "thought_signature"
_REASONING = "response.reasoning."
_SEARCHED = "response.reasoning.search_results"


class AgentStreamMapper(ResponsesStreamMapper):
    """The mapper of the Agent API: thoughts become reasoning text, results that come only in events are kept."""

    _thoughts = 0
    _found: tuple[JsonObject, ...] = ()

    def feed(self, event: StreamEvent) -> list[Chunk]:
        """Map one event; see StreamMapper."""
        kind = text_or(event.data.get("type"), event.name)
        if not kind.startswith(_REASONING) or self.finish_reason is not None:
            return super().feed(event)
        if kind == _SEARCHED:
            self._found = (*self._found, *objects(event.data.get("results")))
        thought = event.data.get("thought")
        if not isinstance(thought, str) or not thought:
            return []
        self._thoughts += 1
        return self._reasoning({"delta": thought, "output_index": -1, "summary_index": self._thoughts})

    def _open_tool(self, output: Any, item: JsonObject) -> list[Chunk]:
        chunks = super()._open_tool(output, item)
        if chunks and item.get(SIGNATURE):
            call = chunks[-1]["choices"][0]["delta"]["tool_calls"][0]
            call["extra_content"] = {"google": {SIGNATURE: item[SIGNATURE]}}
        return chunks

    def _end(self, response: JsonObject) -> list[Chunk]:
        chunks = super()._end(response)
        if self._found and not chunks[-1].get("search_results") and self._enrich is not None:
            self._enrich({"output": [{"type": "search_results", "results": list(self._found)}]}, chunks[-1])
        return chunks

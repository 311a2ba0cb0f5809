"""Answers `POST /prompts/{id}/completions` and `/render`, whole or as server-sent events."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Protocol

from promptside.api.http import HttpResponse
from promptside.api.responses import CACHE_STATUS, TRACE_ID, json_response
from promptside.attempts.once import Started
from promptside.errors import InternalError, PromptsideError
from promptside.exchange import SKIPPED_HEADER, Prepared
from promptside.log import log_event, log_failure
from promptside.schema.chat import Chunk
from promptside.schema.request import RunRequest
from promptside.service import complete, render, stream
from promptside.services import Services
from promptside.streaming import Chunks
from promptside.transport.sse import DONE_FRAME, KEEP_ALIVE, encode_chunk, encode_error


def answer_completion(services: Services, request: RunRequest, deadline: float | None) -> HttpResponse:
    """Run the prompt; `stream` in the request decides the form of the answer. Raises PromptsideError."""
    if not request.stream:
        finished = complete(services, request, deadline=deadline)
        return json_response(finished.body, request.trace_id, headers=_run_headers(finished.prepared))
    started = stream(services, request, deadline=deadline)
    return _event_response(services, request, started, ChunkEvents())


def answer_response(services: Services, request: RunRequest, deadline: float | None) -> HttpResponse:
    """Run the prompt and answer as OpenAI's Responses API does. Raises PromptsideError."""
    # Most runs are answered as chat completions.
    from promptside.api.openai_response import response_object
    from promptside.api.openai_response_stream import ResponseEvents

    if not request.stream:
        finished = complete(services, request, deadline=deadline)
        body = response_object(finished.body, finished.prepared)
        return json_response(body, request.trace_id, headers=_run_headers(finished.prepared))
    started = stream(services, request, deadline=deadline)
    return _event_response(services, request, started, ResponseEvents(started.prepared))


def answer_render(services: Services, request: RunRequest, *, with_plan: bool = False) -> HttpResponse:
    """Return what would be run, as Portkey's render does, and with a plan what would come of it; nobody is called."""
    if with_plan:
        # Rendering alone needs no prices.
        from promptside.plan import plan

        data, planned = plan(services, request)
        return json_response({"success": True, "data": data, "plan": planned}, request.trace_id)
    return json_response({"success": True, "data": render(services, request)}, request.trace_id)


class Events(Protocol):
    """How chunks are written as server-sent events."""

    def start(self) -> bytes:
        """Return what stands before the first chunk."""
        ...

    def feed(self, chunks: Iterable[Chunk]) -> bytes:
        """Return the events of some chunks."""
        ...

    def end(self) -> bytes:
        """Return what tells that the stream is complete."""
        ...


class ChunkEvents:
    """Chat completion chunks as they are: data lines, and one `[DONE]`."""

    def start(self) -> bytes:
        """Return nothing: the first chunk is the first event."""
        return b""

    def feed(self, chunks: Iterable[Chunk]) -> bytes:
        """Return one data line for each chunk."""
        return b"".join(map(encode_chunk, chunks))

    def end(self) -> bytes:
        """Return the end marker."""
        return DONE_FRAME


class EventBody:
    """Server-sent events of one stream, with comments while the provider is silent.

    A failure becomes `event: error`, which both Portkey's and OpenAI's SDKs raise, and the end marker does not follow.
    """

    def __init__(self, chunks: Chunks, events: Events, keep_alive_seconds: float, *, trace_id: str) -> None:
        self._chunks = chunks
        self._events = events
        self._keep_alive_seconds = keep_alive_seconds
        self._trace_id = trace_id
        self.complete = False
        """Whether what was yielded last ends a whole answer."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield what to write at once; `b""` when there is nothing but the client should be looked at."""
        written = time.monotonic()
        try:
            if first := self._events.start():
                yield first
            for chunks in self._chunks:
                if chunks:
                    yield self._events.feed(chunks)
                    written = time.monotonic()
                elif time.monotonic() - written >= self._keep_alive_seconds:
                    yield KEEP_ALIVE
                    written = time.monotonic()
                else:
                    yield b""
            end = self._events.end()
            self.complete = True
            yield end
        except PromptsideError as error:
            log_event("stream_failed", trace_id=self._trace_id, code=error.code, provider=error.provider)
            yield encode_error(error.to_body())
        except Exception as error:  # the last line of defence: the client must learn that its stream is broken
            log_failure("stream_crashed", error, trace_id=self._trace_id)
            yield encode_error(InternalError().to_body())
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection to the provider."""
        self._chunks.close()


def _event_response(services: Services, request: RunRequest, started: Started, events: Events) -> HttpResponse:
    headers = {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
        # Some proxies hold events back until this says otherwise.
        "x-accel-buffering": "no",
        TRACE_ID: request.trace_id,
        **_run_headers(started.prepared),
    }
    body = EventBody(started.chunks, events, services.settings.keep_alive_seconds, trace_id=request.trace_id)
    return HttpResponse(200, headers, body)


def _run_headers(prepared: Prepared) -> dict[str, str]:
    headers = {
        "x-portkey-provider": prepared.provider.name,
        "x-portkey-last-used-option-index": prepared.option,
        CACHE_STATUS: prepared.cache,
        "x-portkey-retry-attempt-count": str(prepared.retries),
        "x-promptside-prompt-version": str(prepared.version.version),
    }
    if prepared.label is not None:
        headers["x-promptside-prompt-label"] = prepared.label
    if prepared.request.dropped:
        headers["x-promptside-dropped-params"] = ",".join(prepared.request.dropped)
    if prepared.skipped:
        headers[SKIPPED_HEADER] = ",".join(prepared.skipped)
    if prepared.stale:
        headers["x-promptside-stale"] = "true"
    return {**headers, **prepared.limit_headers}

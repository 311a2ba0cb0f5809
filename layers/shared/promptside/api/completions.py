"""Answers `POST /prompts/{id}/completions` and `/render`, whole or as server-sent events."""

from __future__ import annotations

import time
from collections.abc import Iterator

from promptside.api.http import HttpResponse
from promptside.api.responses import TRACE_ID, json_response
from promptside.errors import InternalError, PromptsideError
from promptside.exchange import Prepared
from promptside.log import log_event, log_failure
from promptside.schema.request import RunRequest
from promptside.service import complete, render, stream
from promptside.services import Services
from promptside.streaming import ChunkStream
from promptside.transport.sse import DONE_FRAME, KEEP_ALIVE, encode_chunk, encode_error


def answer_completion(services: Services, request: RunRequest, deadline: float | None) -> HttpResponse:
    """Run the prompt; `stream` in the request decides the form of the answer. Raises PromptsideError."""
    if not request.stream:
        finished = complete(services, request, deadline=deadline)
        return json_response(finished.body, request.trace_id, headers=_run_headers(finished.prepared))
    started = stream(services, request, deadline=deadline)
    headers = {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
        # Some proxies hold events back until this says otherwise.
        "x-accel-buffering": "no",
        TRACE_ID: request.trace_id,
        **_run_headers(started.prepared),
    }
    body = EventBody(started.chunks, services.settings.keep_alive_seconds, request.trace_id)
    return HttpResponse(200, headers, body)


def answer_render(services: Services, request: RunRequest, *, with_plan: bool = False) -> HttpResponse:
    """Return what would be run, as Portkey's render does, and with a plan what would come of it; nobody is called."""
    if with_plan:
        # Rendering alone needs no prices.
        from promptside.plan import plan

        data, planned = plan(services, request)
        return json_response({"success": True, "data": data, "plan": planned}, request.trace_id)
    return json_response({"success": True, "data": render(services, request)}, request.trace_id)


class EventBody:
    """Server-sent events of one stream: data lines, comments while the provider is silent, one `[DONE]`.

    A failure becomes `event: error`, which both Portkey's and OpenAI's SDKs raise, and no `[DONE]` follows.
    """

    def __init__(self, chunks: ChunkStream, keep_alive_seconds: float, trace_id: str) -> None:
        self._chunks = chunks
        self._keep_alive_seconds = keep_alive_seconds
        self._trace_id = trace_id

    def __iter__(self) -> Iterator[bytes]:
        """Yield what to write at once; `b""` when there is nothing but the client should be looked at."""
        written = time.monotonic()
        try:
            for chunks in self._chunks:
                if chunks:
                    yield b"".join(map(encode_chunk, chunks))
                    written = time.monotonic()
                elif time.monotonic() - written >= self._keep_alive_seconds:
                    yield KEEP_ALIVE
                    written = time.monotonic()
                else:
                    yield b""
            yield DONE_FRAME
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


def _run_headers(prepared: Prepared) -> dict[str, str]:
    headers = {
        "x-portkey-provider": prepared.provider.name,
        "x-portkey-last-used-option-index": "config",
        "x-portkey-cache-status": "DISABLED",
        "x-portkey-retry-attempt-count": "0",
        "x-promptside-prompt-version": str(prepared.version.version),
    }
    if prepared.request.dropped:
        headers["x-promptside-dropped-params"] = ",".join(prepared.request.dropped)
    if prepared.stale:
        headers["x-promptside-stale"] = "true"
    return headers

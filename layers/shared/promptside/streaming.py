"""A streamed run: provider events in, OpenAI chunks out, and never a clean end for a stream that was cut."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from typing import Any, Literal, Protocol

from promptside.answers import decode_answer
from promptside.errors import DeadlineExceeded, PromptsideError, ProviderError, ProviderTimeout
from promptside.providers.base import ProviderCall, StreamMapper
from promptside.providers.replay import completion_as_chunks
from promptside.providers.strictness import strip_chunks
from promptside.schema.chat import Chunk, Usage
from promptside.target import Target
from promptside.timeouts import request_timeout
from promptside.transport.base import Limits, ProviderStream

Outcome = Literal["completed", "client_left"] | str
"""How a stream ended: `completed`, `client_left`, or the code of the error that ended it."""


class Chunks(Protocol):
    """A stream as those who write it see it. Always close it."""

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        ...

    @property
    def error(self) -> PromptsideError | None:
        """What ended it, if an error did."""
        ...

    @property
    def usage(self) -> Usage | None:
        """The token counts, once it has ended, whether the caller asked for them or not."""
        ...

    def __iter__(self) -> Iterator[list[Chunk]]:
        """Yield the lists of chunks in order; an empty one is a tick without news."""
        ...

    def when_ended(self, tell: Callable[[Chunks], None]) -> None:
        """Have `tell` called once the run has ended."""
        ...

    def close(self) -> None:
        """Stop; harmless when called twice."""
        ...


class ChunkStream:
    """The chunks of one run, in the lists in which they arrived; an empty list is a tick without news.

    Iterate once. What is raised while iterating is a PromptsideError that came after the first chunk. Always close it:
    that closes the connection to the provider, and tells `on_end` how the run ended, exactly once.
    """

    def __init__(
        self,
        upstream: ProviderStream,
        target: Target,
        call: ProviderCall,
        *,
        limits: Limits,
        strict_openai: bool,
        on_end: Callable[[ChunkStream], None],
    ) -> None:
        self.usage: Usage | None = None
        self.finish_reason: str | None = None
        self.outcome: Outcome = "client_left"
        self.error: PromptsideError | None = None
        """What ended the stream, if an error did."""
        self._upstream = upstream
        self._target = target
        self._provider = target.provider
        self._call = call
        self._limits = limits
        self._strict_openai = strict_openai
        self._on_end: list[Callable[[Any], None]] = [on_end]
        self._source = self._run()
        self._held: list[Chunk] = []
        self._closed = False

    def hold(self, *, seconds: float, timeout_seconds: float | None) -> None:
        """Wait for the first chunk, so that an error before it can still have an HTTP status.

        After `seconds` of waiting it gives up holding: the caller's connection needs a sign of life. `timeout_seconds`
        is the caller's own limit on this wait, which `first_event_by` of the limits ends. Raises PromptsideError, with
        everything closed.
        """
        try:
            if timeout_seconds is None or self._limits.first_event_by is None:
                self._wait(time.monotonic() + seconds)
            else:
                self._wait_until(self._limits.first_event_by, timeout_seconds)
        except PromptsideError as error:
            self._fail(error)
            self.close()
            raise

    def __iter__(self) -> Iterator[list[Chunk]]:
        """Yield the lists of chunks in order."""
        yield self._held
        try:
            yield from self._source
        except PromptsideError as error:
            self._fail(error)
            raise

    def when_ended(self, tell: Callable[[Chunks], None]) -> None:
        """Have `tell` called as well, once the run has ended."""
        self._on_end.append(tell)

    def close(self) -> None:
        """Stop reading and close the connection; harmless when called twice."""
        if self._closed:
            return
        self._closed = True
        self._source.close()
        self._upstream.close()
        for tell in self._on_end:
            tell(self)

    def _wait(self, until: float) -> None:
        for chunks in self._source:
            self._held = chunks
            if chunks or time.monotonic() >= until:
                return

    def _wait_until(self, first_event_by: float, timeout_seconds: float) -> None:
        """Wait no longer than the caller does. Raises RequestTimeout."""
        late = request_timeout(timeout_seconds, self._provider.name)
        try:
            for chunks in self._source:
                self._held = chunks
                if chunks:
                    return
                if time.monotonic() >= first_event_by:
                    raise late
        except ProviderTimeout as error:
            if time.monotonic() < first_event_by:
                raise
            raise late from error

    def _fail(self, error: PromptsideError) -> None:
        self.outcome = error.code or error.type
        self.error = error

    def _run(self) -> Generator[list[Chunk], None, None]:
        try:
            if self._answers_json():
                yield self._finish_whole()
            else:
                yield from self._mapped()
        except ProviderTimeout as error:
            self._target.blame(error)
            if time.monotonic() >= self._limits.deadline:
                raise DeadlineExceeded(
                    "The function's time is over before the provider's answer was complete",
                    provider=self._provider.name,
                ) from error
            raise
        except ProviderError as error:
            self._target.blame(error)
            raise

    def _mapped(self) -> Iterator[list[Chunk]]:
        mapper = self._provider.stream_mapper(self._call)
        try:
            yield from self._map(mapper)
            yield self._dress(mapper.finish())
            self.outcome = "completed"
        finally:
            self.usage, self.finish_reason = mapper.usage, mapper.finish_reason

    def _map(self, mapper: StreamMapper) -> Iterator[list[Chunk]]:
        for events in self._upstream.batches():
            chunks: list[Chunk] = []
            try:
                for event in events:
                    chunks += mapper.feed(event)
            except PromptsideError:
                # What came before the error in the same network read is the caller's all the same.
                if chunks:
                    yield self._dress(chunks)
                raise
            yield self._dress(chunks)

    def _answers_json(self) -> bool:
        """Tell whether the host ignored `stream: true`; events under a wrong content type are still believed."""
        content_type = self._upstream.headers.get("content-type", "")
        return content_type.startswith(("application/json", "text/html"))

    def _finish_whole(self) -> list[Chunk]:
        answer = decode_answer(self._upstream.read(), self._provider.name)
        completion = self._provider.parse_response(answer, self._call)
        self.usage = completion.get("usage")
        self.finish_reason = completion["choices"][0].get("finish_reason") if completion["choices"] else None
        self.outcome = "completed"
        return self._dress(completion_as_chunks(completion, self._call))

    def _dress(self, chunks: list[Chunk]) -> list[Chunk]:
        if self._strict_openai:
            return strip_chunks(chunks)
        for chunk in chunks:
            chunk["provider"] = self._provider.name
        return chunks

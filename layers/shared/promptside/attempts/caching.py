"""Answers from the cache of a config: found before a target is called, and kept after it has answered.

docs/decisions/0015-cache.md says what makes two runs the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from promptside.errors import PromptsideError
from promptside.exchange import Prepared
from promptside.log import log_event
from promptside.providers.assembly import Assembler
from promptside.providers.replay import completion_as_chunks
from promptside.routing.settings import CacheSettings
from promptside.schema.chat import Chunk, Completion, Usage
from promptside.schema.request import RunRequest
from promptside.services import Services
from promptside.store.answers import AnswerStore
from promptside.streaming import Chunks, Outcome

KEPT_SECONDS = 7 * 24 * 3600.0
"""How long an answer is kept when the config does not say."""
LARGEST_STREAM = 8 * 1024 * 1024
"""Characters of one stream that are held in memory to be kept."""
_NAMESPACE = "x-portkey-cache-namespace"
_REFRESH = "x-portkey-cache-force-refresh"
_DEBUG = "x-portkey-debug"


@dataclass(slots=True)
class Keeper:
    """Finds and keeps the answer of one run at one target. `status` is what Portkey's header says of it.

    A cache that does not answer is no reason to fail: the run goes on without, and the log tells.
    """

    services: Services
    store: AnswerStore
    settings: CacheSettings
    digest: str
    trace_id: str
    refresh: bool = False
    status: str = field(default="MISS", init=False)
    unread: bool = field(default=False, init=False)
    """Whether the table did not answer: once in a run is enough to wait for it."""

    def find(self) -> Completion | None:
        """Return the answer that was kept, if it is young enough."""
        if self.refresh:
            self.status = "REFRESH"
            return None
        if self.unread:
            return None
        found = self.recall(self.digest)
        if found is not None:
            self.status = "HIT"
        return found

    def keep(self, body: Completion) -> bool:
        """Keep an answer that is complete; False when it could not be."""
        if self.unread:
            return False
        data = json.dumps(body).encode()
        try:
            kept = self.store.put(self.digest, data, now=self.services.clock(), seconds=self.seconds)
        except PromptsideError as error:
            self.tell("cache_not_written", error)
            return False
        if not kept:
            log_event("answer_too_large_to_cache", trace_id=self.trace_id, bytes=len(data))
        return kept

    @property
    def seconds(self) -> float:
        """How long an answer is kept."""
        return self.settings.max_age_seconds or KEPT_SECONDS

    def recall(self, digest: str) -> Completion | None:
        """Return an answer that was kept, if it is young enough."""
        now = self.services.clock()
        try:
            found = self.store.find(digest, now=now)
        except PromptsideError as error:
            self.unread = True
            self.tell("cache_not_read", error)
            return None
        oldest = self.settings.max_age_seconds
        if found is None or (oldest is not None and now - found.stored_at >= oldest):
            return None
        body: Completion = json.loads(found.data)
        return body

    def tell(self, event: str, error: PromptsideError) -> None:
        """Write what went wrong to the log."""
        log_event(event, trace_id=self.trace_id, code=error.code)


def keeper_of(services: Services, settings: CacheSettings, request: RunRequest, prepared: Prepared) -> Keeper | None:
    """Return the keeper of a run, None when nothing of it may be kept."""
    if services.answers is None or request.headers.get(_DEBUG, "").lower() == "false":
        return None
    digest = digest_of(decisive(settings, request, prepared))
    refresh = request.headers.get(_REFRESH, "").lower() == "true"
    return Keeper(services, services.answers, settings, digest, request.trace_id, refresh=refresh)


def decisive(settings: CacheSettings, request: RunRequest, prepared: Prepared) -> list[object]:
    """Return everything that decides the answer, or who may be given it, the messages first."""
    call, target = prepared.call, prepared.target
    parameters = {name: value for name, value in call.parameters.items() if name != "stream_options"}
    asked = [call.kind, call.model, call.prompt, parameters, call.strict_params, request.strict_openai]
    whom = [target.provider.name, dict(target.settings), _credentials(prepared), dict(request.forwarded_headers)]
    namespace = request.headers.get(_NAMESPACE) or settings.namespace
    return [call.messages, asked, whom, dict(request.metadata), namespace]


def digest_of(value: object) -> str:
    """Return the SHA-256 of a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


class CollectedChunks:
    """A stream on its way to the caller, kept once it is complete."""

    def __init__(self, chunks: Chunks, keeper: Keeper) -> None:
        self._chunks = chunks
        self._keeper = keeper
        self._assembler: Assembler | None = Assembler()

    @property
    def outcome(self) -> Outcome:
        """How the stream ended."""
        return self._chunks.outcome

    @property
    def error(self) -> PromptsideError | None:
        """What ended it, if an error did."""
        return self._chunks.error

    @property
    def usage(self) -> Usage | None:
        """The token counts."""
        return self._chunks.usage

    def __iter__(self) -> Iterator[list[Chunk]]:
        """Yield the lists of chunks; the answer is kept before the stream ends."""
        for chunks in self._chunks:
            if self._assembler is not None:
                self._assembler.feed(chunks)
                if self._assembler.size > LARGEST_STREAM:
                    log_event("answer_too_large_to_cache", trace_id=self._keeper.trace_id)
                    self._assembler = None
            yield chunks
        if self._assembler is not None and self._chunks.outcome == "completed":
            self._keeper.keep(self._assembler.completion(self._chunks.usage))

    def when_ended(self, tell: Callable[[Chunks], None]) -> None:
        """Have `tell` called once the run has ended."""
        self._chunks.when_ended(tell)

    def close(self) -> None:
        """Close the connection to the provider."""
        self._chunks.close()


class _RecalledChunks:
    """The chunks of an answer that was kept; nothing is behind them."""

    def __init__(self, chunks: list[Chunk]) -> None:
        self.outcome: Outcome = "completed"
        self.error: PromptsideError | None = None
        self.usage: Usage | None = None
        self._all = chunks

    def __iter__(self) -> Iterator[list[Chunk]]:
        """Yield all of them."""
        yield self._all

    def when_ended(self, tell: Callable[[Chunks], None]) -> None:
        """Tell at once."""
        tell(self)

    def close(self) -> None:
        """Do nothing."""


def recalled_chunks(kept: Completion, prepared: Prepared) -> Chunks:
    """Return the chunks that a completion would have had, with what its host has added."""
    chunks = completion_as_chunks(kept, prepared.call)
    extras = {name: value for name, value in kept.items() if name not in _OF_COMPLETIONS}
    for chunk in chunks:
        chunk.update(extras)
    return _RecalledChunks(chunks)


_OF_COMPLETIONS = frozenset({"id", "object", "created", "model", "choices", "usage"})


def _credentials(prepared: Prepared) -> str:
    """Name the credentials: a stored secret by its name, those that came with the request by what they are."""
    target = prepared.target
    if target.secret is not None:
        return f"stored {target.secret}"
    return digest_of(dict(target.credentials))

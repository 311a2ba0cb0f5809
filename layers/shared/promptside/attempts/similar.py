"""The cache's semantic mode: an answer to a question that means the same, when there is none to the very same one.

Only the text of the last message may differ; everything else that decides an answer is the partition that is searched.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from promptside.attempts.caching import Keeper, decisive, digest_of, keeper_of
from promptside.attempts.embedding import embedder_of
from promptside.errors import PromptsideError
from promptside.exchange import Prepared
from promptside.log import log_event
from promptside.providers.base import ProviderCall
from promptside.routing.settings import CacheSettings
from promptside.schema.chat import Completion, Message
from promptside.schema.prompt import VirtualKey
from promptside.schema.request import RunRequest
from promptside.services import Services
from promptside.store.vectors import VectorStore
from promptside.transport.cancellation import Cancellation

LONGEST_QUESTION = 8_000
"""Characters of a text that is compared; a vector says little about more."""
MOST_MESSAGES = 4
"""As in Portkey: what a long conversation comes to is not in its last message."""
# Vectors are kept with seven digits.
_ROUNDING = 1e-6


@dataclass(slots=True, kw_only=True)
class SimilarKeeper(Keeper):
    """Looks for the very same question first, then for similar ones; what is kept is found by both."""

    vectors: VectorStore
    partition: str
    embed: Callable[[], array[float]]
    vector: array[float] | None = field(default=None, init=False)

    def find(self) -> Completion | None:
        """Return the answer to this question, or to one that is similar enough."""
        # A dataclass with slots has no `super()` without arguments before Python 3.14.
        found = Keeper.find(self)
        if found is not None:
            return found
        if not self.refresh:
            self.status = "SEMANTIC MISS"
        if self.unread:
            # A vector would be of no use either.
            return None
        try:
            self.vector = self.embed()
        except PromptsideError as error:
            self.tell("question_not_embedded", error)
            return None
        return None if self.refresh else self._similar(self.vector)

    def keep(self, body: Completion) -> bool:
        """Keep an answer, and the vector by which similar questions find it."""
        if not Keeper.keep(self, body):
            return False
        if self.vector is None:
            return True
        now = self.services.clock()
        try:
            self.vectors.put(self.partition, self.digest, self.vector, now=now, seconds=self.seconds)
        except PromptsideError as error:
            self.tell("cache_not_written", error)
        return True

    def _similar(self, vector: array[float]) -> Completion | None:
        try:
            matches = self.vectors.nearest(self.partition, vector, now=self.services.clock())
        except PromptsideError as error:
            self.tell("cache_not_read", error)
            return None
        best = matches[0].similarity if matches else None
        log_event("similar_sought", trace_id=self.trace_id, best=None if best is None else round(best, 4))
        for match in matches:
            if match.similarity < self.settings.threshold - _ROUNDING:
                break
            found = self.recall(match.answer)
            if found is not None:
                self.status = "SEMANTIC HIT"
                return found
        return None


def similar_keeper_of(
    services: Services,
    settings: CacheSettings,
    request: RunRequest,
    prepared: Prepared,
    *,
    virtual_keys: Mapping[str, VirtualKey],
    seconds_left: Callable[[], float],
    cancellation: Cancellation | None = None,
) -> Keeper | None:
    """Return the keeper of a run: the simple one when its question cannot be compared, None when nothing is kept."""
    simple = keeper_of(services, settings, request, prepared)
    question = plain_question(prepared.call)
    if simple is None or services.vectors is None or question is None:
        return simple
    try:
        embedder = embedder_of(services, settings.embedding, request, prepared, virtual_keys=virtual_keys)
    except PromptsideError as error:
        simple.tell("semantic_cache_not_possible", error)
        return simple
    around, text = question
    return SimilarKeeper(
        services,
        simple.store,
        settings,
        simple.digest,
        simple.trace_id,
        refresh=simple.refresh,
        vectors=services.vectors(),
        partition=digest_of([around, decisive(settings, request, prepared)[1:], embedder.space]),
        embed=lambda: embedder.vector(text, seconds_left=seconds_left(), cancellation=cancellation),
    )


def plain_question(call: ProviderCall) -> tuple[list[Message], str] | None:
    """Return the messages without the text of the last one, and that text; None for what is no plain question."""
    messages = call.messages or []
    if not 0 < len(messages) <= MOST_MESSAGES or messages[-1].get("role") != "user":
        return None
    content = messages[-1].get("content")
    if isinstance(content, list) and len(content) == 1 and content[0].keys() == {"type", "text"}:
        content = content[0]["text"]
    if not isinstance(content, str) or not content.strip() or len(content) > LONGEST_QUESTION:
        return None
    last: Message = {**messages[-1], "content": None}
    return [*messages[:-1], last], content

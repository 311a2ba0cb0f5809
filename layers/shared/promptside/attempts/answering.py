"""The two forms of an attempt's answer: whole, or as a stream. What surrounds attempts treats them alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from promptside.attempts.once import Finished, Started, complete_once, log_run, stream_once
from promptside.attempts.retries import Pace
from promptside.errors import PromptsideError
from promptside.exchange import Prepared
from promptside.schema.chat import Completion
from promptside.schema.request import RunRequest
from promptside.services import Services
from promptside.transport.cancellation import Cancellation

if TYPE_CHECKING:
    from promptside.attempts.caching import Keeper

_T = TypeVar("_T")
Report = Callable[[PromptsideError | None], None]
"""Is told how an answer ended: None, or the error that ended it."""


class CallerLeft(PromptsideError):
    """Nobody has read the answer to its end, so nobody knows what the provider would have made of it."""


class Answering(Protocol[_T]):
    """How one run is answered."""

    def send(self, request: RunRequest, prepared: Prepared, *, last: bool, cancellation: Cancellation | None) -> _T:
        """Make one attempt; `last` says that nothing else follows when it fails. Raises PromptsideError."""
        ...

    def discard(self, answer: _T) -> None:
        """Let go of an answer that is not wanted any more."""
        ...

    def settle(self, answer: _T, report: Report) -> None:
        """Have it reported how the answer ended."""
        ...

    def recall(self, kept: Completion, request: RunRequest, prepared: Prepared) -> _T:
        """Answer with a completion that the cache has kept."""
        ...

    def keep(self, answer: _T, keeper: Keeper) -> _T:
        """Return the answer, which the cache gets once it is complete."""
        ...


@dataclass(frozen=True, slots=True)
class Whole:
    """One completion."""

    services: Services
    pace: Pace

    def send(
        self, request: RunRequest, prepared: Prepared, *, last: bool, cancellation: Cancellation | None
    ) -> Finished:
        """Make one attempt; what follows it is of no interest here."""
        del last
        return complete_once(self.services, request, prepared, deadline=self.pace.latest, cancellation=cancellation)

    def discard(self, answer: Finished) -> None:
        """Do nothing: it is complete."""

    def settle(self, answer: Finished, report: Report) -> None:
        """Report at once."""
        del answer
        report(None)

    def recall(self, kept: Completion, request: RunRequest, prepared: Prepared) -> Finished:
        """Answer with the completion as it is."""
        log_run(request, prepared, time.monotonic(), usage=None, finish_reason=None)
        return Finished(kept, prepared)

    def keep(self, answer: Finished, keeper: Keeper) -> Finished:
        """Keep it at once."""
        keeper.keep(answer.body)
        return answer


@dataclass(frozen=True, slots=True)
class Streamed:
    """Chunks as they come."""

    services: Services
    pace: Pace

    def send(
        self, request: RunRequest, prepared: Prepared, *, last: bool, cancellation: Cancellation | None
    ) -> Started:
        """Make one attempt. As long as something else could be tried, its first event is waited for."""
        return stream_once(
            self.services,
            request,
            prepared,
            deadline=self.pace.latest,
            hold_seconds=self.services.settings.keep_alive_seconds if last else self.pace.left(),
            cancellation=cancellation,
        )

    def discard(self, answer: Started) -> None:
        """Close the connection."""
        answer.chunks.close()

    def settle(self, answer: Started, report: Report) -> None:
        """Report when the stream has ended."""
        answer.chunks.when_ended(
            lambda ended: report(CallerLeft("The caller has left") if ended.outcome == "client_left" else ended.error)
        )

    def recall(self, kept: Completion, request: RunRequest, prepared: Prepared) -> Started:
        """Answer with the chunks that the completion would have had."""
        from promptside.attempts.caching import recalled_chunks

        log_run(request, prepared, time.monotonic(), usage=None, finish_reason=None)
        return Started(recalled_chunks(kept, prepared), prepared)

    def keep(self, answer: Started, keeper: Keeper) -> Started:
        """Collect the chunks as they pass."""
        from promptside.attempts.caching import CollectedChunks

        return Started(CollectedChunks(answer.chunks, keeper), answer.prepared)

"""Runs a prompt under a config: each attempt at each target is the same run as without one, with other settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from promptside.attempts.answering import Answering, Streamed, Whole
from promptside.attempts.applying import facts_of, request_for, resolution_for
from promptside.attempts.breaking import Circuits
from promptside.attempts.following import Follower
from promptside.attempts.once import Finished, Started, prepare
from promptside.attempts.retries import Pace, Retries
from promptside.errors import ConfigurationError, Forbidden, InvalidRequest, PromptsideError
from promptside.exchange import SKIPPED_HEADER, Prepared
from promptside.log import log_event
from promptside.routing.conditions import Facts
from promptside.routing.config import Option
from promptside.routing.identity import concerns
from promptside.schema.prompt import Resolution
from promptside.schema.request import RunRequest
from promptside.services import Services
from promptside.timeouts import timed
from promptside.transport.cancellation import Cancellation

if TYPE_CHECKING:
    from promptside.attempts.caching import Keeper

OPTION_HEADER = "x-portkey-last-used-option-index"
RETRIES_HEADER = "x-portkey-retry-attempt-count"
_T = TypeVar("_T")

Reload = Callable[[], Resolution]
"""Reads the prompt anew."""


class Overtaken(PromptsideError):
    """Another target answered first; nobody is there to read this."""


def complete_routed(
    services: Services,
    request: RunRequest,
    resolution: Resolution,
    option: Option,
    *,
    reload: Reload,
    deadline: float | None,
) -> Finished:
    """Return the completion of the target that the config leads to. Raises the error of the last one tried."""
    routed = _Routed.start(services, request, resolution, reload=reload, deadline=deadline)
    return routed.follow(option, Whole(services, routed.pace))


def stream_routed(
    services: Services,
    request: RunRequest,
    resolution: Resolution,
    option: Option,
    *,
    reload: Reload,
    deadline: float | None,
) -> Started:
    """Return the stream of the target that the config leads to, its first event there.

    As long as something else could be tried, nothing is given to the caller before that event. Raises the error of the
    last target tried.
    """
    routed = _Routed.start(services, request, resolution, reload=reload, deadline=deadline)
    return routed.follow(option, Streamed(services, routed.pace))


@dataclass(slots=True)
class _Routed:
    """One run under a config."""

    services: Services
    request: RunRequest
    resolution: Resolution
    reload: Reload
    pace: Pace
    circuits: Circuits
    facts: Facts | None = None
    cache_unread: bool = False

    @classmethod
    def start(
        cls,
        services: Services,
        request: RunRequest,
        resolution: Resolution,
        *,
        reload: Reload,
        deadline: float | None,
    ) -> _Routed:
        """Start the clock: all attempts together are bounded by the caller's timeout and the function's time."""
        now = services.monotonic()
        latest = now + services.settings.request_seconds
        if deadline is not None:
            latest = min(latest, deadline)
        if request.timeout_seconds is not None:
            request = replace(request, answer_by=now + request.timeout_seconds)
        pace = Pace(services.monotonic, services.sleep, services.random, latest, request.answer_by)
        circuits = Circuits(services.breakers, services.clock, request.trace_id, impatient=_sets_timeout(request))
        return cls(services, request, resolution, reload, pace, circuits)

    def follow(self, option: Option, answering: Answering[_T]) -> _T:
        """Return the answer of the target that the config leads to."""
        follower = Follower(
            attempt=lambda target, *, last, cancellation: self._try(target, answering, last, cancellation=cancellation),
            discard=answering.discard,
            facts=self._facts,
            pace=self.pace,
            circuits=self.circuits,
        )
        return follower.follow(option)

    def _try(self, option: Option, answering: Answering[_T], last: bool, *, cancellation: Cancellation | None) -> _T:
        """Run one target, again as often as its retries allow, unless its answer is known already."""
        retries = Retries(option.retry, self.pace)
        try:
            request, prepared = self._prepare(option)
            keeper = self._keeper(option, request, prepared, cancellation)
            if keeper is not None:
                keeper.unread = self.cache_unread
                kept = keeper.find()
                self.cache_unread = keeper.unread
                prepared = replace(prepared, option=option.path, cache=keeper.status)
                if kept is not None:
                    self.circuits.withdraw(option)
                    return answering.recall(kept, request, prepared)

            def attempt() -> _T:
                if cancellation is not None and cancellation.cancelled:
                    raise Overtaken("Another target answered first")
                skipped = tuple(self.circuits.skipped)
                now = replace(prepared, option=option.path, retries=retries.made, skipped=skipped)
                return answering.send(request, now, last=last and not retries.more, cancellation=cancellation)

            answer = retries.run(attempt)
        except PromptsideError as error:
            self._note(option, error, retries, cancellation)
            raise
        answering.settle(answer, lambda error: self.circuits.report(option, error))
        return answer if keeper is None else answering.keep(answer, keeper)

    def _note(
        self, option: Option, error: PromptsideError, retries: Retries, cancellation: Cancellation | None
    ) -> None:
        """Say of an error which target it came from, and count it."""
        error.headers |= {OPTION_HEADER: option.path, RETRIES_HEADER: str(retries.made)}
        if self.circuits.skipped:
            error.headers[SKIPPED_HEADER] = ",".join(self.circuits.skipped)
        overtaken = cancellation is not None and cancellation.cancelled
        if not overtaken:
            self.circuits.report(option, error)
        log_event(
            "target_overtaken" if overtaken else "target_failed",
            trace_id=self.request.trace_id,
            option=option.path,
            retries=retries.made,
            status=error.status,
            code=error.code,
            provider=error.provider,
        )

    def _keeper(
        self, option: Option, request: RunRequest, prepared: Prepared, cancellation: Cancellation | None
    ) -> Keeper | None:
        if option.cache is None:
            return None
        if option.cache.mode == "semantic":
            from promptside.attempts.similar import similar_keeper_of

            return similar_keeper_of(
                self.services,
                option.cache,
                request,
                prepared,
                virtual_keys=self.resolution.virtual_keys,
                seconds_left=self.pace.left,
                cancellation=cancellation,
            )
        # Most configs have no cache.
        from promptside.attempts.caching import keeper_of

        return keeper_of(self.services, option.cache, request, prepared)

    def _prepare(self, option: Option) -> tuple[RunRequest, Prepared]:
        resolution = resolution_for(option, self.resolution)
        request = timed(request_for(option, self.request), resolution.prompt)

        def reload() -> Resolution:
            return resolution_for(option, self.reload())

        try:
            return request, prepare(self.services, request, resolution, reload=reload)
        except (ConfigurationError, Forbidden, InvalidRequest) as error:
            # Whatever it is that cannot be used may stand anywhere in the config.
            if concerns(option.identity, error.param):
                error.message = f"{option.path}: {error.message}"
            raise

    def _facts(self) -> Facts:
        if self.facts is None:
            self.facts = facts_of(self.request, self.resolution.prompt)
        return self.facts


def _sets_timeout(request: RunRequest) -> bool:
    return request.timeout_seconds is not None or request.overrides.get("request_timeout") is not None

"""Follows a config to an answer: chooses targets, tries them one after the other, and says which one it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from promptside.attempts.breaking import Circuits, TrialTaken
from promptside.attempts.retries import Pace, has_status
from promptside.errors import (
    DeadlineExceeded,
    PromptsideError,
    ProviderError,
    RequestTimeout,
    StoreUnavailable,
)
from promptside.routing.choosing import balanced, by_condition
from promptside.routing.conditions import Facts
from promptside.routing.config import Option
from promptside.transport.cancellation import Cancellation

_OK = 200
_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)


class Attempt(Protocol[_T_co]):
    """Runs one target, with its retries. `last` says that no other target follows if this one fails.

    `cancellation` ends it from another thread. Raises PromptsideError.
    """

    def __call__(self, option: Option, *, last: bool, cancellation: Cancellation | None) -> _T_co:
        """Return the answer."""
        ...


@dataclass(frozen=True, slots=True)
class Follower(Generic[_T]):
    """Follows one config for one request. `facts` is asked for only when something depends on it.

    `circuits` leave out targets that have failed too often. `discard` lets go of an answer that is not wanted any more.
    With a `cancellation` this is one of two attempts that run side by side.
    """

    attempt: Attempt[_T]
    discard: Callable[[_T], None]
    facts: Callable[[], Facts]
    pace: Pace
    circuits: Circuits
    cancellation: Cancellation | None = None

    def follow(self, option: Option, *, last: bool = True) -> _T:
        """Return the answer of a target. Raises the error of the one that was tried last."""
        if not option.targets:
            return self.attempt(option, last=last, cancellation=self.cancellation)
        match option.strategy.mode:
            case "fallback":
                return self._fall_back(option, last=last)
            case "loadbalance":
                return self.follow(self._balanced(option), last=last)
            case "conditional":
                chosen = by_condition(option.strategy, option.targets, self.facts())
            case _:
                chosen = 0
        return self.follow(option.targets[chosen], last=last)

    def _balanced(self, option: Option) -> Option:
        """Return one of the targets that have a weight and whose circuits let it pass."""
        targets = self.circuits.passing([target for target in option.targets if target.weight])
        while True:
            chosen = targets[balanced(option.strategy, targets, self.facts(), self.pace.random)]
            # The last one is called in any case: a failure of the target is better than one of ours.
            if len(targets) == 1 or self.circuits.may_try(chosen):
                return chosen
            targets = [target for target in targets if target is not chosen]

    def _fall_back(self, option: Option, *, last: bool) -> _T:
        codes = option.strategy.status_codes
        *earlier, final = self._steps(option, self.circuits.passing(option.targets))
        for step in earlier:
            try:
                answer = step(False)
            except TrialTaken:
                continue
            except PromptsideError as error:
                if not falls_through(error, codes) or self.pace.left() <= 0:
                    raise
                continue
            if codes is None or _OK not in codes:
                return answer
            self.discard(answer)
        return final(last)

    def _steps(self, option: Option, targets: Sequence[Option]) -> list[Callable[[bool], _T]]:
        """Return what is tried one after the other: each target, or a race of the first two and then the others."""

        def step(target: Option) -> Callable[[bool], _T]:
            return lambda last: self._step(target, targets, last=last)

        # A target of a race does not start races itself.
        if option.hedge_seconds is None or len(targets) == 1 or self.cancellation is not None:
            return [step(target) for target in targets]
        return [lambda _last: self._race(option, targets), *map(step, targets[2:])]

    def _step(self, target: Option, targets: Sequence[Option], *, last: bool) -> _T:
        if target is not targets[-1] and not self.circuits.may_try(target):
            raise TrialTaken(f"{target.path} is being tried")
        return self.follow(target, last=last)

    def _race(self, option: Option, targets: Sequence[Option]) -> _T:
        # Most configs have no use for threads.
        from promptside.attempts.hedging import Race

        def runner(target: Option) -> Callable[[Cancellation], _T]:
            return lambda cancellation: replace(self, cancellation=cancellation).follow(target, last=False)

        race: Race[_T] = Race(
            (runner(targets[0]), runner(targets[1])),
            after_seconds=option.hedge_seconds or 0.0,
            pace=self.pace,
            goes_on=lambda error: falls_through(error, option.strategy.status_codes),
            discard=self.discard,
        )
        return race.run()


def falls_through(error: PromptsideError, codes: frozenset[int] | None) -> bool:
    """Tell whether the next target is tried after this error: only where another target could do better.

    An error of the request itself, of the stack's configuration or of our own would be the same, or hidden, there.
    """
    if isinstance(error, DeadlineExceeded):
        return False
    if not error.of_target and not isinstance(error, ProviderError | RequestTimeout | StoreUnavailable):
        return False
    return codes is None or has_status(error, codes)

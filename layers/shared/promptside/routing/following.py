"""Follows a config to an answer: chooses targets, tries them one after the other, and says which one it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

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
from promptside.routing.retries import Pace, has_status

_OK = 200
_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)


class Attempt(Protocol[_T_co]):
    """Runs one target, with its retries. `last` says that no other target follows if this one fails.

    Raises PromptsideError.
    """

    def __call__(self, option: Option, *, last: bool) -> _T_co:
        """Return the answer."""
        ...


@dataclass(frozen=True, slots=True)
class Follower(Generic[_T]):
    """Follows one config for one request. `facts` is asked for only when something depends on it.

    `discard` lets go of an answer that a fallback goes on after.
    """

    attempt: Attempt[_T]
    discard: Callable[[_T], None]
    facts: Callable[[], Facts]
    pace: Pace

    def follow(self, option: Option, *, last: bool = True) -> _T:
        """Return the answer of a target. Raises the error of the one that was tried last."""
        if not option.targets:
            return self.attempt(option, last=last)
        match option.strategy.mode:
            case "fallback":
                return self._fall_back(option, last=last)
            case "loadbalance":
                chosen = balanced(option.strategy, option.targets, self.facts(), self.pace.random)
            case "conditional":
                chosen = by_condition(option.strategy, option.targets, self.facts())
            case _:
                chosen = 0
        return self.follow(option.targets[chosen], last=last)

    def _fall_back(self, option: Option, *, last: bool) -> _T:
        codes = option.strategy.status_codes
        *earlier, final = option.targets
        for target in earlier:
            try:
                answer = self.follow(target, last=False)
            except PromptsideError as error:
                if not falls_through(error, codes) or self.pace.left() <= 0:
                    raise
                continue
            if codes is None or _OK not in codes:
                return answer
            self.discard(answer)
        return self.follow(final, last=last)


def falls_through(error: PromptsideError, codes: frozenset[int] | None) -> bool:
    """Tell whether the next target is tried after this error: only where another target could do better.

    An error of the request itself, of the stack's configuration or of our own would be the same, or hidden, there.
    """
    if isinstance(error, DeadlineExceeded):
        return False
    if not error.of_target and not isinstance(error, ProviderError | RequestTimeout | StoreUnavailable):
        return False
    return codes is None or has_status(error, codes)

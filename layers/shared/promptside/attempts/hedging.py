"""Hedged requests: when the first target is slow a second one is started, the first answer wins, the other is closed.

This is the only place that starts threads for a run, and only for configs that ask for it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from promptside.attempts.retries import Pace
from promptside.errors import DeadlineExceeded, InternalError, PromptsideError
from promptside.transport.cancellation import Cancellation

# Every attempt ends by itself when the time is over; this is for what it still has to do then. The functions keep a
# second of their time to tell the caller.
_GRACE_SECONDS = 0.5
_T = TypeVar("_T")

Runner = Callable[[Cancellation], _T]


@dataclass(slots=True)
class _Finish(Generic[_T]):
    """How one runner ended: with an answer, or with an error."""

    index: int
    answer: list[_T] = field(default_factory=list)
    error: BaseException | None = None


class Race(Generic[_T]):
    """Runs two attempts, the second `after_seconds` after the first or when the first has failed.

    `goes_on` tells whether the other attempt may still win after an error; `discard` lets go of an answer that comes
    too late.
    """

    def __init__(
        self,
        runners: tuple[Runner[_T], Runner[_T]],
        *,
        after_seconds: float,
        pace: Pace,
        goes_on: Callable[[PromptsideError], bool],
        discard: Callable[[_T], None],
    ) -> None:
        self._runners = runners
        self._after_seconds = after_seconds
        self._pace = pace
        self._goes_on = goes_on
        self._discard = discard
        self._finished: queue.SimpleQueue[_Finish[_T]] = queue.SimpleQueue()
        self._cancellations: list[Cancellation] = []
        self._over = threading.Lock()
        self._decided = False
        self._winner: int | None = None

    def run(self) -> _T:
        """Return the first answer. Raises the error that came last, or one after which nothing can help."""
        try:
            self._start()
            running = 1
            finish = self._wait(self._after_seconds)
            if finish is None or not self._is_final(finish):
                self._start()
                running = 2 if finish is None else 1
            else:
                running = 0
            while running and (finish is None or not self._is_final(finish)):
                finish = self._wait(None)
                running -= 1
            return self._result(finish)
        finally:
            self._decide()

    def _start(self) -> None:
        index = len(self._cancellations)
        self._cancellations.append(Cancellation())
        threading.Thread(target=self._work, args=(index,), name=f"hedge-{index}", daemon=True).start()

    def _work(self, index: int) -> None:
        finish: _Finish[_T] = _Finish(index)
        try:
            finish.answer.append(self._runners[index](self._cancellations[index]))
        except BaseException as error:  # whatever it is, the thread that waits has to hear of it
            finish.error = error
        with self._over:
            if not self._decided:
                self._finished.put(finish)
                return
        for answer in finish.answer:
            self._discard(answer)

    def _wait(self, seconds: float | None) -> _Finish[_T] | None:
        """Return how the next attempt ended, None when it does not within `seconds`. Raises DeadlineExceeded."""
        longest = max(self._pace.left(), 0.0) + _GRACE_SECONDS
        try:
            return self._finished.get(timeout=longest if seconds is None else min(seconds, longest))
        except queue.Empty:
            if seconds is not None and seconds < longest:
                return None
            raise DeadlineExceeded("The time is over before any target answered") from None

    def _is_final(self, finish: _Finish[_T]) -> bool:
        error = finish.error
        return error is None or not isinstance(error, PromptsideError) or not self._goes_on(error)

    def _result(self, finish: _Finish[_T] | None) -> _T:
        if finish is None or not finish.answer:
            raise InternalError if finish is None or finish.error is None else finish.error
        self._winner = finish.index
        return finish.answer[0]

    def _decide(self) -> None:
        """Close whatever is still on its way; answers that come from now on are discarded by their own threads."""
        with self._over:
            self._decided = True
        while not self._finished.empty():
            for answer in self._finished.get().answer:
                self._discard(answer)
        for index, cancellation in enumerate(self._cancellations):
            if index != self._winner:
                cancellation.cancel()

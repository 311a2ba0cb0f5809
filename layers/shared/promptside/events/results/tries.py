"""How often and how long a delivery is tried: within the function's time, with pauses that grow and are drawn."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from promptside.events.base import DeliveryFailed, TargetKind
from promptside.log import log_event
from promptside.store.failures import error_code, http_status, is_busy

MOST_TRIES = 6
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 8.0
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Clock:
    """Time as a delivery sees it. `monotonic` and `sleep` are seconds, `random` gives [0, 1), `unix` unix seconds."""

    monotonic: Callable[[], float] = field(default=time.monotonic)
    sleep: Callable[[float], None] = field(default=time.sleep)
    random: Callable[[], float] = field(default=random.random)
    unix: Callable[[], float] = field(default=time.time)


class Tries:
    """The tries at one target, up to `deadline` on the clock."""

    def __init__(self, clock: Clock, deadline: float) -> None:
        self.clock = clock
        self.deadline = deadline
        self._made = 1

    def left(self) -> float:
        """Return the seconds that are left."""
        return self.deadline - self.clock.monotonic()

    def again(self, retry_after: float | None = None) -> bool:
        """Pause and return True, or return False when tries or time are used up. `retry_after` is the least pause."""
        longest = min(FIRST_PAUSE_SECONDS * float(2**self._made), LONGEST_PAUSE_SECONDS)
        pause = max(longest * (0.5 + 0.5 * self.clock.random()), retry_after or 0.0)
        if self._made >= MOST_TRIES or pause >= self.left():
            return False
        self._made += 1
        self.clock.sleep(pause)
        return True


def failed(
    kind: TargetKind, problem: str, *, final: bool, retry_after: float | None = None, code: str | None = None
) -> DeliveryFailed:
    """Return the error of a result that did not arrive. `final` says that waiting does not help."""
    error = DeliveryFailed(
        f"The result did not reach its target ({kind}): {problem}", retry_after=retry_after, code=code
    )
    error.final = final
    log_event("result_refused", target=kind, code=error.code, final=final, problem=problem)
    return error


def call_aws(kind: TargetKind, call: Callable[[], _Answer], tries: Tries) -> _Answer:
    """Return what an AWS call answers, tried again while that can help. Raises DeliveryFailed."""
    while True:
        try:
            return call()
        except (ClientError, BotoCoreError) as exc:
            final = _is_final(exc)
            if not final and tries.again():
                continue
            raise failed(kind, f"AWS answered {error_code(exc)}", final=final) from exc


def _is_final(error: ClientError | BotoCoreError) -> bool:
    status = http_status(error)
    return status is not None and 400 <= status < 500 and status != 408 and not is_busy(error)

"""How long and how often the store asks AWS again before it gives up."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError

from promptside.store.failures import error_code, http_status, is_busy, store_error

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Patience:
    """Bounds of one operation: attempts, and seconds for all of them with the pauses in between.

    Pauses double from `first_pause_seconds` and are drawn at random up to that, so that callers who failed together do
    not come back together.
    """

    attempts: int = 4
    total_seconds: float = 3.0
    first_pause_seconds: float = 0.04
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    jitter: Callable[[], float] = field(default=random.random, repr=False)

    def start(self) -> Attempts:
        """Begin to count."""
        return Attempts(self)


class Attempts:
    """What is left of one operation's patience."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._made = 1
        self._deadline = patience.clock() + patience.total_seconds

    def again(self) -> bool:
        """Pause and return True, or return False when patience is at its end."""
        patience = self._patience
        pause = patience.jitter() * patience.first_pause_seconds * 2**self._made
        if self._made >= patience.attempts or patience.clock() + pause >= self._deadline:
            return False
        self._made += 1
        patience.sleep(pause)
        return True


def call(operation: str, function: Callable[[], _Answer], attempts: Attempts, *, repeatable: bool = True) -> _Answer:
    """Return what an AWS call answers, asking again while that can help.

    What is not `repeatable` is only sent again when AWS has said that it did nothing. Raises StoreUnavailable or
    ConfigurationError.
    """
    while True:
        try:
            return function()
        except (ClientError, BotoCoreError) as exc:
            if _may_pass(exc, repeatable=repeatable) and attempts.again():
                continue
            raise store_error(operation, exc) from exc


def call_if(
    operation: str, function: Callable[[], _Answer], attempts: Attempts, *, repeatable: bool = True
) -> _Answer | None:
    """As `call`, for a request with a condition: None when that does not hold."""

    def attempt() -> _Answer | None:
        try:
            return function()
        except ClientError as exc:
            if error_code(exc) == "ConditionalCheckFailedException":
                return None
            raise

    return call(operation, attempt, attempts, repeatable=repeatable)


def _may_pass(error: ClientError | BotoCoreError, *, repeatable: bool) -> bool:
    if is_busy(error):
        return True
    if not repeatable:
        return False
    return isinstance(error, HTTPClientError | NoConnectionError) or (http_status(error) or 0) >= 500

"""Circuit breakers: a target that has failed too often is left alone for a while, by all processes.

Each process counts for itself; failures, and only they, are written to the run table with the successes since the last
one. What others have found out is read at most every few seconds, and only for targets that have a breaker. Without the
table, or while it is down, a process goes by what it has seen itself.

    closed --- failures reach the threshold ---> open --- cooldown over ---> half-open: one trial at a time
       ^                                          ^                              |
       |                                          +------- the trial fails ------+
       +------------------------------------------------- the trial succeeds ----+
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from promptside.errors import ConfigurationError, StoreUnavailable
from promptside.log import log_event
from promptside.store.breakers import BreakerState, BreakerStore
from promptside.store.cache import BoundedCache

# Every process has breakers; how configs are read is imported with the first one.
if TYPE_CHECKING:
    from promptside.routing.config import Option
    from promptside.routing.settings import CircuitBreaker

REFRESH_SECONDS = 3.0
"""How long a process believes what it has read."""
UNREACHABLE_SECONDS = 30.0
"""How long a process leaves the table alone after it could not be reached."""
DEFAULT_MINIMUM = 10
"""Requests before a percentage counts, for a breaker that says nothing of it."""
_CIRCUITS = 5_000
_MILLISECOND = 0.001
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Circuit:
    """One target's breaker: its name, the same in every process, and its rules. `path` is for the log."""

    name: str
    path: str
    rules: CircuitBreaker


@dataclass(slots=True)
class _Known:
    """What this process knows of one circuit: its own counts in its own window, and what it has read or decided."""

    read_at: float = -math.inf
    window_ends: float = -math.inf
    failures: int = 0
    successes: int = 0
    unsaid: int = 0
    """Successes that the table has not heard of."""
    open_until: float | None = None
    trial_until: float | None = None

    def roll(self, now: float, seconds: float) -> None:
        """Begin a new window when the last one is over."""
        if now >= self.window_ends:
            self.window_ends = now + seconds
            self.failures = self.successes = self.unsaid = 0

    def half_open(self, now: float) -> bool:
        """Tell whether the cooldown is over and no trial has told anything yet."""
        return self.open_until is not None and now >= self.open_until

    def open(self, until: float) -> None:
        """Leave the target alone until then, and count from nothing after that."""
        self.open_until, self.trial_until = until, None
        self.window_ends = -math.inf


class Breakers:
    """The breakers of one process; safe to share between threads. `now` is in unix seconds."""

    def __init__(self, store: BreakerStore | None = None) -> None:
        self._store = store
        self._known: BoundedCache[str, _Known] = BoundedCache(_CIRCUITS)
        self._lock = threading.Lock()
        self._unreachable_until = -math.inf

    def refresh(self, circuits: Collection[Circuit], now: float) -> None:
        """Read what others have found out, if the last look was too long ago."""
        with self._lock:
            due = [circuit.name for circuit in circuits if now - self._of(circuit).read_at >= REFRESH_SECONDS]
            for name in due:
                self._at(name).read_at = now
        if not due:
            return
        states = self._asked(lambda store: store.read(due, now=now), now)
        if states is None:
            return
        with self._lock:
            for name in due:
                state = states.get(name, BreakerState())
                known = self._at(name)
                known.open_until, known.trial_until = state.open_until, state.trial_until

    def is_open(self, circuit: Circuit, now: float) -> bool:
        """Tell whether the target is left alone: in its cooldown, or after it while one run tries it."""
        with self._lock:
            known = self._of(circuit)
            if known.open_until is None:
                return False
            return now < known.open_until or (known.trial_until is not None and now < known.trial_until)

    def may_try(self, circuit: Circuit, now: float) -> bool:
        """Tell whether a target that is not open may be called: after a cooldown, only by whoever has the trial."""
        with self._lock:
            known = self._of(circuit)
            opened = known.open_until
            if opened is None or not known.half_open(now):
                return True
            until = now + circuit.rules.cooldown_seconds
            if known.trial_until is not None and now < known.trial_until:
                return False
            known.trial_until = until
        claimed = self._asked(
            lambda store: store.claim_trial(circuit.name, opened_until=opened, now=now, until=until), now
        )
        if claimed is False:
            with self._lock:
                known.read_at = -math.inf
        return claimed is not False

    def give_up_trial(self, circuit: Circuit, claimed_at: float) -> None:
        """Let another run try the target: the one that was let through at that moment has told nothing about it."""
        until = claimed_at + circuit.rules.cooldown_seconds
        with self._lock:
            known = self._of(circuit)
            # Only the run that has the trial may give it up; the table keeps milliseconds.
            if known.trial_until is None or abs(known.trial_until - until) > _MILLISECOND:
                return
            known.trial_until = None
        self._asked(lambda store: store.give_up_trial(circuit.name, until=until), claimed_at)

    def failed(self, circuit: Circuit, now: float) -> None:
        """Count a failure, and open the circuit if that was one too many."""
        rules = circuit.rules
        with self._lock:
            known = self._of(circuit)
            if known.open_until is not None and now < known.open_until:
                # It is open already, and was tried because everything else is.
                return
            reopens = known.half_open(now)
            known.roll(now, rules.cooldown_seconds)
            known.failures += 1
            unsaid, known.unsaid = known.unsaid, 0
            own = BreakerState(known.failures, known.successes)
        if not reopens:
            shared = self._asked(
                lambda store: store.count_failure(
                    circuit.name, successes=unsaid, now=now, seconds=rules.cooldown_seconds
                ),
                now,
            )
            if shared is not None and shared.open_until is not None and now < shared.open_until:
                # Another process has opened it since we last looked.
                with self._lock:
                    known.open_until, known.trial_until = shared.open_until, shared.trial_until
                return
            if not _reached(rules, shared or own):
                return
        self._open(circuit, known, now)

    def answered(self, circuit: Circuit, now: float) -> None:
        """Count a success, in memory only; after a cooldown it closes the circuit."""
        with self._lock:
            known = self._of(circuit)
            known.roll(now, circuit.rules.cooldown_seconds)
            known.successes += 1
            known.unsaid += 1
            opened = known.open_until
            if opened is None or not known.half_open(now):
                return
            known.open_until = known.trial_until = None
        self._asked(lambda store: store.close(circuit.name, opened_until=opened), now)
        log_event("circuit_closed", option=circuit.path, circuit=circuit.name)

    def _open(self, circuit: Circuit, known: _Known, now: float) -> None:
        until = now + circuit.rules.cooldown_seconds
        with self._lock:
            known.open(until)
        first = self._asked(lambda store: store.open(circuit.name, now=now, until=until), now)
        if first is False:
            # Another process was faster, and its moment counts.
            with self._lock:
                known.read_at = -math.inf
            return
        log_event("circuit_opened", option=circuit.path, circuit=circuit.name, seconds=circuit.rules.cooldown_seconds)

    def _asked(self, question: Callable[[BreakerStore], _T], now: float) -> _T | None:
        """Return what the table answers; None without it, or while it cannot be reached, which is logged once."""
        if self._store is None or now < self._unreachable_until:
            return None
        try:
            answer = question(self._store)
        except (StoreUnavailable, ConfigurationError) as error:
            with self._lock:
                first, self._unreachable_until = self._unreachable_until == -math.inf, now + UNREACHABLE_SECONDS
            if first:
                log_event("breakers_alone", code=error.code)
            return None
        self._unreachable_until = -math.inf
        return answer

    def _of(self, circuit: Circuit) -> _Known:
        return self._at(circuit.name)

    def _at(self, name: str) -> _Known:
        known = self._known.find(name)
        if known is None:
            known = _Known()
            self._known.put(name, known)
        return known


def circuit_of(option: Option) -> Circuit | None:
    """Return the breaker of a target; None for one without, and for what chooses among targets itself."""
    if option.circuit_breaker is None or option.targets:
        return None
    name = hashlib.sha256(f"{option.origin}\n{option.path}".encode("utf-8", "surrogatepass")).hexdigest()
    return Circuit(name, option.path, option.circuit_breaker)


def _reached(rules: CircuitBreaker, counted: BreakerState) -> bool:
    if rules.failure_threshold is not None and counted.failures >= rules.failure_threshold:
        return True
    requests = counted.failures + counted.successes
    if rules.failure_percentage is None or requests < (rules.minimum_requests or DEFAULT_MINIMUM):
        return False
    return counted.failures * 100 >= rules.failure_percentage * requests

"""Circuit breakers over one run: which targets are left out, and what an attempt says about its target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from promptside.attempts.retries import has_status
from promptside.errors import DeadlineExceeded, PromptsideError, ProviderError, RequestTimeout
from promptside.log import log_event
from promptside.routing.breakers import Breakers, Circuit, circuit_of
from promptside.routing.config import Option

_FIRST_FAILURE = 500


class TrialTaken(PromptsideError):
    """The target comes back from a cooldown, and another run is just trying whether it is well."""


@dataclass(slots=True)
class Circuits:
    """The breakers as one run sees them. `skipped` are the paths of the targets that were left out, in order.

    `impatient` says that the caller has set a time limit: what runs into it says nothing about the target.
    """

    breakers: Breakers
    clock: Callable[[], float]
    trace_id: str = ""
    impatient: bool = False
    skipped: list[str] = field(default_factory=list)
    _ignored: set[str] = field(default_factory=set)
    _let_through: dict[str, float] = field(default_factory=dict)

    def passing(self, targets: Sequence[Option]) -> Sequence[Option]:
        """Return the targets that are not open, or all when all are."""
        circuits = [circuit for target in targets for leaf in target.leaves() if (circuit := circuit_of(leaf))]
        if not circuits or len(targets) == 1:
            return targets
        now = self.clock()
        self.breakers.refresh(circuits, now)
        passing = [target for target in targets if not self._is_open(target, now)]
        if not passing:
            self._ignored.update(target.path for target in targets)
            log_event("breakers_ignored", trace_id=self.trace_id, options=[target.path for target in targets])
            return targets
        for target in targets:
            if not any(target is each for each in passing):
                self._skip(target)
        return passing

    def may_try(self, target: Option) -> bool:
        """Tell whether a target that passes may be called now; one back from its cooldown, by one run at a time."""
        circuit = circuit_of(target)
        if circuit is None or target.path in self._ignored:
            return True
        now = self.clock()
        if self.breakers.may_try(circuit, now):
            self._let_through[target.path] = now
            return True
        self._skip(target)
        return False

    def report(self, target: Option, error: PromptsideError | None) -> None:
        """Count how a run at a target ended."""
        circuit = circuit_of(target)
        if circuit is None:
            return
        failed = self._is_failure(circuit, error)
        if failed is True:
            self.breakers.failed(circuit, self.clock())
        elif failed is False:
            self.breakers.answered(circuit, self.clock())
        elif not isinstance(error, RequestTimeout | DeadlineExceeded):
            # A target that was only too slow for this caller keeps its trial: the next one would wait as long.
            self.withdraw(target)

    def withdraw(self, target: Option) -> None:
        """Give up the trial of a target about which this run has learned nothing, if it has one."""
        circuit = circuit_of(target)
        claimed_at = self._let_through.pop(target.path, None)
        if circuit is not None and claimed_at is not None:
            self.breakers.give_up_trial(circuit, claimed_at)

    def _is_open(self, target: Option, now: float) -> bool:
        """Tell whether everything below a target is open."""
        circuits = [circuit_of(leaf) for leaf in target.leaves()]
        return all(circuit is not None and self.breakers.is_open(circuit, now) for circuit in circuits)

    def _is_failure(self, circuit: Circuit, error: PromptsideError | None) -> bool | None:
        """Tell whether the target failed; None for what says nothing about it."""
        if error is None:
            return False
        if isinstance(error, DeadlineExceeded) or not isinstance(error, ProviderError | RequestTimeout):
            return None
        if isinstance(error, RequestTimeout) and self.impatient:
            return None
        if circuit.rules.status_codes:
            return has_status(error, circuit.rules.status_codes)
        return isinstance(error, RequestTimeout) or (error.upstream_status or error.status) >= _FIRST_FAILURE

    def _skip(self, target: Option) -> None:
        self.skipped.append(target.path)
        log_event("target_skipped", trace_id=self.trace_id, option=target.path)

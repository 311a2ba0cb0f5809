"""Places under limits: all are taken before a call or none, and what was not used is given back.

The counters are taken one after the other, each under a condition of its own, and given back when a later one refuses.
Rate limits are not worth an outage: while the table is down, runs go on uncounted, and say so. Budgets are: then runs
are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from promptside.errors import ConfigurationError, PromptsideError, StoreUnavailable
from promptside.exchange import Prepared
from promptside.log import log_event
from promptside.metering.amounts import Need, need_of, used_of
from promptside.metering.limits import Limit, Window, limits_of
from promptside.metering.refusal import NOT_COUNTED, Standing, headers_of, refusal
from promptside.schema.limits import Subject
from promptside.services import Services
from promptside.store.usage import Counter, UsageStore, Use

_PATIENCE_SECONDS = 1.0
"""Waited in vain for one counter, a run waits for no other: a table that hangs must not cost a timeout per limit."""
_ONE_REQUEST = Need(tokens=0, cost=0, bounded=True)


@dataclass(slots=True)
class _Place:
    """An amount that is held under one limit."""

    subject: Subject
    limit: Limit
    window: Window
    counter: Counter
    amount: int
    use: Use

    def standing(self) -> Standing:
        return Standing(self.subject, self.limit, self.window, self.use.used)


@dataclass(slots=True)
class Charge:
    """What one call holds. `settle` or `refund` it once; what is neither stays as it was reserved."""

    services: Services
    store: UsageStore
    trace_id: str = ""
    places: list[_Place] = field(default_factory=list)
    not_counted: set[str] = field(default_factory=set)
    waited_in_vain: float = 0.0

    def take(self, subject: Subject, limit: Limit, need: Need) -> None:
        """Hold what a call needs under a limit. Raises RateLimited, BudgetExceeded, StoreUnavailable."""
        amount = need.of(limit.type)
        if amount is None:
            self.not_counted.add(limit.type)
            return
        if not need.bounded:
            # A guess alone must not keep a call out for ever.
            amount = min(amount, max(limit.most, 1))
        now = self.services.clock()
        window = limit.window(now)
        counter = limit.counter(subject, window)
        if amount > limit.most:
            raise refusal(Standing(subject, limit, window, 0), amount, now=now)
        use = self._take(limit, counter, amount)
        if use is None:
            self.not_counted.add(limit.type)
            return
        if not use.taken:
            raise refusal(Standing(subject, limit, window, use.used), amount, now=now)
        self.places.append(_Place(subject, limit, window, counter, amount, use))

    def _take(self, limit: Limit, counter: Counter, amount: int) -> Use | None:
        """Take from a counter; None when it cannot be reached and the run goes on without. Raises StoreUnavailable."""
        code: str | None = "not_asked"
        if limit.budget or self.waited_in_vain < _PATIENCE_SECONDS:
            started = self.services.monotonic()
            try:
                return self.store.take(counter, amount, most=limit.most)
            except StoreUnavailable as error:
                self.waited_in_vain += self.services.monotonic() - started
                if limit.budget:
                    raise
                code = error.code
        log_event("limit_not_counted", trace_id=self.trace_id, type=limit.type, unit=limit.unit, code=code)
        return None

    def headers(self) -> dict[str, str]:
        """Return what the answer says about the limits."""
        headers = headers_of((place.standing() for place in self.places), now=self.services.clock())
        if self.not_counted:
            headers[NOT_COUNTED] = ",".join(sorted(self.not_counted))
        return headers

    def settle(self, used: Callable[[Limit], int | None]) -> None:
        """Count what was used instead of what was held, where `used` knows it; tell when a budget runs low."""
        for place in self.places:
            actual = place.amount if place.limit.type == "requests" else used(place.limit)
            if actual is not None and actual != place.amount:
                self._change(place, actual - place.amount)
                place.amount = actual
            self._alert(place)

    def refund(self, *, requests: bool = False) -> None:
        """Give back what a call has not used: tokens and cost, and `requests` too when there was no call."""
        for place in self.places:
            if place.amount and (requests or place.limit.type != "requests"):
                self._change(place, -place.amount)
                place.amount = 0

    def _change(self, place: _Place, amount: int) -> None:
        """Correct a count. The caller has an answer whatever the table says; then the reservation stays."""
        code: str | None = "not_asked"
        if self.waited_in_vain < _PATIENCE_SECONDS:
            started = self.services.monotonic()
            try:
                place.use = self.store.add(place.counter, amount)
                return
            except PromptsideError as error:
                self.waited_in_vain += self.services.monotonic() - started
                code = error.code
        log_event("limit_not_settled", trace_id=self.trace_id, type=place.limit.type, code=code)

    def _alert(self, place: _Place) -> None:
        alert_at = place.limit.alert_at
        if alert_at is None or place.use.alerted or place.use.used < alert_at:
            return
        from promptside.metering.alerts import tell

        try:
            if self.store.alert(place.counter):
                tell(place.standing(), workspace=self.services.settings.workspace)
        except PromptsideError as error:
            log_event("budget_alert_not_noted", code=error.code)


def count_request(services: Services, subjects: Iterable[Subject], *, trace_id: str) -> dict[str, str]:
    """Count a caller's request and return the headers of its answer. Raises RateLimited, BudgetExceeded."""
    charge = _charge(services, trace_id)
    wanted = [(subject, limit) for subject in subjects for limit in limits_of(subject.limits)]
    _take_all(charge, [(subject, limit) for subject, limit in wanted if limit.type == "requests"], _ONE_REQUEST)
    charge.settle(lambda _limit: None)
    return charge.headers()


def reserve(services: Services, prepared: Prepared, *, trace_id: str) -> Charge | None:
    """Hold what one attempt may use: a request of the virtual key, and tokens and cost of everybody.

    Returns None when no limit is about that. Raises RateLimited, BudgetExceeded, StoreUnavailable.
    """
    wanted = [
        (subject, limit)
        for subject in prepared.subjects
        for limit in limits_of(subject.limits)
        if limit.type != "requests" or subject.kind == "virtual_key"
    ]
    if not wanted:
        return None
    charge = _charge(services, trace_id)
    estimates = any(limit.type != "requests" for _, limit in wanted)
    _take_all(charge, wanted, need_of(prepared) if estimates else _ONE_REQUEST)
    if "cost" in charge.not_counted:
        log_event(
            "cost_not_counted", trace_id=trace_id, provider=prepared.provider.name, model=prepared.call.model[:128]
        )
    return charge


def settle_usage(charge: Charge, prepared: Prepared, usage: Mapping[str, Any] | None) -> None:
    """Settle by the provider's own count; without one, what was reserved stays counted."""
    charge.settle(lambda limit: used_of(prepared, usage, limit.type))


def _charge(services: Services, trace_id: str) -> Charge:
    if services.usage is None:
        raise ConfigurationError("Limits cannot be counted here: this process has no table for them")
    return Charge(services, services.usage(), trace_id)


def _take_all(charge: Charge, wanted: Collection[tuple[Subject, Limit]], need: Need) -> None:
    try:
        for subject, limit in wanted:
            charge.take(subject, limit, need)
    except PromptsideError:
        charge.refund(requests=True)
        raise

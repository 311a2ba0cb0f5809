"""Attempts under limits: reserved before they are sent, settled or given back after. Most runs have no limits."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from promptside.attempts.paid import may_have_cost
from promptside.errors import PromptsideError, ProviderNotConnected
from promptside.exchange import Prepared
from promptside.schema.prompt import Resolution
from promptside.schema.request import RunRequest
from promptside.services import Services

if TYPE_CHECKING:
    from promptside.metering.charge import Charge
    from promptside.streaming import ChunkStream


def with_counted_request(services: Services, request: RunRequest, resolution: Resolution) -> RunRequest:
    """Count the caller's request where it is limited. Raises RateLimited, BudgetExceeded, StoreUnavailable."""
    subjects = resolution.subjects
    if not subjects:
        return request
    from promptside.metering.charge import count_request

    return replace(request, limit_headers=count_request(services, subjects, trace_id=request.trace_id))


def reserved(services: Services, request: RunRequest, prepared: Prepared) -> Charge | None:
    """Reserve for one attempt. Raises RateLimited, BudgetExceeded, StoreUnavailable."""
    if not prepared.subjects:
        return None
    from promptside.metering.charge import reserve

    return reserve(services, prepared, trace_id=request.trace_id)


@contextmanager
def refunded(charge: Charge | None) -> Generator[None, None, None]:
    """Give back what was reserved when the attempt fails without having cost anything."""
    try:
        yield
    except PromptsideError as error:
        _refund(charge, error)
        raise


def settled(charge: Charge | None, prepared: Prepared, usage: Mapping[str, Any] | None) -> Prepared:
    """Count what was used, and return the run with the headers that say what is left."""
    if charge is None:
        return prepared
    from promptside.metering.charge import settle_usage

    settle_usage(charge, prepared, usage)
    return with_standing(charge, prepared)


def with_standing(charge: Charge | None, prepared: Prepared) -> Prepared:
    """Return the run with the headers that say what is left."""
    if charge is None:
        return prepared
    from promptside.metering.refusal import tighter

    return replace(prepared, limit_headers=tighter(dict(prepared.limit_headers), charge.headers()))


def settle_stream(charge: Charge | None, prepared: Prepared, ended: ChunkStream) -> None:
    """Count what a stream has used once it is over; of one that was cut nobody knows, so its reservation stays."""
    if charge is None:
        return
    if ended.error is not None and not may_have_cost(ended.error):
        _refund(charge, ended.error)
        return
    complete = ended.outcome == "completed" or ended.finish_reason is not None
    settled(charge, prepared, ended.usage if complete else None)


def _refund(charge: Charge | None, error: PromptsideError) -> None:
    if charge is not None and not may_have_cost(error):
        charge.refund(requests=isinstance(error, ProviderNotConnected))

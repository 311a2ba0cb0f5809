"""Runs an order: the same dispatch, the same claim and the same answer as for a caller, as data."""

from __future__ import annotations

import json

from promptside.api.http import HttpRequest, HttpResponse
from promptside.api.idempotency import HEADER, REPLAYED, RunInProgress, may_run_again
from promptside.api.responses import TRACE_ID, error_response
from promptside.api.routes import run_order as answer_order
from promptside.errors import InternalError, JsonObject, PromptsideError
from promptside.events.base import NOBODY_READS, Order, Outcome
from promptside.events.results.targets import check_targets
from promptside.log import log_event, log_failure
from promptside.services import Services


def run_order(services: Services, order: Order, *, deadline: float | None) -> Outcome:
    """Run an order once, or repeat what came of it when it was run before. Never raises.

    `deadline` is on `time.monotonic()`: the moment by which the run must have ended.
    """
    started_at = services.clock()
    trace_id = order.headers.get(TRACE_ID) or order.run_id
    headers = {**order.headers, TRACE_ID: trace_id, HEADER: order.key}
    retryable, retry_after = False, None
    try:
        # What cannot be delivered is not worth paying for.
        check_targets(order, services.settings)
        body = json.dumps({name: value for name, value in order.body.items() if name not in NOBODY_READS}).encode()
        request = HttpRequest("POST", order.path, headers, body=body)
        response = answer_order(services, request, digest=order.key_digest, deadline=deadline)
    except PromptsideError as error:
        retryable = may_run_again(error)
        retry_after = error.held_seconds if isinstance(error, RunInProgress) else error.retry_after
        response = error_response(error, trace_id)
    except Exception as error:  # the edge: one order must not take the others of its batch with it
        log_failure("order_crashed", error, run_id=order.run_id, trace_id=trace_id)
        response = error_response(InternalError(), trace_id)
    outcome = Outcome(
        order,
        response.status,
        _json(response),
        response.headers,
        started_at=started_at,
        ended_at=services.clock(),
        retryable=retryable,
        retry_after=retry_after,
        replayed=REPLAYED in response.headers,
    )
    _log(outcome, trace_id)
    return outcome


def in_progress(outcome: Outcome) -> bool:
    """Tell whether another delivery of the same order is being run, or its worker has died lately."""
    return outcome.retryable and outcome.status == 409


def _json(response: HttpResponse) -> JsonObject:
    if not isinstance(response.body, bytes):
        raise TypeError("an order is answered whole")
    value: JsonObject = json.loads(response.body)
    return value


def _log(outcome: Outcome, trace_id: str) -> None:
    order = outcome.order
    log_event(
        "order_ended",
        run_id=order.run_id,
        trace_id=trace_id,
        source=order.source,
        batch_id=order.line.batch_id if order.line is not None else None,
        line=order.line.number if order.line is not None else None,
        status=outcome.status,
        code=outcome.body.get("error", {}).get("code") if not outcome.succeeded else None,
        retryable=outcome.retryable or None,
        replayed=outcome.replayed or None,
    )

"""Runs what an invoke brings: a task of Step Functions, a schedule, a rule of EventBridge, another program.

Lambda knows failures as exceptions, and Step Functions tells them apart by the name of the class. They are raised
without their causes: Lambda logs what it is given, and nothing of a prompt may be there.
"""

from __future__ import annotations

import json
from typing import Any

from promptside.errors import JsonObject, PromptsideError
from promptside.events.base import DeliveryFailed, Outcome
from promptside.events.envelope import envelope_of, invoke_key, order_of
from promptside.events.fulfilling import fulfil
from promptside.events.metrics import Tally
from promptside.events.services import EventServices


class RunError(Exception):
    """The run has failed, and the same one would fail again.

    The message is JSON: `{"status": 400, "code": "...", "message": "...", "run_id"?: "...", "retry_after"?: 1.5}`.
    """


class RetryableRunError(RunError):
    """Nothing was paid, or the answer is kept: the same invoke may succeed later."""


def answer_direct(events: EventServices, event: JsonObject, *, request_id: str, deadline: float) -> JsonObject:
    """Return the completion that an envelope or an EventBridge event asks for.

    Without a key of its own the run has that of the invoke: Lambda repeats an asynchronous one under the same
    `request_id`. Raises RunError.
    """
    try:
        envelope, key = envelope_of(event)
        source = "eventbridge" if envelope is not event else "direct"
        order = order_of(envelope, key=key or invoke_key(request_id), source=source)
    except PromptsideError as error:
        raise RunError(_told(error)) from None
    tally = Tally(workspace=events.settings.workspace, source=order.source)
    try:
        outcome = fulfil(events, order, deadline=deadline)
        tally.add(outcome)
    except DeliveryFailed as error:
        tally.undelivered()
        # A repetition finds the answer under its key; with the invoke's own key it would be another run, and paid.
        named = order.key != invoke_key(request_id) and not error.final
        failure = RetryableRunError if named else RunError
        raise failure(_told(error, run_id=order.run_id, retry_after=error.retry_after)) from None
    except PromptsideError as error:
        raise RunError(_told(error, run_id=order.run_id)) from None
    finally:
        tally.flush()
    if not outcome.succeeded:
        raise _failure(outcome)
    return outcome.body


def _failure(outcome: Outcome) -> RunError:
    error = outcome.body.get("error", {})
    message = error.get("message", "")
    if "provider" in outcome.body:
        # Lambda logs what is raised, and a provider's own words may quote the prompt.
        message = f"{outcome.body['provider']} refused the run or failed; its result has the provider's message"
    failure = RetryableRunError if outcome.retryable else RunError
    return failure(
        _text(
            outcome.status,
            error.get("code"),
            message,
            run_id=outcome.order.run_id,
            param=error.get("param"),
            retry_after=outcome.retry_after if outcome.retryable else None,
        )
    )


def _told(error: PromptsideError, **more: Any) -> str:
    return _text(error.status, error.code, error.message, param=error.param, **more)


def _text(status: int, code: str | None, message: str, **more: Any) -> str:
    known = {name: value for name, value in more.items() if value is not None}
    return json.dumps({"status": status, "code": code, "message": message, **known})

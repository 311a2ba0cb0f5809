"""Takes a result to every target of its order, or of the stack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from promptside.config import Settings
from promptside.errors import PromptsideError
from promptside.events.base import DeliveryFailed, Outcome, ResultTarget, TargetKind
from promptside.events.results import documents, webhook
from promptside.events.results.documents import Result, referring, result_of
from promptside.events.results.eventbridge import announce_result
from promptside.events.results.s3 import put_result
from promptside.events.results.sqs import send_result
from promptside.events.results.targets import DEFAULT_PREFIX, default_targets, is_allowed, object_key, targets_of
from promptside.events.results.tries import Clock, Tries, failed
from promptside.events.results.webhook import Webhooks, post_result
from promptside.log import log_event
from promptside.store.runs import RunStore

_ORDER: tuple[TargetKind, ...] = ("s3", "eventbridge", "sqs", "webhook")
"""AWS answers within seconds; a webhook may take all the time there is."""


class ResultDispatch:
    """Implements `ResultSink`. Safe for threads.

    `client` gives the AWS client of a service, made when it is first asked for; `webhooks` makes what webhooks are sent
    with. `runs` knows the times of runs that are only repeated. Raises ConfigurationError for targets of the stack
    that cannot be read.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        client: Callable[[str], Any],
        webhooks: Callable[[], Webhooks],
        runs: RunStore | None = None,
        clock: Clock | None = None,
    ) -> None:
        # What cannot be read shall show at start and not when a run is paid.
        default_targets(settings.result_targets)
        self._settings = settings
        self._client = client
        self._webhooks = webhooks
        self._runs = runs
        self._clock = clock or Clock()

    def deliver(self, outcome: Outcome, *, deadline: float) -> None:
        """Deliver to every target, each within its share of what is left until `deadline`, and log each.

        All are tried whatever becomes of the others. Raises the DeliveryFailed of one that may do better later, else
        of one that refuses for good.
        """
        named = targets_of(outcome.order, self._settings)
        # An order with another target was refused before it was run, and those it may have are told so.
        allowed = [target for target in named if is_allowed(target, self._settings)]
        targets = sorted(allowed, key=lambda target: _ORDER.index(target.kind))
        if not targets:
            return
        result = result_of(outcome, self._earlier(outcome))
        failures: list[DeliveryFailed] = []
        for at, target in enumerate(targets):
            left = deadline - self._clock.monotonic()
            tries = Tries(self._clock, deadline - left * (1 - 1 / (len(targets) - at)))
            try:
                self._send(target, result, tries)
            except DeliveryFailed as error:
                failures.append(error)
            else:
                log_event("result_delivered", run_id=result.run_id, target=target.kind, bytes=len(result.text))
        if failures:
            raise next((error for error in failures if not error.final), failures[0])

    def close(self) -> None:
        """Drop idle connections to webhooks."""
        self._webhooks().http.close()

    def _send(self, target: ResultTarget, result: Result, tries: Tries) -> None:
        match target.kind:
            case "s3":
                self._put(result, object_key(target, result.order), tries, kind="s3")
            case "eventbridge":
                bus = self._settings.event_bus
                if bus is None:
                    raise _unset("eventbridge", "PROMPTSIDE_EVENT_BUS")
                text = self._text(result, tries, "eventbridge")
                announce_result(self._client("events"), result, tries, bus=bus, text=text)
            case "sqs":
                text = self._text(result, tries, "sqs")
                send_result(self._client("sqs"), result, tries, queue_url=target.address, text=text)
            case "webhook":
                text = self._text(result, tries, "webhook")
                post_result(self._webhooks(), result, tries, url=target.address, text=text)

    def _text(self, result: Result, tries: Tries, kind: TargetKind) -> str:
        """Return what is sent: the document, or where it is when it is too large for this kind of target."""
        largest = webhook.LARGEST_INLINE if kind == "webhook" else documents.LARGEST_INLINE
        if len(result.text) <= largest:
            return result.text
        key = f"{DEFAULT_PREFIX}{result.run_id}.json"
        bucket = self._put(result, key, tries, kind=kind)
        return referring(result, bucket=bucket, key=key)

    def _put(self, result: Result, key: str, tries: Tries, *, kind: TargetKind) -> str:
        """Put the whole document into the bucket and return the bucket."""
        bucket = self._settings.bucket
        if bucket is None:
            raise _unset(kind, "PROMPTSIDE_BUCKET")
        put_result(self._client("s3"), result, tries, bucket=bucket, key=key)
        return bucket

    def _earlier(self, outcome: Outcome) -> dict[str, Any] | None:
        """Return what the record says of a run that is only repeated, so that its result is the same as before."""
        if not outcome.replayed or self._runs is None:
            return None
        try:
            record = self._runs.find(outcome.order.run_id)
        except PromptsideError as error:
            log_event("run_not_read", run_id=outcome.order.run_id, code=error.code)
            return None
        return None if record is None else record.ended


def _unset(kind: TargetKind, variable: str) -> DeliveryFailed:
    return failed(kind, f"the environment variable {variable} is not set", final=True, code="not_configured")

"""Builds what batches need over the AWS clients of their function."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from promptside.batches.base import BatchServices
from promptside.batches.objects import Objects
from promptside.errors import ConfigurationError, JsonObject, StoreUnavailable
from promptside.events.base import Order, Outcome, ResultSink, RunRecords
from promptside.events.running import in_progress, run_order
from promptside.services import Services
from promptside.store.batches import BatchStore
from promptside.store.failures import error_code
from promptside.store.files import FileStore
from promptside.store.patience import Patience, call
from promptside.store.runs import RunStore

_SOURCE = "promptside"


def batch_services(
    services: Services,
    client: Callable[[str], Any],
    *,
    records: RunRecords | None = None,
    sink: ResultSink | None = None,
) -> BatchServices:
    """Return what batches need; `client` gives the AWS client of `dynamodb`, `s3`, `stepfunctions` and `events`.

    Only a function that runs lines needs `records` and `sink`. Raises ConfigurationError when the stack has no batches.
    """
    settings = services.settings
    if settings.run_table is None or settings.bucket is None:
        raise ConfigurationError("Batches need PROMPTSIDE_RUN_TABLE and PROMPTSIDE_BUCKET", param="PROMPTSIDE_BUCKET")
    shared: dict[str, Any] = {"table": settings.run_table, "workspace": settings.workspace, "now": services.clock}
    runs = RunStore(client("dynamodb"), **shared, days=settings.record_days)

    def give_up(outcome: Outcome) -> None:
        if records is not None and not in_progress(outcome):
            records.end(replace(outcome, retryable=False))

    def has_ended(order: Order) -> bool:
        record = runs.find(order.run_id)
        return record is not None and record.status not in ("running", "queued")

    return BatchServices(
        runs=services,
        batches=BatchStore(client("dynamodb"), **shared, days=settings.record_days),
        files=FileStore(client("dynamodb"), **shared),
        objects=Objects(client("s3"), bucket=settings.bucket),
        run=partial(run_line, services, records),
        give_up=give_up,
        has_ended=has_ended,
        start_execution=partial(_start_execution, client, settings.state_machine),
        announce=partial(_put_event, client, settings.event_bus),
        sink=sink,
    )


def run_line(services: Services, records: RunRecords | None, order: Order, *, deadline: float) -> Outcome:
    """Run one line and keep its record; a line that is being run elsewhere is recorded there."""
    if records is None:
        return run_order(services, order, deadline=deadline)
    records.start(order, now=services.clock())
    outcome = run_order(services, order, deadline=deadline)
    if not in_progress(outcome):
        records.end(outcome)
    return outcome


def _start_execution(client: Callable[[str], Any], machine: str | None, name: str, given: JsonObject) -> None:
    if machine is None:
        raise ConfigurationError("Batches need a state machine: set PROMPTSIDE_STATE_MACHINE")
    request = {"stateMachineArn": machine, "name": name, "input": json.dumps(given)}

    def attempt() -> None:
        try:
            client("stepfunctions").start_execution(**request)
        except ClientError as exc:
            # A name is started once, however often that is asked for.
            if error_code(exc) != "ExecutionAlreadyExists":
                raise

    call("start_execution", attempt, Patience().start())


def _put_event(client: Callable[[str], Any], bus: str | None, kind: str, detail: JsonObject) -> None:
    if bus is None:
        return
    entry = {"EventBusName": bus, "Source": _SOURCE, "DetailType": kind, "Detail": json.dumps(detail)}
    answer = call("put_events", lambda: client("events").put_events(Entries=[entry]), Patience().start())
    if answer.get("FailedEntryCount"):
        raise StoreUnavailable("The event bus did not take the event: try again in a moment")

"""Announces a result on the stack's bus."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from promptside.events.results.documents import Result
from promptside.events.results.tries import Tries, call_aws, failed

SOURCE = "promptside"
DETAIL_TYPES = {
    "completed": "Prompt Run Completed",
    "failed": "Prompt Run Failed",
    "cancelled": "Prompt Run Failed",
}
_PASSING = frozenset({"InternalFailure", "InternalException", "ServiceUnavailable", "ThrottlingException"})
"""Codes of entries that the bus may take in a moment."""


@dataclass(frozen=True, slots=True)
class BusEvent:
    """One event of ours. `detail` is JSON text, `time` unix seconds."""

    detail_type: str
    detail: str = field(repr=False)
    time: float


def announce_result(client: Any, result: Result, tries: Tries, *, bus: str, text: str) -> None:
    """Put the completed or failed event with `text`, the document or its reference. Raises DeliveryFailed."""
    put_event(client, BusEvent(DETAIL_TYPES[result.status], text, result.completed_at), tries, bus=bus)


def put_event(client: Any, event: BusEvent, tries: Tries, *, bus: str) -> None:
    """Put one event on a bus. Raises DeliveryFailed."""
    entry = {
        "Source": SOURCE,
        "DetailType": event.detail_type,
        "Detail": event.detail,
        "EventBusName": bus,
        "Time": datetime.fromtimestamp(event.time, UTC),
    }
    while True:
        answer = call_aws("eventbridge", lambda: client.put_events(Entries=[entry]), tries)
        # The call succeeds whatever becomes of its entries.
        if not answer.get("FailedEntryCount"):
            return
        code = str(answer["Entries"][0].get("ErrorCode", "Unknown"))
        if code not in _PASSING or not tries.again():
            raise failed("eventbridge", f"the bus answered {code}", final=code not in _PASSING)

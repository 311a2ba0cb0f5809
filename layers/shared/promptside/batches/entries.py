"""One line of a result file, in the shape of OpenAI's batch output, and what it counts for.

    {"id": "batch_req_...", "custom_id": "a-1", "error": null, "line": 1,
     "response": {"status_code": 200, "request_id": "run_...", "body": {...}}}

https://developers.openai.com/api/docs/guides/batch, read 2026-11-22; `line` is ours, and so is the `line` of an error.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from promptside.api.responses import is_from_cache
from promptside.cost import cost_in_usd
from promptside.errors import JsonObject, PromptsideError
from promptside.events.base import DeliveryFailed, Order, Outcome
from promptside.schema.batch import Tally

CANCELLED = "batch_cancelled"
EXPIRED = "batch_expired"
UNKNOWN = "batch_line_unknown"
_MESSAGES = {
    CANCELLED: "The batch was cancelled before this line was run",
    EXPIRED: "The batch's completion window ended before this line was run",
    UNKNOWN: "The line could not be finished. It may have been run and billed: its run record tells",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """What is written about one line, and whether it goes to the output or to the errors."""

    number: int
    succeeded: bool
    text: str = field(repr=False)
    tally: Tally


def ended_entry(outcome: Outcome, *, undelivered: DeliveryFailed | None = None) -> Entry:
    """Return the entry of a line that was run."""
    response = {"status_code": outcome.status, "request_id": outcome.order.run_id, "body": outcome.body}
    line = _line(outcome.order)
    if not outcome.succeeded:
        error = outcome.body.get("error", {})
        return _failure(line, str(error.get("code")), str(error.get("message", "")), response=response)
    value: JsonObject = {**_head(line), "response": response, "error": None, "line": line.number}
    if undelivered is not None:
        value["delivery_error"] = {"code": undelivered.code, "message": undelivered.message}
    return Entry(line.number, True, json.dumps(value), _success(outcome.body, outcome.headers))


def stopped_entry(order: Order, code: str) -> Entry:
    """Return the entry of a line that was not run any more."""
    return _failure(_line(order), code, _MESSAGES[code], request_id=order.run_id)


def refused_entry(batch_id: str, number: int, custom_id: str | None, error: PromptsideError) -> Entry:
    """Return the entry of a line that cannot be run."""
    line = _Place(batch_id, number, custom_id)
    return _failure(line, str(error.code), error.message, param=error.param)


def tally_of(texts: Mapping[bool, list[str]]) -> Tally:
    """Count entries that were written before: those of the output under True, those of the errors under False."""
    total = Tally()
    for text in texts[True]:
        total += _success(json.loads(text)["response"]["body"], {})
    for text in texts[False]:
        total += _failed(json.loads(text)["error"]["code"])
    return total


@dataclass(frozen=True, slots=True)
class _Place:
    batch_id: str
    number: int
    custom_id: str | None


def _line(order: Order) -> _Place:
    if order.line is None:
        raise TypeError("an order of a batch has its line")
    return _Place(order.line.batch_id, order.line.number, order.line.custom_id)


def _head(line: _Place) -> JsonObject:
    digest = hashlib.sha256(f"{line.batch_id}:{line.number}".encode()).hexdigest()
    return {"id": f"batch_req_{digest[:32]}", "custom_id": line.custom_id}


def _failure(
    line: _Place,
    code: str,
    message: str,
    *,
    response: JsonObject | None = None,
    param: str | None = None,
    request_id: str | None = None,
) -> Entry:
    error: JsonObject = {"code": code, "message": message, "param": param, "line": line.number}
    if request_id is not None:
        error["request_id"] = request_id
    value = {**_head(line), "response": response, "error": error, "line": line.number}
    return Entry(line.number, False, json.dumps(value), _failed(code))


def _failed(code: str) -> Tally:
    return Tally(failed=1, expired=int(code == EXPIRED), cancelled=int(code == CANCELLED))


def _success(body: JsonObject, headers: Mapping[str, str]) -> Tally:
    """Count a completion, or an answer in the shape of OpenAI's Responses."""
    usage: Any = body.get("usage") or {}
    asked = _number(usage, "prompt_tokens", "input_tokens")
    answered = _number(usage, "completion_tokens", "output_tokens")
    provider = body.get("provider") or headers.get("x-portkey-provider")
    cost = cost_in_usd(provider, str(body.get("model", "")), usage) if usage else None
    counted = Tally(completed=1, prompt_tokens=asked, completion_tokens=answered, total_tokens=asked + answered)
    if is_from_cache(headers):
        return counted
    return replace(counted, unpriced=1) if cost is None else replace(counted, cost_nano_usd=round(cost * 1e9))


def _number(usage: JsonObject, *names: str) -> int:
    found = next((usage[name] for name in names if isinstance(usage.get(name), int)), 0)
    return int(found)

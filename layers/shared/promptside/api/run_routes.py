"""`GET /v1/runs/{id}` and `GET /v1/runs`: what became of the runs that no caller waited for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from promptside.api.tables import Asked, Row
from promptside.config import Settings
from promptside.errors import InvalidRequest, JsonObject, NotFound
from promptside.store.base import PromptReader
from promptside.store.runs import RunRecord, RunStore

MOST_LISTED = 100
_LISTED = 20
_BEGUN = ("prompt", "source", "correlation_id", "metadata", "trace_id", "batch_id", "line", "custom_id", "results")
_ENDED = (
    "version", "label", "provider", "model", "usage", "cost_usd", "started_at", "completed_at", "duration_ms", "error",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunServices:
    """What the function of runs, files and batches needs for the first of them; `reader` knows the API keys."""

    reader: PromptReader
    runs: RunStore
    settings: Settings


def run_routes(services: RunServices) -> tuple[Row, ...]:
    """Return the rows of run records."""
    return (
        Row("GET", "/runs", "runs.list", lambda asked: list_runs(services.runs, asked)),
        Row("GET", "/runs/{id}", "runs.read", lambda asked: run_object(_find(services.runs, asked.names["id"], "id"))),
    )


def list_runs(runs: RunStore, asked: Asked) -> JsonObject:
    """Return a page as OpenAI's lists are: a batch's runs in the order of its lines, or all others, newest first.

    Raises InvalidRequest, NotFound for an `after` that is gone.
    """
    limit = read_limit(asked.query, default=_LISTED, most=MOST_LISTED)
    after = _find(runs, asked.query["after"], "after") if asked.query.get("after") else None
    batch_id = asked.query.get("batch_id")
    if after is not None and after.begun.get("batch_id") != (batch_id or None):
        raise InvalidRequest("'after' is no run of this list", param="after")
    # One more than is wanted tells whether there are more.
    if batch_id:
        found = runs.of_batch(batch_id, after=after, limit=limit + 1)
    else:
        found = runs.newest(after=after, limit=limit + 1)
    return list_object([run_object(record) for record in found[:limit]], has_more=len(found) > limit)


def run_object(record: RunRecord) -> JsonObject:
    """Return a record as its callers see it. Times are unix seconds."""
    begun, ended = record.begun, record.ended
    return {
        "id": record.run_id,
        "object": "run",
        "status": record.status,
        "created_at": record.created_at // 1000,
        "deliveries": record.deliveries,
        **{name: begun.get(name) for name in _BEGUN},
        **{name: ended.get(name) for name in _ENDED},
    }


def read_limit(query: Mapping[str, str], *, default: int, most: int) -> int:
    """Return the page size that a query asks for. Raises InvalidRequest."""
    text = query.get("limit", "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= most:
        raise InvalidRequest(f"'limit' must be a whole number from 1 to {most}", param="limit")
    return int(text)


def list_object(data: list[JsonObject], *, has_more: bool) -> JsonObject:
    """Return one page of objects as OpenAI's lists are."""
    first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return {"object": "list", "data": data, "first_id": first, "last_id": last, "has_more": has_more}


def _find(runs: RunStore, run_id: str, param: str) -> RunRecord:
    record = runs.find(run_id)
    if record is None:
        raise NotFound(f"Run '{run_id[:100]}' not found", param=param, code="run_not_found")
    return record

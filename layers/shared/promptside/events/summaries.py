"""What may be told of a run in its record and beside its result: never a prompt, a variable or an answer."""

from __future__ import annotations

from typing import Any, Literal

from promptside.api.paths import path_segments
from promptside.api.responses import TRACE_ID, is_from_cache
from promptside.cost import cost_in_usd
from promptside.errors import JsonObject
from promptside.events.base import Order, Outcome

RunStatus = Literal["completed", "failed", "cancelled"]

_CANCELLED = "batch_cancelled"
_LONGEST_PROMPT = 255


def begun_of(order: Order) -> JsonObject:
    """Return what is known of a run from its order.

    `{"prompt", "source", "correlation_id", "metadata", "trace_id", "batch_id", "line", "custom_id"}`
    """
    line = order.line
    return {
        "prompt": _prompt(order),
        "source": order.source,
        "correlation_id": order.correlation_id,
        "metadata": dict(order.metadata),
        "trace_id": order.headers.get(TRACE_ID) or order.run_id,
        "batch_id": line.batch_id if line is not None else None,
        "line": line.number if line is not None else None,
        "custom_id": line.custom_id if line is not None else None,
    }


def ended_of(outcome: Outcome) -> JsonObject:
    """Return what a run has come to.

    `{"version", "label", "provider", "model", "usage", "cost_usd", "started_at", "completed_at", "duration_ms",
    "error"}`, times in unix seconds. `label` is the one that an experiment has drawn. `error` has `type`, `code` and
    `status`; a message might quote the prompt.
    """
    body, headers = outcome.body, outcome.headers
    version = headers.get("x-promptside-prompt-version", "")
    provider = headers.get("x-portkey-provider") or body.get("provider")
    return {
        "version": int(version) if version.isdigit() else None,
        "label": headers.get("x-promptside-prompt-label"),
        "provider": provider,
        **(_consumed(provider, outcome) if outcome.succeeded else {"model": None, "usage": None, "cost_usd": None}),
        "started_at": int(outcome.started_at),
        "completed_at": int(outcome.ended_at),
        "duration_ms": round((outcome.ended_at - outcome.started_at) * 1000),
        "error": None if outcome.succeeded else _error(outcome),
    }


def status_of(outcome: Outcome) -> RunStatus:
    """Return what to call the end of a run."""
    if outcome.succeeded:
        return "completed"
    return "cancelled" if _error(outcome)["code"] == _CANCELLED else "failed"


def _prompt(order: Order) -> str | None:
    """Return the reference as the order has it: `welcome@production`."""
    segments = path_segments(order.path)
    if segments[:1] == ("prompts",) and len(segments) > 1:
        return segments[1][:_LONGEST_PROMPT]
    named = order.body.get("prompt")
    if not isinstance(named, dict) or not isinstance(named.get("id"), str):
        return None
    version = named.get("version")
    return f"{named['id']}@{version}"[:_LONGEST_PROMPT] if version else str(named["id"])[:_LONGEST_PROMPT]


def _consumed(provider: str | None, outcome: Outcome) -> JsonObject:
    usage: Any = outcome.body.get("usage")
    model = outcome.body.get("model")
    cost = cost_in_usd(provider, str(model), usage) if isinstance(usage, dict) and model else None
    if is_from_cache(outcome.headers):
        cost = 0.0
    return {"model": model, "usage": usage, "cost_usd": cost}


def _error(outcome: Outcome) -> JsonObject:
    error: Any = outcome.body.get("error")
    error = error if isinstance(error, dict) else {}
    return {"type": error.get("type"), "code": error.get("code"), "status": outcome.status}

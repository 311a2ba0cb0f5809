"""OpenAI's batches over ours: create, list, retrieve and cancel.

https://developers.openai.com/api/docs/api-reference/batch, openai 3.54.0 types, read 2026-11-23.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from promptside.api.http import HttpRequest, HttpResponse
from promptside.api.paths import path_segments
from promptside.api.run_routes import list_object, read_limit
from promptside.api.runs import parse_run
from promptside.api.tables import Asked
from promptside.batches.file_services import FileServices, seconds_of
from promptside.batches.files import file_content
from promptside.batches.result_files import result_file_id
from promptside.batches.starting import cancel_batch, start_batch
from promptside.errors import Conflict, Forbidden, InvalidRequest, JsonObject, NotFound
from promptside.routing.identity import secret_fields
from promptside.schema.batch import BatchRecord, InputFile
from promptside.schema.prompt import Reference
from promptside.service import SCOPE

ENDPOINTS = ("/v1/chat/completions", "/v1/responses", "/v1/prompts/{id}/completions")
WINDOW = "24h"
APPLIED_HEADERS = (
    "x-portkey-config",
    "x-portkey-metadata",
    "x-portkey-provider",
    "x-portkey-request-timeout",
    "x-portkey-strict-open-ai-compliance",
    "x-portkey-virtual-key",
)
"""Headers of the call that makes a batch which hold for each of its lines."""
MOST_LISTED = 100
MOST_METADATA = 16
LONGEST_METADATA_KEY = 64
LONGEST_METADATA_VALUE = 512
_LISTED = 20
_LONGEST_KEY = 255
_PROMPT_ENDPOINT = re.compile(r"/v1/prompts/[^/?#\s]{1,200}/completions")
_MOMENTS = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")


def create_batch(services: FileServices, asked: Asked) -> JsonObject:
    """Start a batch over a file: `{"input_file_id", "endpoint", "completion_window", "metadata"?}`.

    An `idempotency-key` makes a repetition of the call return the same batch.
    """
    if asked.caller is not None and not asked.caller.allows(SCOPE):
        raise Forbidden(f"This API key lacks the scope '{SCOPE}', which its runs need", param="x-portkey-api-key")
    body = asked.json()
    details, endpoint = _details(services, body), _endpoint(body.get("endpoint"))
    if body.get("completion_window") != WINDOW:
        raise InvalidRequest(
            f"'completion_window' must be '{WINDOW}'", param="completion_window", code="invalid_completion_window"
        )
    metadata = _metadata(body.get("metadata"))
    defaults = {"headers": _headers(services, asked.request.headers)}
    file = services.files.get(details["input_file_id"])
    if file.purpose != "batch":
        raise InvalidRequest("The input must be a file with the purpose 'batch'", param="input_file_id")
    record = start_batch(
        services.batches,
        input_file=InputFile(file.key, size=file.size),
        shape="openai",
        endpoint=endpoint,
        completion_window=WINDOW,
        defaults=defaults,
        metadata=metadata,
        details=details,
        key_digest=None if asked.caller is None else asked.caller.digest,
        batch_id=_batch_id(asked),
    )
    if (record.details, record.endpoint, record.metadata, record.defaults) != (details, endpoint, metadata, defaults):
        raise InvalidRequest(
            "The idempotency key belongs to another batch", param="idempotency-key", code="idempotency_key_reused"
        )
    return batch_object(record)


def list_batches(services: FileServices, query: Mapping[str, str]) -> JsonObject:
    """Return a page of batches, newest first, however they were started: `limit` and `after` are in the query."""
    limit = read_limit(query, default=_LISTED, most=MOST_LISTED)
    found = services.batches.batches.page(limit=limit + 1, after=query.get("after") or None)
    return list_object([batch_object(record) for record in found[:limit]], has_more=len(found) > limit)


def retrieve_batch(services: FileServices, batch_id: str) -> JsonObject:
    """Return one batch, however it was started."""
    return batch_object(_batch(services, batch_id))


def cancel(services: FileServices, batch_id: str) -> JsonObject:
    """Ask a batch to stop and return it as it is."""
    _batch(services, batch_id)
    try:
        return batch_object(cancel_batch(services.batches, batch_id))
    except Conflict as error:
        # The SDKs repeat a 409 by themselves; this one stays what it is.
        error.headers["x-should-retry"] = "false"
        raise


def batch_output(services: FileServices, batch_id: str) -> HttpResponse:
    """Answer with the output of a batch, as Portkey's clients ask for it."""
    file_id = result_file_id(_batch(services, batch_id), "output")
    if file_id is None:
        raise NotFound(f"Batch {batch_id[:100]} has no output", param="batch_id", code="no_output")
    return file_content(services, file_id)


def batch_object(record: BatchRecord) -> JsonObject:
    """Return a batch as OpenAI describes one. Times are unix seconds."""
    moments = record.moments
    return {
        "id": record.batch_id,
        "object": "batch",
        # A batch of a dropped file has no endpoint and no input file in OpenAI's sense.
        "endpoint": record.endpoint or ENDPOINTS[-1],
        "input_file_id": record.details.get("input_file_id") or record.input.key,
        "completion_window": record.completion_window,
        "status": record.status,
        "errors": _problems(record),
        "output_file_id": result_file_id(record, "output"),
        "error_file_id": result_file_id(record, "errors"),
        "created_at": record.created_at,
        "expires_at": record.window_ends_at,
        **{f"{name}_at": moments.get(name) for name in _MOMENTS},
        "request_counts": {
            "total": record.total,
            "completed": record.tally.completed,
            "failed": record.total - record.tally.completed if record.ended else record.tally.failed,
        },
        "usage": _usage(record),
        "metadata": dict(record.metadata) or None,
    }


def _batch(services: FileServices, batch_id: str) -> BatchRecord:
    if not 0 < len(batch_id) <= 100:
        raise NotFound(f"Batch '{batch_id[:100]}' not found", param="batch_id", code="batch_not_found")
    return services.batches.batches.get(batch_id)


def _problems(record: BatchRecord) -> JsonObject | None:
    return {"object": "list", "data": list(record.problems)} if record.problems else None


def _usage(record: BatchRecord) -> JsonObject | None:
    tally = record.tally
    if not tally.total_tokens:
        return None
    return {
        "input_tokens": tally.prompt_tokens,
        # The parts of the sums are in each line's own usage.
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": tally.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": tally.total_tokens,
    }


def _details(services: FileServices, body: JsonObject) -> JsonObject:
    file_id = body.get("input_file_id")
    if not isinstance(file_id, str) or not file_id:
        raise InvalidRequest("'input_file_id' must be the id of a file", param="input_file_id", code="invalid_type")
    expires_after = body.get("output_expires_after")
    if expires_after is None:
        return {"input_file_id": file_id}
    if not isinstance(expires_after, dict):
        raise InvalidRequest("'output_expires_after' must be an object", param="output_expires_after")
    return {"input_file_id": file_id, "output_expires_after": seconds_of(services, expires_after)}


def _endpoint(value: Any) -> str:
    """Return the route that the lines are for. A prompt's own may be written as any of its calls is."""
    if not isinstance(value, str) or not (value in ENDPOINTS[:-1] or _PROMPT_ENDPOINT.fullmatch(value)):
        raise _bad_endpoint()
    if value not in ENDPOINTS[:-1] and path_segments(value)[1] in ("{id}", "partials"):
        raise _bad_endpoint()
    return value


def _bad_endpoint() -> InvalidRequest:
    return InvalidRequest(
        f"'endpoint' must be one of: {', '.join(ENDPOINTS)}", param="endpoint", code="invalid_endpoint"
    )


def _metadata(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    fits = isinstance(value, dict) and len(value) <= MOST_METADATA
    if not fits or not all(_is_label(name, text) for name, text in value.items()):
        raise InvalidRequest(
            f"'metadata' must be an object of at most {MOST_METADATA} texts, with names of at most"
            f" {LONGEST_METADATA_KEY} and values of at most {LONGEST_METADATA_VALUE} characters",
            param="metadata",
            code="invalid_metadata",
        )
    return dict(value)


def _is_label(name: str, text: Any) -> bool:
    return len(name) <= LONGEST_METADATA_KEY and isinstance(text, str) and len(text) <= LONGEST_METADATA_VALUE


def _headers(services: FileServices, headers: Mapping[str, str]) -> dict[str, str]:
    """Return what holds for each line. Raises InvalidRequest for one that no line could have, or that is a secret."""
    applied = {name: headers[name] for name in APPLIED_HEADERS if headers.get(name, "").strip()}
    # What every line would fail for is said at once.
    parse_run(HttpRequest("POST", "/", applied), Reference("any"), trace_id="", trusted=True, body={})
    config = applied.get("x-portkey-config", "").strip()
    if config.startswith("{"):
        option = services.batches.runs.configs.sent(config)[0]
        secrets = [f"{leaf.path}.{name}" for leaf in option.leaves() for name in secret_fields(leaf.identity)]
        if secrets:
            raise InvalidRequest(
                f"{secrets[0]} is a secret, and batches are not kept secret: store it in a virtual key",
                param="x-portkey-config",
                code="secret_in_config",
            )
    return applied


def _batch_id(asked: Asked) -> str | None:
    key = asked.request.headers.get("idempotency-key")
    if not key:
        return None
    if len(key) > _LONGEST_KEY:
        raise InvalidRequest(f"An idempotency key has at most {_LONGEST_KEY} characters", param="idempotency-key")
    caller = "iam" if asked.caller is None else asked.caller.digest
    return f"batch_{hashlib.sha256(json.dumps([caller, key]).encode()).hexdigest()[:32]}"

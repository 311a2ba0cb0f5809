"""Run records, files, uploads and batches over HTTP. A table of routes; no web framework is imported here."""

from __future__ import annotations

from functools import cache
from typing import Any

from promptside.api.callers import is_iam_caller
from promptside.api.run_routes import run_routes
from promptside.api.tables import RouteTable
from promptside.batches.file_services import FileServices
from promptside.batches.routes import batch_routes
from promptside.config import Settings
from promptside.errors import InvalidRequest
from promptside.runtime.http_events import http_request, http_result
from promptside.timeouts import invocation_deadline
from promptside.wiring import build_files, build_runs

MARGIN_SECONDS = 1.0
"""What is kept of the function's time to tell the caller that it is over."""

services = build_runs(Settings.from_env())


@cache
def files() -> FileServices:
    """Return what files and batches need; who only reads runs does not wait for it."""
    return build_files(services.settings)


table = RouteTable((*run_routes(services), *batch_routes(files)), services.reader)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer an API Gateway or Function URL event."""
    if "requestContext" not in event:
        return InvalidRequest("This function answers HTTP requests only").to_body()
    trusted = is_iam_caller(event, services.settings)
    return http_result(
        table.answer(http_request(event), deadline=invocation_deadline(context, MARGIN_SECONDS), trusted=trusted)
    )

"""Completions over Lambda response streaming: `stream: true` as server-sent events, `stream: false` as JSON.

Run by `promptside.runtime`, which writes each part as it comes. No web framework is imported here.
"""

from __future__ import annotations

from typing import Any

from promptside.api.callers import is_iam_caller
from promptside.api.http import HttpResponse
from promptside.api.routes import handle, invoke
from promptside.config import Settings
from promptside.runtime.http_events import http_request
from promptside.timeouts import invocation_deadline
from promptside.wiring import build_services

MARGIN_SECONDS = 2.0
"""What is kept of the function's time to tell the caller that it is over."""

services = build_services(Settings.from_env())


def handler(event: dict[str, Any], context: Any) -> HttpResponse:
    """Answer an API Gateway or Function URL event, or a direct invoke."""
    deadline = invocation_deadline(context, MARGIN_SECONDS)
    if "requestContext" not in event:
        return invoke(services, event, deadline=deadline)
    trusted = is_iam_caller(event, services.settings)
    return handle(services, http_request(event), deadline=deadline, trusted=trusted)

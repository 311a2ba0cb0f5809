"""Completions and render behind a buffered front door (FastAPI behind Mangum), and as a direct invoke."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from mangum import Mangum

from promptside.api.callers import is_iam_caller
from promptside.api.http import HttpRequest
from promptside.api.routes import handle, invoke
from promptside.config import Settings
from promptside.timeouts import invocation_deadline
from promptside.wiring import build_services

MARGIN_SECONDS = 1.0
"""What is kept of the function's time to tell the caller that it is over."""

services = build_services(Settings.from_env())
app = FastAPI(title="promptside completions", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
http_handler = Mangum(app, lifespan="off")


@app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
async def run(request: Request) -> Response:
    """Hand every route to the layer, which owns the contract and its error bodies."""
    context = request.scope.get("aws.context")
    incoming = HttpRequest(
        method=request.method,
        # Mangum gives no raw path, and some front doors have decoded theirs: encode again what must be.
        path=quote(request.scope["path"], safe="/%@:~!$&'()*+,;="),
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.headers.raw},
        query=dict(request.query_params),
        body=await request.body(),
    )
    trusted = is_iam_caller(request.scope.get("aws.event") or {}, services.settings)
    answer = handle(services, incoming, deadline=invocation_deadline(context, MARGIN_SECONDS), trusted=trusted)
    # This front door cannot stream, so a streamed answer arrives at its end.
    return Response(answer.whole(), status_code=answer.status, headers=dict(answer.headers))


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer an API Gateway or Function URL event, or a direct invoke with the completion itself as result."""
    if "requestContext" in event:
        result: dict[str, Any] = http_handler(event, context)
        return result
    answer = invoke(services, {**event, "stream": False}, deadline=invocation_deadline(context, MARGIN_SECONDS))
    completion: dict[str, Any] = json.loads(answer.whole())
    return completion

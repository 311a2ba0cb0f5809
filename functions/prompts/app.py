"""Prompt management over HTTP (FastAPI behind Mangum), and the direct invoke that makes the first API key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast
from urllib.parse import quote, unquote

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from mangum import Mangum
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from promptside.api.answering import answered
from promptside.api.callers import authorise, is_iam_caller
from promptside.api.http import HttpRequest, HttpResponse
from promptside.api.management import ROUTES, Asked, Route, create_first_key, read_body
from promptside.api.paths import normalise_path
from promptside.api.responses import error_response, json_response, trace_id_of
from promptside.config import Settings
from promptside.errors import InternalError, InvalidRequest, MethodNotAllowed, NotFound, PromptsideError
from promptside.log import log_event, log_failure
from promptside.schema.prompt import ApiKey
from promptside.wiring import build_management

services = build_management(Settings.from_env())


def build_app() -> FastAPI:
    """Return the application with one route for each row of the layer's table."""
    application = FastAPI(
        title="promptside management", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    for route in ROUTES:
        application.add_api_route(route.path, _endpoint(route), methods=[route.method], response_model=None)
    application.add_exception_handler(PromptsideError, _refuse)
    application.add_exception_handler(HTTPException, _refuse_routing)
    application.add_exception_handler(RequestValidationError, _refuse_input)
    return application


class OurPaths:
    """Lets the application see a path without stage, version, doubled and trailing slashes."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on under its plain path."""
        if scope["type"] == "http":
            # Depending on the front door, Mangum gives the path decoded or as it was sent.
            path = normalise_path(quote(scope["path"], safe="/%"))
            scope = {**scope, "path": unquote(path), "raw_path": path.encode(), "root_path": ""}
        await self._application(scope, receive, send)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer an API Gateway or Function URL event, or the direct invoke `{"promptside": "create-api-key", ...}`."""
    if "requestContext" in event:
        result: dict[str, Any] = http_handler(event, context)
        return result
    try:
        return create_first_key(services, event)
    except PromptsideError as error:
        log_event("request_refused", status=error.status, code=error.code)
        return error.to_body()


def _endpoint(route: Route) -> Callable[..., Awaitable[Response]]:
    async def run(request: Request, caller: ApiKey | None = Depends(_caller_with(route.scope))) -> Response:  # noqa: B008
        body = await request.body()

        def produce(trace_id: str) -> HttpResponse:
            asked = Asked(request.path_params, dict(request.query_params), read_body(route.method, body), caller)
            return json_response(route.run(services, asked), trace_id)

        return _response(answered(HttpRequest(route.method, request.url.path, dict(request.headers)), produce))

    return run


def _caller_with(scope: str) -> Callable[[Request], Awaitable[ApiKey | None]]:
    """Return the dependency that lets in who has a key with this scope, or whom IAM has let in."""

    async def check(request: Request) -> ApiKey | None:
        trusted = is_iam_caller(request.scope.get("aws.event") or {}, services.settings)
        try:
            return authorise(services.reader, dict(request.headers), scope, trusted=trusted)
        except PromptsideError:
            raise
        except Exception as error:  # an edge: a crash of ours must still be a readable answer
            log_failure("authorisation_crashed", error)
            raise InternalError from error

    return check


async def _refuse(request: Request, error: Exception) -> Response:
    known = error if isinstance(error, PromptsideError) else InternalError()
    trace_id = trace_id_of(request.headers)
    log_event("request_refused", trace_id=trace_id, status=known.status, code=known.code)
    return _response(error_response(known, trace_id))


async def _refuse_routing(request: Request, error: Exception) -> Response:
    where = f"{request.method} {request.url.path[:200]}"
    if isinstance(error, HTTPException) and error.status_code == 405:
        return await _refuse(request, MethodNotAllowed(f"This route does not take {request.method}"))
    return await _refuse(request, NotFound(f"No such route: {where}", code="route_not_found"))


async def _refuse_input(request: Request, _error: Exception) -> Response:
    return await _refuse(request, InvalidRequest("The request cannot be read"))


def _response(answer: HttpResponse) -> Response:
    body = answer.body
    assert isinstance(body, bytes)  # noqa: S101 - nothing here streams
    return Response(body, status_code=answer.status, headers=dict(answer.headers))


app = OurPaths(build_app())
http_handler = Mangum(cast("Any", app), lifespan="off")

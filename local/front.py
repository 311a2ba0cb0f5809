"""Who answers what: runs and health in this process, everything else a function of the stack, as deployed."""

from __future__ import annotations

import re
from collections.abc import Callable

from local.functions import call_function
from local.lazy import LazyFunction
from promptside.api.http import HttpRequest, HttpResponse
from promptside.api.responses import error_response, trace_id_of
from promptside.api.routes import handle, owns
from promptside.errors import StoreUnavailable
from promptside.services import Services

_RECORDS = re.compile(r"/+(?:v1/+)?(?:runs|files|uploads|batches)(?:/|$)")
_START_SECONDS = 20.0

Wait = Callable[[float], bool]
"""Waits for what starts in the background, for some seconds; False when it is not there."""


class Front:
    """The one answer of the local server. `records` keeps runs, files and batches, once `wait` says so."""

    def __init__(self, services: Services, management: LazyFunction, records: LazyFunction, wait: Wait) -> None:
        self._services = services
        self._management = management
        self._records = records
        self._wait = wait

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        if owns(request.method, request.path):
            return handle(self._services, request)
        if not _RECORDS.match(request.path):
            return call_function(self._management.handler(), request, name="prompts")
        if not self._wait(_START_SECONDS):
            error = StoreUnavailable("The local bucket and queues are not there yet: try again in a moment")
            return error_response(error, trace_id_of(request.headers))
        return call_function(self._records.handler(), request, name="runs")

"""Who answers what: runs and health in this process, everything else the management function, as deployed."""

from __future__ import annotations

import contextlib
import threading
from importlib import import_module
from typing import Any

from local.functions import Handler, call_function
from promptside.api.http import HttpRequest, HttpResponse
from promptside.api.routes import handle, owns
from promptside.services import Services


class Front:
    """The one answer of the local server."""

    def __init__(self, services: Services, management: ManagementFunction) -> None:
        self._services = services
        self._management = management

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        if owns(request.method, request.path):
            return handle(self._services, request)
        return call_function(self._management.handler(), request, name="prompts")


class ManagementFunction:
    """`functions/prompts/app.py`, imported when it is first needed or when there is time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._module: Any = None

    def preload(self) -> None:
        """Import it now; a failure shows, with its answer, at the first call."""
        with contextlib.suppress(Exception):
            self.handler()

    def handler(self) -> Handler:
        """Return the function's handler. It reads its settings from the environment when it is imported."""
        with self._lock:
            if self._module is None:
                self._module = import_module("functions.prompts.app")
            handler: Handler = self._module.handler
            return handler

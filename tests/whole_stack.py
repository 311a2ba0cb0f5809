"""Management and runs over one engine, as one stack: what the one stores, the other runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from promptside.api.http import HttpRequest, HttpResponse
from promptside.api.routes import handle
from promptside.config import Settings
from promptside.services import Services
from promptside.store.reader import DynamoPromptReader
from promptside.wiring import build_services
from tests.engines import Engine
from tests.management_function import Answer, ManagementFunction, management_function
from tests.product import json_of


@dataclass
class WholeStack:
    """`manage` is the management function; `run` answers completions, in a process of its own as far as caches go."""

    manage: ManagementFunction
    services: Services

    def post(self, path: str, body: Any = None, *, key: str | None = None, **headers: str) -> HttpResponse:
        """Send a POST to the routes that run prompts; `path` may have a query."""
        raw_path, _, query = path.partition("?")
        named = {"x-portkey-api-key": self.manage.key if key is None else key}
        named.update({name.replace("_", "-"): value for name, value in headers.items()})
        pairs = dict(pair.split("=", 1) for pair in query.split("&") if pair)
        return handle(self.services, HttpRequest("POST", raw_path, named, pairs, json.dumps(body or {}).encode()))

    def run(self, slug: str, body: Any = None, **options: str) -> Answer:
        """Run a prompt, buffered."""
        answer = self.post(f"/v1/prompts/{slug}/completions", body, **options)
        return Answer(answer.status, dict(answer.headers), json_of(answer))


@contextmanager
def whole_stack(engine: Engine, *, environment: Mapping[str, str] | None = None) -> Iterator[WholeStack]:
    """Start both over an empty table; hosts on loopback are allowed unless `environment` says otherwise."""
    variables = {
        "PROMPTSIDE_ALLOW_PRIVATE_HOSTS": "true",
        "PROMPTSIDE_ALLOWED_CUSTOM_HOSTS": "127.0.0.1",
        **(environment or {}),
    }
    with management_function(engine, environment=variables) as function:
        services = build_services(Settings.from_env(function.environment))
        services = replace(services, prompts=DynamoPromptReader(engine.new_reads(), table=function.table))
        try:
            yield WholeStack(function, services)
        finally:
            services.transport.close()  # type: ignore[attr-defined]

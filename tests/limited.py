"""A stack on loopback in which anything may have limits: its clock can be set, and vendors' prices count."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from promptside.providers.base import ProviderRequest
from promptside.transport.base import Limits, ProviderResponse, ProviderStream, Transport
from tests.functions.test_completions import ANSWER, STREAM
from tests.management_function import Answer
from tests.upstream import Request, Upstream, json_reply, sse_reply
from tests.whole_stack import WholeStack

NOON = 1_795_305_600.0
"""2026-11-22T00:00:00Z, a Sunday."""
REQUESTS = {"type": "requests", "unit": "rpm", "value": 2}
FREE = {"variables": {"name": "Ann"}, "max_tokens": 10}
BUDGET = {"type": "cost", "credit_limit": 0.00001, "periodic_reset": "monthly"}
"""Ten millionths of a dollar: a call of 7.35 fits, and once it has cost 1.65, another one, but not a third."""


@dataclass(frozen=True)
class Redirected:
    """A transport that brings what is meant for a vendor to the upstream of the test, so that vendors' prices count."""

    inner: Transport
    url: str

    def _moved(self, request: ProviderRequest) -> ProviderRequest:
        return replace(request, url=self.url + urlsplit(request.url).path)

    def send(self, request: ProviderRequest, limits: Limits, *, guarded: bool = False) -> ProviderResponse:
        return self.inner.send(self._moved(request), limits, guarded=guarded)

    def open(self, request: ProviderRequest, limits: Limits, *, guarded: bool = False) -> ProviderStream:
        return self.inner.open(self._moved(request), limits, guarded=guarded)


class Limited:
    """A stack whose clock a test can set, with the virtual key `vk` and the prompt `p` of a model with a price."""

    def __init__(self, stack: WholeStack, upstream: Upstream) -> None:
        self.now = NOON
        services = stack.services
        self.stack = replace(
            stack,
            services=replace(services, clock=lambda: self.now, transport=Redirected(services.transport, upstream.url)),
        )
        self.manage = stack.manage

    def virtual_key(self, **limits: Any) -> str:
        slug = f"vk-{uuid.uuid4().hex[:12]}"
        body = {"name": slug, "slug": slug, "provider": "openai", "key": "sk-1", **limits}
        self.manage.create("/v1/virtual-keys", body)
        return slug

    def prompt(self, **fields: Any) -> str:
        slug = f"p-{uuid.uuid4().hex[:12]}"
        string = '[{"role":"user","content":"Hi {{name}}"}]'
        body = {"name": slug, "slug": slug, "string": string, "model": "gpt-4o-mini", **fields}
        self.manage.create("/v1/prompts", {"virtual_key": self.virtual_key(), **body})
        return slug

    def key(self, **limits: Any) -> tuple[str, str]:
        body = {"name": "ci", "scopes": ["completions.write"], **limits}
        made = self.manage.create("/v1/api-keys/workspace/service", body)
        return made["id"], made["key"]

    def run(self, slug: str, key: str | None = None, body: Any = None, **headers: str) -> Answer:
        return self.stack.run(slug, body or FREE, key=key or self.manage.key, **headers)

    def used(self, path: str) -> float:
        """Return what is used of the only budget of something."""
        current: float = self.manage.call("GET", path).body["usage_limits"]["current_usage"]
        return current


def respond(request: Request) -> Any:
    return sse_reply(STREAM) if request.json().get("stream") else json_reply(ANSWER)


def limit_headers(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith(("x-ratelimit", "retry", "x-sh"))}

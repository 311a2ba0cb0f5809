"""The product without its front doors: routes over real services, a real transport, and a provider on loopback.

Only the table is replaced, by a prompt held in memory, so that a test states its prompt next to its assertion.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from promptside.api.http import HttpRequest, HttpResponse
from promptside.api.routes import handle
from promptside.config import Settings
from promptside.errors import NotFound, Unauthenticated
from promptside.schema.config import Sought
from promptside.schema.prompt import (
    ApiKey,
    ConfigVersion,
    PartialVersion,
    PromptVersion,
    Reference,
    Resolution,
    VirtualKey,
    parse_reference,
)
from promptside.services import Services
from promptside.store.missing import config_not_found
from promptside.transport.http import HttpTransport

KEY = "ps-key-of-the-tests"
SAY_HI = '[{"role": "user", "content": "Hi {{name}}"}]'


def prompt(**fields: Any) -> PromptVersion:
    """Return a prompt version; every field has a plain default."""
    defaults: dict[str, Any] = {
        "slug": "hi",
        "prompt_id": "9f0c",
        "version": 3,
        "version_id": f"v-{json.dumps(fields, sort_keys=True)}",
        "kind": "chat",
        "string": SAY_HI,
        "model": "m1",
        "virtual_key": "openai",
    }
    return PromptVersion(**(defaults | fields))


@dataclass
class MemoryPrompts:
    """A PromptReader over one prompt, and whatever else a config names.

    `configs` are stored configs by slug, `prompts` further prompts by the reference that a target writes.
    `key_config` is the caller's key's own config.
    """

    version: PromptVersion
    partials: Mapping[str, PartialVersion] = field(default_factory=dict)
    virtual_keys: Mapping[str, VirtualKey] = field(default_factory=dict)
    scopes: frozenset[str] = frozenset({"completions.write"})
    configs: Mapping[str, Any] = field(default_factory=dict)
    prompts: Mapping[str, PromptVersion] = field(default_factory=dict)
    key_config: str | None = None

    def resolve(
        self,
        reference: Reference,
        *,
        key_digest: str | None,
        virtual_keys: Collection[str] = (),
        sought: Sought | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Resolution:
        known = self.find_api_key(key_digest or "")
        if key_digest is not None and known is None:
            raise Unauthenticated
        if reference.id != self.version.slug:
            raise NotFound(f"Prompt '{reference.id}' not found", param="prompt_id", code="prompt_not_found")
        own = self.version.parameters.get("config")
        slug = sought.slug if sought is not None else own if isinstance(own, str) else self.key_config
        if isinstance(own, dict) and sought is None:
            slug = None
        if slug is not None and slug not in self.configs:
            raise config_not_found(slug)
        config = None if slug is None else ConfigVersion(slug, "c", 1, f"c-{slug}", self.configs[slug])
        prompts = {parse_reference(text): version for text, version in self.prompts.items()}
        return Resolution(known, self.version, self.partials, self.virtual_keys, config=config, prompts=prompts)

    def find_api_key(self, digest: str) -> ApiKey | None:
        if digest != hashlib.sha256(KEY.encode()).hexdigest():
            return None
        return ApiKey("k1", digest, "tests", self.scopes)


@dataclass
class MemorySecrets:
    """A SecretStore that hands out `versions` one after the other at each refresh."""

    versions: list[dict[str, str]]
    refreshed: int = 0

    def find(self, name: str, *, refresh: bool = False) -> dict[str, str] | None:
        if refresh:
            self.refreshed += 1
        return self.versions[min(self.refreshed, len(self.versions) - 1)]

    def path(self, name: str) -> str:
        return f"/promptside/test/{name}"


class Product:
    """Sends requests to the routes; `base_url` is where the provider listens.

    `slept` are the pauses that were made, none of them real; `random` is what is drawn when something is.
    """

    def __init__(self, base_url: str, *, version: PromptVersion | None = None, **options: Any) -> None:
        ids = itertools.count(1)
        self.slept: list[float] = []
        self.random = 0.0
        reader = {
            name: options.pop(name) for name in ("partials", "virtual_keys", "scopes", *_CONFIGURED) if name in options
        }
        secrets = options.pop("secrets", None) or MemorySecrets([{"api_key": "sk-canary", "custom_host": base_url}])
        settings = {"table": "t", "secrets_prefix": "/p", "allow_private_hosts": True, **options}
        self.prompts = MemoryPrompts(version or prompt(), **reader)
        self.secrets = secrets
        transport = HttpTransport(allow_private_hosts=True)
        _opened.append(transport)
        self.services = Services(
            prompts=self.prompts,
            secrets=secrets,
            transport=transport,
            settings=Settings(**settings),
            clock=lambda: 1_795_300_000.0,
            new_id=lambda: f"id{next(ids)}",
            sleep=self._sleep,
            random=lambda: self.random,
            monotonic=lambda: time.monotonic() + sum(self.slept),
        )

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def post(
        self,
        body: Any = None,
        *,
        path: str = "/v1/prompts/hi/completions",
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        deadline: float | None = None,
    ) -> HttpResponse:
        """Send a POST with a valid key; `body` may be bytes."""
        raw = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        named = {"x-portkey-api-key": KEY, "x-portkey-trace-id": "t-1", **(headers or {})}
        return handle(self.services, HttpRequest("POST", path, named, query or {}, raw), deadline=deadline)


_CONFIGURED = ("configs", "prompts", "key_config")
_opened: list[HttpTransport] = []


def close_products() -> None:
    """Close the connections of every product made since the last time; a fixture calls it after each test."""
    while _opened:
        _opened.pop().close()


def whole(response: HttpResponse) -> bytes:
    """Return all bytes of an answer, closing it."""
    return response.whole()


def json_of(response: HttpResponse) -> Any:
    """Return a JSON answer's value."""
    return json.loads(whole(response))


def events_of(body: bytes) -> list[Any]:
    """Return the data of each event: JSON values, `[DONE]` as text, and `("error", value)` for error events."""
    events: list[Any] = []
    for block in body.decode().split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        if not lines:
            continue
        data = "".join(line.removeprefix("data: ") for line in lines if line.startswith("data: "))
        value = data if data == "[DONE]" else json.loads(data)
        events.append(("error", value) if lines[0] == "event: error" else value)
    return events

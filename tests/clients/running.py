"""The product that the SDKs call, and a recorder that can stand between them."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.clients.provider import KEY as PROVIDER_KEY
from tests.clients.provider import EchoProvider
from tests.functions.local_run import local_run
from tests.upstream import Reply, Request, Upstream

KEY = "ps-the-key-of-the-client-tests"
_HOP_BY_HOP = {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"}
_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Running:
    """The local run, with `provider` in the places of OpenAI and Anthropic. `base_url` ends in `/v1`.

    `said` gives all that the process has printed and logged so far.
    """

    base_url: str
    provider: EchoProvider
    said: Callable[[], str]

    @property
    def origin(self) -> str:
        """The base URL without its path."""
        return self.base_url.removesuffix("/v1")


@contextmanager
def running_product(state: Path) -> Iterator[Running]:
    """Start the local run as a user does."""
    provider = EchoProvider()
    with provider:
        environment = {
            "PROMPTSIDE_API_KEY": KEY,
            "PROMPTSIDE_LOG_LEVEL": "INFO",
            "OPENAI_API_KEY": PROVIDER_KEY,
            "OPENAI_BASE_URL": f"{provider.url}/v1",
            "ANTHROPIC_API_KEY": PROVIDER_KEY,
            "ANTHROPIC_BASE_URL": provider.url,
        }
        with local_run(state, **environment) as local:
            # The last line of the start; by then the example has run.
            local.line("console.log")
            yield Running(local.base_url, provider, lambda: "\n".join(local.lines + local.errors))


@contextmanager
def recording(running: Running) -> Iterator[Upstream]:
    """Give a server that passes requests on to the product and keeps what the SDK sent; answers come in one piece."""
    address = urlsplit(running.origin).netloc

    def forward(request: Request) -> Reply:
        connection = http.client.HTTPConnection(address, timeout=_SECONDS)
        try:
            headers = {name: value for name, value in request.headers.items() if name not in _HOP_BY_HOP}
            connection.request(request.method, request.path, request.body or None, headers)
            answer = connection.getresponse()
            kept = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(
                answer.status, {name: kept[name] for name in kept.keys() - _HOP_BY_HOP}, [answer.read()], "length"
            )
        finally:
            connection.close()

    with Upstream() as recorder:
        recorder.default = forward
        yield recorder

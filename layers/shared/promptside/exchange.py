"""Sends a prepared run to its provider, and again with a replaced secret or without a parameter that was refused."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from promptside.answers import decode_answer
from promptside.errors import PromptsideError, ProviderError, ProviderTimeout
from promptside.providers.base import Provider, ProviderCall, ProviderRequest
from promptside.schema.chat import Completion
from promptside.schema.limits import Subject
from promptside.schema.prompt import PromptVersion
from promptside.schema.request import RunRequest
from promptside.services import Services
from promptside.target import Target, refreshed
from promptside.timeouts import whose_timeout
from promptside.transport.base import Limits, ProviderResponse, ProviderStream

PROVIDER_AUTH = "provider_auth"
"""The code of an error that says: the provider refused its key. Some say so with a 403."""

SKIPPED_HEADER = "x-promptside-skipped-targets"

# The call, and what is refused one after the other; a refusal costs a moment and nothing else.
_MOST_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run that only has to be sent."""

    version: PromptVersion
    target: Target
    call: ProviderCall
    request: ProviderRequest
    stale: bool = False
    """Whether the table could not be read and this is what it held a few minutes ago."""
    option: str = "config"
    """The path of the config's target that this is, or just that."""
    retries: int = 0
    """Attempts at this target before the present one."""
    label: str | None = None
    """The label by which an experiment has chosen the version."""
    cache: str = "DISABLED"
    """What the cache had to do with it, as Portkey's header says: `HIT`, `SEMANTIC HIT`, `MISS`, ..."""
    skipped: tuple[str, ...] = ()
    """The paths of targets that circuit breakers left out."""
    subjects: tuple[Subject, ...] = ()
    """Whose limits the attempt is under: the caller's key, the prompt, the virtual key."""
    limit_headers: Mapping[str, str] = field(default_factory=dict)
    """What the answer says about limits."""

    @property
    def provider(self) -> Provider:
        """The adapter of the chosen target."""
        return self.target.provider


def exchange(
    services: Services, request: RunRequest, prepared: Prepared, limits: Limits
) -> tuple[Prepared, Completion]:
    """Send, again if what the provider refused can be mended, and parse."""
    prepared = _with_known_repairs(services, prepared)
    attempts = 0
    while True:
        attempts += 1
        response = services.transport.send(_outgoing(request, prepared), limits, guarded=prepared.target.guarded)
        error = _refusal(prepared, response)
        if error is None:
            break
        prepared = _mended(services, prepared, error, attempts)
    provider = prepared.provider
    return prepared, provider.parse_response(decode_answer(response.body, provider.name), prepared.call)


def open_stream(
    services: Services, request: RunRequest, prepared: Prepared, limits: Limits
) -> tuple[Prepared, ProviderStream]:
    """Open the stream, again if what the provider refused can be mended."""
    prepared = _with_known_repairs(services, prepared)
    attempts = 0
    while True:
        attempts += 1
        upstream = services.transport.open(_outgoing(request, prepared), limits, guarded=prepared.target.guarded)
        error = _stream_refusal(prepared, upstream)
        if error is None:
            return prepared, upstream
        prepared = _mended(services, prepared, error, attempts)


def _stream_refusal(prepared: Prepared, upstream: ProviderStream) -> PromptsideError | None:
    """Return the error of an answer that is no stream, with its connection closed."""
    if upstream.status < 400:
        return None
    try:
        body = upstream.read()
    finally:
        upstream.close()
    return _refusal(prepared, ProviderResponse(upstream.status, upstream.headers, body))


def _refusal(prepared: Prepared, response: ProviderResponse) -> PromptsideError | None:
    if response.status < 400:
        return None
    error = prepared.provider.parse_error(response.status, response.headers, response.body)
    error.upstream_status = response.status
    advice = response.headers.get("x-should-retry")
    if advice in ("true", "false"):
        error.should_retry = advice == "true"
    return error


def _with_known_repairs(services: Services, prepared: Prepared) -> Prepared:
    built = services.repairs.known(prepared.call, prepared.request)
    return prepared if built is prepared.request else replace(prepared, request=built)


def _mended(services: Services, prepared: Prepared, error: PromptsideError, attempts: int) -> Prepared:
    """Return the run to send instead of the refused one. Raises the error when there is none."""
    if attempts == _MOST_ATTEMPTS:
        raise error
    # A secret is read anew at most once for a call.
    again = _with_fresh_credentials(services, prepared, error) if attempts == 1 else None
    if again is not None:
        return again
    built = services.repairs.learn(prepared.call, prepared.request, error)
    if built is None:
        raise error
    return replace(prepared, request=built)


def _with_fresh_credentials(services: Services, prepared: Prepared, error: PromptsideError) -> Prepared | None:
    """Return the run with its secret read anew, if that is what the provider refused and it has changed."""
    if error.code != PROVIDER_AUTH:
        return None
    target = refreshed(prepared.target, services.secrets)
    if target is None:
        return None
    built = target.provider.build_request(prepared.call, target.credentials)
    return replace(prepared, target=target, request=built)


def _outgoing(request: RunRequest, prepared: Prepared) -> ProviderRequest:
    """Add the headers the caller wants forwarded; what the adapter set always wins."""
    built = prepared.request
    if not request.forwarded_headers:
        return built
    own = {name.lower(): value for name, value in built.headers.items()}
    return replace(built, headers={**request.forwarded_headers, **own})


@contextmanager
def blaming(target: Target, request: RunRequest, limits: Limits, deadline: float | None) -> Generator[None, None, None]:
    """Name the provider in what the transport raises, and say whose limit a timeout was."""
    try:
        yield
    except ProviderTimeout as error:
        target.blame(error)
        raise whose_timeout(error, request, limits, deadline) from error
    except ProviderError as error:
        target.blame(error)
        raise

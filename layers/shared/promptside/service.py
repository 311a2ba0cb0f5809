"""The path of one request, readable in one sitting: prepare, then complete or stream.

    prepare   authenticate and load (one DynamoDB read) -> render -> merge -> choose target -> build the request
    complete  prepare -> send -> parse -> one completion
    stream    prepare -> open -> hold until the first event -> map event by event -> chunks
    render    the first half of prepare, answered as data

Buffered, streamed and event-driven runs all come through here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from promptside.answers import decode_answer
from promptside.config import Settings
from promptside.errors import (
    DeadlineExceeded,
    Forbidden,
    JsonObject,
    PromptsideError,
    ProviderError,
    ProviderTimeout,
)
from promptside.images import inline_images
from promptside.log import log_event
from promptside.merging import merge_parameters, strict_params
from promptside.providers.base import Provider, ProviderCall, ProviderRequest
from promptside.providers.strictness import strip_extras
from promptside.schema.chat import Completion
from promptside.schema.prompt import PromptVersion, Resolution
from promptside.schema.request import RunRequest
from promptside.store.base import PromptReader, SecretStore
from promptside.streaming import ChunkStream, request_timeout
from promptside.target import Target, choose_target, refreshed, requested_slugs
from promptside.template.library import TemplateLibrary
from promptside.template.prompt import render_prompt
from promptside.transport.base import Limits, ProviderResponse, ProviderStream, Transport

SCOPE = "completions.write"
PROVIDER_AUTH = "provider_auth"
"""The code of an error that says: the provider refused its key. Some say so with a 403."""


@dataclass(frozen=True, slots=True)
class Services:
    """What a run needs from outside. `clock` gives unix seconds, `new_id` random text for ids."""

    prompts: PromptReader
    secrets: SecretStore
    transport: Transport
    settings: Settings
    clock: Callable[[], float]
    new_id: Callable[[], str]
    templates: TemplateLibrary = field(default_factory=TemplateLibrary)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run that only has to be sent."""

    version: PromptVersion
    target: Target
    call: ProviderCall
    request: ProviderRequest
    forwarded: dict[str, str] = field(repr=False, default_factory=dict)

    @property
    def provider(self) -> Provider:
        """The adapter of the chosen target."""
        return self.target.provider


@dataclass(frozen=True, slots=True)
class Finished:
    """A buffered run: the answer in OpenAI's shape, and what was run."""

    body: Completion
    prepared: Prepared


@dataclass(frozen=True, slots=True)
class Started:
    """A streamed run whose first event is there (or was waited for long enough)."""

    chunks: ChunkStream
    prepared: Prepared


def complete(services: Services, request: RunRequest, *, deadline: float | None = None) -> Finished:
    """Run a prompt and return the whole completion.

    `deadline` is on `time.monotonic()`: the moment by which an answer must have left. Raises PromptsideError.
    """
    started = time.monotonic()
    prepared = prepare(services, request)
    limits = _limits(services.settings, request, deadline)
    with _blaming(prepared.target, request, limits, deadline):
        prepared, body = _exchange(services, request, prepared, limits)
    body["provider"] = prepared.provider.name
    if request.strict_openai:
        body = strip_extras(body)
    log_run(request, prepared, started, usage=body.get("usage"), finish_reason=_finish_reason(body))
    return Finished(body, prepared)


def stream(services: Services, request: RunRequest, *, deadline: float | None = None) -> Started:
    """Run a prompt and return its chunks as they come.

    Whatever goes wrong before the provider's first event is raised here, so that it can still have an HTTP status;
    what goes wrong later is raised by the stream. The caller's timeout bounds the wait for the first event only.
    """
    started = time.monotonic()
    prepared = prepare(services, request)
    limits = _limits(services.settings, request, deadline)
    with _blaming(prepared.target, request, limits, deadline):
        prepared, upstream = _open(services, request, prepared, limits)
    chunks = ChunkStream(
        upstream,
        prepared.target,
        prepared.call,
        limits=limits,
        strict_openai=request.strict_openai,
        on_end=lambda ended: log_run(
            request, prepared, started, usage=ended.usage, finish_reason=ended.finish_reason, outcome=ended.outcome
        ),
    )
    chunks.hold(seconds=services.settings.keep_alive_seconds, timeout_seconds=request.timeout_seconds)
    return Started(chunks, prepared)


def render(services: Services, request: RunRequest) -> JsonObject:
    """Return the provider-neutral body that a completion would start from: `{"model", "messages", ...}`."""
    resolution = _load(services, request)
    return _body(services, request, resolution)


def prepare(services: Services, request: RunRequest) -> Prepared:
    """Do everything that comes before the network call to the provider."""
    resolution = _load(services, request)
    body = _body(services, request, resolution)
    target = choose_target(
        request,
        model=body.pop("model"),
        stored_slug=resolution.prompt.virtual_key,
        virtual_keys=resolution.virtual_keys,
        secrets=services.secrets,
        settings=services.settings,
    )
    call = _call(services, request, resolution.prompt, target=target, body=body)
    if not target.provider.capabilities.fetches_images:
        call = inline_images(call, allow_private_hosts=services.settings.allow_private_hosts)
    built = target.provider.build_request(call, target.credentials)
    return Prepared(resolution.prompt, target, call, built)


def _load(services: Services, request: RunRequest) -> Resolution:
    resolution = services.prompts.resolve(
        request.reference, key_digest=request.key_digest, virtual_keys=requested_slugs(request)
    )
    if resolution.api_key is not None and not resolution.api_key.allows(SCOPE):
        raise Forbidden(f"This API key lacks the scope '{SCOPE}'", param="x-portkey-api-key")
    return resolution


def _body(services: Services, request: RunRequest, resolution: Resolution) -> JsonObject:
    version = resolution.prompt
    rendered = render_prompt(
        services.templates.prompt(version), request.variables, services.templates.partials(resolution.partials)
    )
    return merge_parameters(version, rendered, request.overrides)


def _call(
    services: Services, request: RunRequest, version: PromptVersion, *, target: Target, body: JsonObject
) -> ProviderCall:
    options = body.pop("stream_options", None)
    options = dict(options) if isinstance(options, dict) else {}
    include_usage = options.pop("include_usage", False) is True
    if options:
        body["stream_options"] = options
    return ProviderCall(
        kind=version.kind,
        model=target.model,
        messages=body.pop("messages", None),
        prompt=body.pop("prompt", None),
        parameters=body,
        completion_id=services.new_id(),
        created=int(services.clock()),
        stream=request.stream,
        include_usage=request.stream and include_usage,
        strict_params=strict_params(version, request.overrides),
        settings=target.settings,
    )


def _exchange(
    services: Services, request: RunRequest, prepared: Prepared, limits: Limits
) -> tuple[Prepared, Completion]:
    """Send, once more with fresh credentials if the provider refused the stored ones, and parse."""
    response = services.transport.send(_outgoing(request, prepared), limits, guarded=prepared.target.guarded)
    error = _refusal(prepared, response)
    if error is not None and (again := _with_fresh_credentials(services, prepared, error)) is not None:
        prepared = again
        response = services.transport.send(_outgoing(request, prepared), limits, guarded=prepared.target.guarded)
        error = _refusal(prepared, response)
    if error is not None:
        raise error
    provider = prepared.provider
    return prepared, provider.parse_response(decode_answer(response.body, provider.name), prepared.call)


def _open(
    services: Services, request: RunRequest, prepared: Prepared, limits: Limits
) -> tuple[Prepared, ProviderStream]:
    """Open the stream, once more with fresh credentials if the provider refused the stored ones."""
    upstream = services.transport.open(_outgoing(request, prepared), limits, guarded=prepared.target.guarded)
    error = _stream_refusal(prepared, upstream)
    if error is not None and (again := _with_fresh_credentials(services, prepared, error)) is not None:
        prepared = again
        upstream = services.transport.open(_outgoing(request, prepared), limits, guarded=prepared.target.guarded)
        error = _stream_refusal(prepared, upstream)
    if error is not None:
        raise error
    return prepared, upstream


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
    return prepared.provider.parse_error(response.status, response.headers, response.body)


def _with_fresh_credentials(services: Services, prepared: Prepared, error: PromptsideError) -> Prepared | None:
    """Return the run with its secret read anew, if that is what the provider refused and it has changed."""
    if error.code != PROVIDER_AUTH:
        return None
    target = refreshed(prepared.target, services.secrets)
    if target is None:
        return None
    return Prepared(
        prepared.version, target, prepared.call, target.provider.build_request(prepared.call, target.credentials)
    )


def _outgoing(request: RunRequest, prepared: Prepared) -> ProviderRequest:
    """Add the headers the caller wants forwarded; what the adapter set always wins."""
    built = prepared.request
    if not request.forwarded_headers:
        return built
    headers = {**request.forwarded_headers, **{name.lower(): value for name, value in built.headers.items()}}
    return ProviderRequest(
        url=built.url,
        body=built.body,
        headers=headers,
        framing=built.framing,
        signing=built.signing,
        dropped=built.dropped,
    )


def _limits(settings: Settings, request: RunRequest, deadline: float | None) -> Limits:
    """Return what bounds the exchange; the caller's timeout bounds a whole answer, or the wait for a stream's first."""
    now = time.monotonic()
    latest = now + settings.request_seconds if deadline is None else min(deadline, now + settings.request_seconds)
    first_byte = settings.first_byte_seconds
    if request.timeout_seconds is not None:
        first_byte = min(first_byte, request.timeout_seconds)
        if not request.stream:
            latest = min(latest, now + request.timeout_seconds)
    return Limits(
        deadline=latest,
        connect_seconds=min(settings.connect_seconds, max(latest - now, 0.001)),
        first_byte_seconds=first_byte,
        idle_seconds=settings.idle_seconds,
    )


@contextmanager
def _blaming(
    target: Target, request: RunRequest, limits: Limits, deadline: float | None
) -> Generator[None, None, None]:
    """Name the provider in what the transport raises, and say whose limit a timeout was."""
    try:
        yield
    except ProviderTimeout as error:
        target.blame(error)
        raise _whose_timeout(error, request, limits, deadline) from error
    except ProviderError as error:
        target.blame(error)
        raise


def _whose_timeout(
    error: ProviderTimeout, request: RunRequest, limits: Limits, deadline: float | None
) -> PromptsideError:
    """Say whose limit ran out: the function's, the caller's, or ours on a silent provider."""
    if deadline is not None and limits.deadline == deadline and time.monotonic() >= deadline:
        return DeadlineExceeded(
            "The function's time is over before the provider answered: raise its timeout or ask for less",
            provider=error.provider,
        )
    timeout = request.timeout_seconds
    if timeout is not None and (limits.first_byte_seconds == timeout or limits.deadline < time.monotonic()):
        return request_timeout(timeout, error.provider or "the provider")
    return error


def log_run(
    request: RunRequest,
    prepared: Prepared,
    started: float,
    *,
    usage: Mapping[str, Any] | None,
    finish_reason: str | None,
    outcome: str = "completed",
) -> None:
    """Write the one line of a run that reached the provider."""
    usage = usage or {}
    log_event(
        "run_ended",
        outcome=outcome,
        trace_id=request.trace_id,
        prompt=prepared.version.slug,
        version=prepared.version.version,
        provider=prepared.provider.name,
        model=prepared.call.model,
        stream=request.stream,
        finish_reason=finish_reason,
        prompt_tokens=usage.get("prompt_tokens"),
        completion_tokens=usage.get("completion_tokens"),
        dropped_params=list(prepared.request.dropped) or None,
        duration_ms=round((time.monotonic() - started) * 1000, 1),
    )


def _finish_reason(body: Completion) -> str | None:
    choices = body.get("choices") or [{}]
    reason = choices[0].get("finish_reason")
    return reason if isinstance(reason, str) else None

"""One attempt at one target: prepare it, then complete or stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from promptside.attempts.charging import refunded, reserved, settle_stream, settled, with_standing
from promptside.errors import ConfigurationError, InvalidRequest, JsonObject
from promptside.exchange import Prepared, blaming, exchange, open_stream
from promptside.images import inline_images
from promptside.log import log_event
from promptside.merging import merge_parameters, strict_params
from promptside.providers.base import ProviderCall
from promptside.providers.strictness import strip_extras
from promptside.schema.chat import Completion
from promptside.schema.prompt import PromptVersion, Resolution
from promptside.schema.request import RunRequest
from promptside.services import Services
from promptside.streaming import Chunks, ChunkStream
from promptside.target import CREDENTIALS_MISSING, Target, check_signing, choose_target
from promptside.template.prompt import render_prompt
from promptside.timeouts import run_limits
from promptside.transport.cancellation import Cancellation


@dataclass(frozen=True, slots=True)
class Finished:
    """A buffered run: the answer in OpenAI's shape, and what was run."""

    body: Completion
    prepared: Prepared


@dataclass(frozen=True, slots=True)
class Started:
    """A streamed run whose first event is there (or was waited for long enough)."""

    chunks: Chunks
    prepared: Prepared


def prepare(
    services: Services, request: RunRequest, resolution: Resolution, *, reload: Callable[[], Resolution]
) -> Prepared:
    """Do everything that comes between reading the prompt and the network call to the provider.

    `reload` reads what `resolution` is anew.
    """
    try:
        return _prepare(services, request, resolution)
    except ConfigurationError as error:
        if error.code != CREDENTIALS_MISSING:
            raise
    # The secret was replaced between the two reads: the table names its successor.
    return _prepare(services, request, reload())


def complete_once(
    services: Services,
    request: RunRequest,
    prepared: Prepared,
    *,
    deadline: float | None,
    cancellation: Cancellation | None = None,
) -> Finished:
    """Send one prepared run and return its whole completion."""
    started = time.monotonic()
    limits = run_limits(services.settings, request, deadline, cancellation)
    charge = reserved(services, request, prepared)
    with refunded(charge), blaming(prepared.target, request, limits, deadline):
        prepared, body = exchange(services, request, prepared, limits)
    prepared = settled(charge, prepared, body.get("usage"))
    body["provider"] = prepared.provider.name
    if request.strict_openai:
        body = strip_extras(body)
    log_run(request, prepared, started, usage=body.get("usage"), finish_reason=_finish_reason(body))
    return Finished(body, prepared)


def stream_once(
    services: Services,
    request: RunRequest,
    prepared: Prepared,
    *,
    deadline: float | None,
    hold_seconds: float,
    cancellation: Cancellation | None = None,
) -> Started:
    """Open the stream of one prepared run, and wait for its first chunk, `hold_seconds` at most."""
    started = time.monotonic()
    limits = run_limits(services.settings, request, deadline, cancellation)
    charge = reserved(services, request, prepared)
    with refunded(charge), blaming(prepared.target, request, limits, deadline):
        prepared, upstream = open_stream(services, request, prepared, limits)
    prepared = with_standing(charge, prepared)
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
    chunks.when_ended(lambda _ended: settle_stream(charge, prepared, chunks))
    chunks.hold(seconds=hold_seconds, timeout_seconds=request.timeout_seconds)
    return Started(chunks, prepared)


def _prepare(services: Services, request: RunRequest, resolution: Resolution) -> Prepared:
    body = neutral_body(services, request, resolution)
    target = choose_provider(services, request, resolution, model=body.pop("model"))
    call = provider_call(services, request, resolution.prompt, target=target, body=body)
    try:
        if not target.provider.capabilities.fetches_images:
            call = inline_images(call, allow_private_hosts=services.settings.allow_private_hosts)
        built = target.provider.build_request(call, target.credentials)
    except InvalidRequest as error:
        error.of_target = True
        raise
    check_signing(target, built)
    own = None if target.virtual_key is None else target.virtual_key.subject
    return Prepared(
        resolution.prompt,
        target,
        call,
        built,
        stale=resolution.stale,
        label=resolution.label,
        subjects=resolution.subjects if own is None else (*resolution.subjects, own),
        limit_headers=request.limit_headers,
    )


def neutral_body(services: Services, request: RunRequest, resolution: Resolution) -> JsonObject:
    """Render the prompt and merge what is stored with what the caller sends."""
    version = resolution.prompt
    services.variables.check(version, request.variables)
    rendered = render_prompt(
        services.templates.prompt(version), request.variables, services.templates.partials(resolution.partials)
    )
    body = merge_parameters(version, rendered, request.overrides)
    if request.appended:
        if version.kind != "chat":
            raise InvalidRequest("A text prompt takes no further messages: use a chat prompt", param="input")
        body["messages"] = [*body["messages"], *request.appended]
    return body


def choose_provider(services: Services, request: RunRequest, resolution: Resolution, *, model: str) -> Target:
    """Choose the target by the request, the model's name and the prompt, and find its credentials."""
    return choose_target(
        request,
        model=model,
        stored_slug=resolution.prompt.virtual_key,
        virtual_keys=resolution.virtual_keys,
        secrets=services.secrets,
        settings=services.settings,
        now=services.clock(),
    )


def provider_call(
    services: Services, request: RunRequest, version: PromptVersion, *, target: Target, body: JsonObject
) -> ProviderCall:
    """Turn a neutral body without its model into the call of an adapter."""
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
        metadata=dict(request.metadata) or None,
        prompt=prepared.version.slug,
        version=prepared.version.version,
        label=prepared.label,
        provider=prepared.provider.name,
        option=prepared.option if prepared.option != "config" else None,
        retries=prepared.retries or None,
        cache=prepared.cache if prepared.cache != "DISABLED" else None,
        model=prepared.call.model,
        stream=request.stream,
        finish_reason=finish_reason,
        prompt_tokens=usage.get("prompt_tokens"),
        completion_tokens=usage.get("completion_tokens"),
        total_tokens=usage.get("total_tokens"),
        dropped_params=list(prepared.request.dropped) or None,
        duration_ms=round((time.monotonic() - started) * 1000, 1),
    )


def _finish_reason(body: Completion) -> str | None:
    choices = body.get("choices") or [{}]
    reason = choices[0].get("finish_reason")
    return reason if isinstance(reason, str) else None

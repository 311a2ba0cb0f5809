"""The path of one request, readable in one sitting: prepare, then complete or stream.

    load      authenticate and read (one DynamoDB read)
    admit     count it under its caller's limits, find the config in force
    prepare   render -> merge -> choose target -> build the request
    complete  load -> admit -> prepare -> send -> parse -> one completion
    stream    load -> admit -> prepare -> open -> hold until the first event -> map event by event -> chunks
    render    load and the first half of prepare, answered as data

What follows `admit` is one attempt (`attempts.once`); with a config, `attempts.routed` makes as many as it takes.

Buffered, streamed and event-driven runs all come through here.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from promptside.attempts.charging import with_counted_request
from promptside.attempts.once import Finished, Started, complete_once, neutral_body, prepare, stream_once
from promptside.errors import Forbidden, JsonObject
from promptside.schema.config import Sought
from promptside.schema.prompt import Resolution
from promptside.schema.request import RunRequest
from promptside.services import Services
from promptside.target import requested_slugs
from promptside.timeouts import timed

if TYPE_CHECKING:
    from promptside.routing.config import Option

SCOPE = "completions.write"


def complete(services: Services, request: RunRequest, *, deadline: float | None = None) -> Finished:
    """Run a prompt and return the whole completion.

    `deadline` is on `time.monotonic()`: the moment by which an answer must have left. Raises PromptsideError.
    """
    reload = partial(load_prompt, services, request)
    request, resolution, option = admit(services, request, reload())
    if option is not None:
        # Most runs have no config.
        from promptside.attempts.routed import complete_routed

        return complete_routed(services, request, resolution, option, reload=reload, deadline=deadline)
    request = timed(request, resolution.prompt)
    prepared = prepare(services, request, resolution, reload=reload)
    return complete_once(services, request, prepared, deadline=deadline)


def stream(services: Services, request: RunRequest, *, deadline: float | None = None) -> Started:
    """Run a prompt and return its chunks as they come.

    Whatever goes wrong before the provider's first event is raised here, so that it can still have an HTTP status;
    what goes wrong later is raised by the stream. The caller's timeout bounds the wait for the first event only.
    """
    reload = partial(load_prompt, services, request)
    request, resolution, option = admit(services, request, reload())
    if option is not None:
        from promptside.attempts.routed import stream_routed

        return stream_routed(services, request, resolution, option, reload=reload, deadline=deadline)
    request = timed(request, resolution.prompt)
    hold_seconds = services.settings.keep_alive_seconds
    prepared = prepare(services, request, resolution, reload=reload)
    return stream_once(services, request, prepared, deadline=deadline, hold_seconds=hold_seconds)


def render(services: Services, request: RunRequest) -> JsonObject:
    """Return the provider-neutral body that a completion would start from: `{"model", "messages", ...}`."""
    resolution = load_prompt(services, request)
    return neutral_body(services, request, resolution)


def load_prompt(services: Services, request: RunRequest) -> Resolution:
    """Read the prompt and check that the caller may run it."""
    slugs, sought = requested_slugs(request), None
    if request.config is not None:
        sought = Sought(slug=request.config)
        if request.config.startswith("{"):
            named = services.configs.sent(request.config)[1]
            slugs, sought = (*slugs, *named.virtual_keys), Sought(named=named)
    resolution = services.prompts.resolve(
        request.reference,
        key_digest=request.key_digest,
        virtual_keys=slugs,
        sought=sought,
        metadata=request.metadata,
    )
    if resolution.api_key is not None and not resolution.api_key.allows(SCOPE):
        raise Forbidden(f"This API key lacks the scope '{SCOPE}'", param="x-portkey-api-key")
    return resolution


def admit(
    services: Services, request: RunRequest, resolution: Resolution
) -> tuple[RunRequest, Resolution, Option | None]:
    """Return the request as it counts, with what its caller's key adds, and the config in force.

    Raises RateLimited or BudgetExceeded for the caller's own limits, InvalidRequest for the config.
    """
    request = with_key_metadata(request, resolution)
    request = with_counted_request(services, request, resolution)
    return request, resolution, config_in_force(services, request, resolution)


def with_key_metadata(request: RunRequest, resolution: Resolution) -> RunRequest:
    """Return the request with the metadata of the caller's key under its own."""
    key = resolution.api_key
    if key is None or not key.metadata:
        return request
    return replace(request, metadata={**key.metadata, **request.metadata})


def config_in_force(services: Services, request: RunRequest, resolution: Resolution) -> Option | None:
    """Return the config that decides over this run: a stored one, the request's own, or the prompt's; most have none.

    Raises InvalidRequest that gives the path in the config.
    """
    if resolution.config is not None:
        return services.configs.stored(resolution.config)
    if request.config is not None:
        return services.configs.sent(request.config)[0]
    own = resolution.prompt.parameters.get("config")
    if not isinstance(own, dict):
        return None
    return services.configs.of_prompt(resolution.prompt.version_id, own)

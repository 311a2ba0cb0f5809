"""The routes that run prompts, for every front door. Nothing raised inside ever leaves as anything but an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from promptside.api.answering import answered
from promptside.api.bodies import parse_object
from promptside.api.completions import answer_completion, answer_render, answer_response
from promptside.api.http import HttpRequest, HttpResponse
from promptside.api.paths import path_segments
from promptside.api.responses import json_response, trace_id_of
from promptside.api.runs import key_digest, parse_run
from promptside.errors import JsonObject, MethodNotAllowed, NotFound
from promptside.schema.prompt import parse_reference
from promptside.schema.request import RunRequest
from promptside.services import Services

_ACTIONS = ("completions", "render")
_YES = frozenset({"true", "1"})
_OPENAI = frozenset({("chat", "completions"), ("responses",)})
"""OpenAI's own endpoints, for code that names a stored prompt in its body."""
_READS = frozenset({"GET", "HEAD"})


def owns(method: str, path: str) -> bool:
    """Tell whether `handle` answers this route; everything else belongs to prompt management."""
    segments = path_segments(path)
    return (segments == ("healthz",) and method in _READS) or _is_run(segments) or segments in _OPENAI


def handle(
    services: Services, request: HttpRequest, *, deadline: float | None = None, trusted: bool = False
) -> HttpResponse:
    """Answer one request. `deadline` is on `time.monotonic()`; `trusted` callers were let in by IAM."""
    return answered(
        request, lambda trace_id: _dispatch(services, request, trace_id, deadline=deadline, trusted=trusted)
    )


def invoke(services: Services, event: JsonObject, *, deadline: float | None = None) -> HttpResponse:
    """Answer a direct invoke, which IAM has authorised: the body of a completion with its `prompt_id` inside.

    `{"prompt_id": "welcome@3", "variables": {...}, "stream": false, "headers"?: {...}, ...parameters}`
    """
    headers = event.get("headers")
    named = {str(name).lower(): str(value) for name, value in headers.items()} if isinstance(headers, dict) else {}
    request = HttpRequest("POST", "/", headers=named)

    def run(trace_id: str) -> HttpResponse:
        prompt_id = event.get("prompt_id")
        if not isinstance(prompt_id, str) or not prompt_id:
            raise NotFound("Name the prompt to run in 'prompt_id'", param="prompt_id", code="prompt_not_found")
        body = {name: value for name, value in event.items() if name != "headers"}
        run_request = parse_run(request, parse_reference(prompt_id), trace_id=trace_id, trusted=True, body=body)
        return _run(services, request, run_request, answer_completion, deadline=deadline)

    return answered(request, run)


def run_order(services: Services, request: HttpRequest, *, digest: str | None, deadline: float | None) -> HttpResponse:
    """Answer a run that an event asks for, as a caller would be answered. Raises PromptsideError.

    `digest` is that of the API key on whose behalf it runs; None means that IAM let the event in.
    """
    trace_id = trace_id_of(request.headers)
    return _dispatch(services, request, trace_id, deadline=deadline, trusted=True, digest=digest)


def _dispatch(
    services: Services,
    request: HttpRequest,
    trace_id: str,
    *,
    deadline: float | None,
    trusted: bool,
    digest: str | None = None,
) -> HttpResponse:
    segments = path_segments(request.path)
    if segments == ("healthz",) and request.method in _READS:
        return json_response({"status": "ok"}, trace_id)
    if segments in _OPENAI:
        return _answer_openai(services, request, trace_id, deadline=deadline, trusted=trusted, digest=digest)
    if not _is_run(segments):
        raise NotFound(f"No such route: {request.method} {request.path[:200]}", code="route_not_found")
    if request.method != "POST":
        raise MethodNotAllowed(f"Use POST for {segments[2]}")
    reference = parse_reference(segments[1])
    run_request = parse_run(request, reference, trace_id=trace_id, trusted=trusted, digest=digest)
    if segments[2] == "render":
        return answer_render(services, run_request, with_plan=request.query.get("plan") in _YES)
    return _run(services, request, run_request, answer_completion, deadline=deadline)


def _answer_openai(
    services: Services,
    request: HttpRequest,
    trace_id: str,
    *,
    deadline: float | None,
    trusted: bool,
    digest: str | None,
) -> HttpResponse:
    """Run the prompt that `prompt: {"id", "version", "variables"}` in the body names."""
    # Most calls are not of this kind.
    from promptside.api.openai_input import parse_chat_body, parse_responses_body

    if request.method != "POST":
        raise MethodNotAllowed("Use POST with a stored prompt in 'prompt'")
    wants_response = path_segments(request.path) == ("responses",)
    if not trusted:
        # Who has no key learns that first, whatever the body is.
        key_digest(request.headers)
    body = parse_object(request.body)
    asked = parse_responses_body(body) if wants_response else parse_chat_body(body)
    run = parse_run(request, asked.reference, trace_id=trace_id, trusted=trusted, digest=digest, body=asked.body)
    run = replace(run, appended=asked.appended)
    return _run(services, request, run, answer_response if wants_response else answer_completion, deadline=deadline)


def _run(
    services: Services,
    request: HttpRequest,
    run: RunRequest,
    answer: Callable[[Services, RunRequest, float | None], HttpResponse],
    *,
    deadline: float | None,
) -> HttpResponse:
    key = request.headers.get("idempotency-key")
    if key is None:
        return answer(services, run, deadline)
    # Most calls have no key.
    from promptside.api.idempotency import answer_once

    shape = "response" if answer is answer_response else "completion"
    return answer_once(services, run, key, lambda: answer(services, run, deadline), shape=shape, deadline=deadline)


def _is_run(segments: tuple[str, ...]) -> bool:
    return len(segments) == 3 and segments[0] == "prompts" and segments[1] != "partials" and segments[2] in _ACTIONS

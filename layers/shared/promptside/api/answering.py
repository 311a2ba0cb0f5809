"""The edge of every front door: nothing raised inside ever leaves as anything but an answer."""

from __future__ import annotations

from collections.abc import Callable

from promptside.api.http import HttpRequest, HttpResponse
from promptside.api.responses import error_response, trace_id_of
from promptside.errors import InternalError, PromptsideError
from promptside.log import log_event, log_failure


def answered(request: HttpRequest, produce: Callable[[str], HttpResponse]) -> HttpResponse:
    """Return what `produce` answers to the trace id, or the common error body for whatever it raises."""
    trace_id = trace_id_of(request.headers)
    try:
        return produce(trace_id)
    except PromptsideError as error:
        log_event("request_refused", trace_id=trace_id, status=error.status, code=error.code, provider=error.provider)
        return error_response(error, trace_id)
    except Exception as error:  # the edge: a crash of ours must still be a readable answer
        log_failure("request_crashed", error, trace_id=trace_id)
        return error_response(InternalError(), trace_id)

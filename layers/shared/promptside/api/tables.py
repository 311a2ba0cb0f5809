"""Routes as rows of a table: method, path, the scope that they need, and what answers them.

A function without a web framework serves its rows with `RouteTable.answer`; no row can lack its check.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from promptside.api.answering import answered
from promptside.api.bodies import parse_object
from promptside.api.callers import authorise
from promptside.api.http import HttpRequest, HttpResponse
from promptside.api.paths import path_segments
from promptside.api.responses import TRACE_ID, json_response
from promptside.errors import JsonObject, MethodNotAllowed, NotFound
from promptside.schema.prompt import ApiKey
from promptside.store.base import PromptReader


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to a row: the request as it came in, the names in its path, and the key that asks (None after IAM).

    `deadline` is on `time.monotonic()`, None when there is none.
    """

    request: HttpRequest
    names: Mapping[str, str] = field(default_factory=dict)
    trace_id: str = ""
    caller: ApiKey | None = None
    deadline: float | None = None

    @property
    def query(self) -> Mapping[str, str]:
        """The query of the request."""
        return self.request.query

    def json(self) -> JsonObject:
        """Return the JSON object in the body. Raises InvalidRequest, PayloadTooLarge."""
        return parse_object(self.request.body)


Answer = Callable[[Asked], HttpResponse | JsonObject]
"""Answers with a JSON object, or with a whole answer of any kind: other content, a redirect, another status."""


@dataclass(frozen=True, slots=True)
class Row:
    """One route below `/v1`; `{name}` in the path stands for one segment. The first row that fits is taken."""

    method: str
    path: str
    scope: str
    answer: Answer

    def names(self, segments: Sequence[str]) -> dict[str, str] | None:
        """Return what stands in the places of the names, None when the path is another one."""
        pattern = self.path.strip("/").split("/")
        if len(pattern) != len(segments):
            return None
        pairs = list(zip(pattern, segments, strict=True))
        if any(part != segment for part, segment in pairs if not part.startswith("{")):
            return None
        return {part[1:-1]: segment for part, segment in pairs if part.startswith("{")}


class RouteTable:
    """Answers requests by rows. `reader` knows the API keys."""

    def __init__(self, rows: Sequence[Row], reader: PromptReader) -> None:
        self._rows = tuple(rows)
        self._reader = reader

    def answer(self, request: HttpRequest, *, deadline: float | None = None, trusted: bool = False) -> HttpResponse:
        """Answer one request, whatever happens. `trusted` callers were let in by IAM."""

        def produce(trace_id: str) -> HttpResponse:
            row, names = self._find(request)
            caller = authorise(self._reader, request.headers, row.scope, trusted=trusted)
            given = row.answer(Asked(request, names, trace_id, caller=caller, deadline=deadline))
            if not isinstance(given, HttpResponse):
                return json_response(given, trace_id)
            return HttpResponse(given.status, {**given.headers, TRACE_ID: trace_id}, given.body)

        return answered(request, produce)

    def _find(self, request: HttpRequest) -> tuple[Row, dict[str, str]]:
        segments = path_segments(request.path)
        fitting = [(row, names) for row in self._rows if (names := row.names(segments)) is not None]
        if not fitting:
            raise NotFound(f"No such route: {request.method} {request.path[:200]}", code="route_not_found")
        for row, names in fitting:
            if row.method == request.method:
                return row, names
        allowed = ", ".join(dict.fromkeys(row.method for row, _ in fitting))
        raise MethodNotAllowed(f"This route does not take {request.method}", headers={"allow": allowed})

"""`make providers`: the same prompt through every provider, whole and streamed, and one table of what happened.

A local server runs the product; the upstream it calls, also on loopback, answers with the provider's wire fixtures in
its own paths, headers and framing. So what is shown is real on both sides but for the models: their texts are canned.
Ends with 1 when a run fails.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from local.server import LocalServer
from promptside.api.http import HttpRequest, HttpResponse
from promptside.api.routes import handle
from promptside.log import set_level
from promptside.providers.registry import MODULES
from tests.product import KEY, events_of, prompt
from tests.provider_cases import Case, cases_with
from tests.provider_wire import AWS_KEYS, Running, is_whole_stream, serve
from tests.upstream import Request

TEXT = '[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Name one port on the {{sea}}."}]'
BODY: Mapping[str, Any] = {"variables": {"sea": "Baltic"}, "max_tokens": 200}
TITLES = ("provider", "form", "called", "key sent in", "status", "model", "answer", "finish", "tokens", "events")
# Characters; the rest of a longer cell is left out of its middle.
WIDTHS = (13, 8, 46, 31, 6, 28, 24, 10, 7, 6)
KEY_HEADERS = ("authorization", "api-key", "x-api-key", "x-goog-api-key")


@dataclass(frozen=True, slots=True)
class Row:
    """One run. `events` counts the chunks of a stream and its `[DONE]`; `failure` says what is wrong with it."""

    cells: tuple[str, ...]
    failure: str | None = None


def main() -> int:
    """Run everything and return the exit status."""
    set_level("WARNING")
    # Whatever keys this machine has are not for this.
    os.environ.update({name.upper(): value for name, value in AWS_KEYS.items()})  # noqa: TID251
    print(f"One prompt, {len(MODULES)} providers, local upstreams with canned answers in each provider's own format.\n")
    started = time.monotonic()
    failures: list[str] = []
    print(line(TITLES))
    print(line(tuple("-" * width for width in WIDTHS)))
    with local_server() as server:
        for name in sorted(MODULES):
            for case, stream in ((chat_case(name), False), (stream_case(name), True)):
                row = run(server, case, stream=stream)
                print(line(row.cells))
                if row.failure is not None:
                    failures.append(f"{name}, {row.cells[1]}: {row.failure}")
    print(f"\n{2 * len(MODULES) - len(failures)} of {2 * len(MODULES)} runs in {time.monotonic() - started:.1f} s.")
    for failure in failures:
        print(f"Failed: {failure}", file=sys.stderr)
    return int(bool(failures))


def chat_case(name: str) -> Case:
    """Return the fixture of a provider's plain answer."""
    own = [case for case in cases_with("response.json", "expected.json") if case.provider == name]
    return min(own, key=lambda case: (case.name != "chat", str(case)))


def stream_case(name: str) -> Case:
    """Return the fixture of a provider's plain stream, of the same model if there is one."""
    model = chat_case(name).call().model
    own = [case for case in cases_with("expected.jsonl") if case.provider == name and is_whole_stream(case)]
    return min(own, key=lambda case: (not _ends_in_text(case), case.call().model != model, str(case)))


def run(server: LocalServer, case: Case, *, stream: bool) -> Row:
    """Run the prompt with a provider whose upstream answers as the case says."""
    with serve(case) as running:
        running.product.prompts.version = prompt(string=TEXT, virtual_key=case.provider, model=case.call().model)
        server.answer = lambda request: handle(running.product.services, request)
        status, body = post(server, {**BODY, "stream": stream})
        events = events_of(body) if stream and status == 200 else [json.loads(body)]
        seen = running.upstream.requests[-1:]
        return make_row(running, events, status=status, stream=stream, seen=seen[0] if seen else None)


def post(server: LocalServer, body: Mapping[str, Any]) -> tuple[int, bytes]:
    """Call the product as a client does."""
    host, port = server.bind_addr
    connection = http.client.HTTPConnection(host, port, timeout=10)
    headers = {"x-portkey-api-key": KEY, "content-type": "application/json"}
    options = {"stream_options": {"include_usage": True}} if body["stream"] else {}
    try:
        connection.request("POST", "/v1/prompts/hi/completions", json.dumps({**body, **options}), headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def make_row(running: Running, events: list[Any], *, status: int, stream: bool, seen: Request | None) -> Row:
    """Return the table's line of one run."""
    parts = [event for event in events if isinstance(event, dict)]
    choices = [choice for part in parts for choice in part.get("choices", [])]
    text = "".join(text_of(choice) for choice in choices)
    finish = next((choice["finish_reason"] for choice in reversed(choices) if choice.get("finish_reason")), "")
    usage: Mapping[str, Any] = next((part["usage"] for part in reversed(parts) if part.get("usage")), {})
    cells = (
        running.case.provider,
        "streamed" if stream else "whole",
        seen.path if seen else "",
        key_header(seen.headers) if seen else "",
        str(status),
        str(parts[-1].get("model", "")) if parts else "",
        json.dumps(text, ensure_ascii=False)[1:-1],
        finish,
        f"{usage['prompt_tokens']}+{usage['completion_tokens']}" if usage else "",
        str(len(events)) if stream else "",
    )
    return Row(cells, failure_of(parts, events, status=status, text=text, finish=finish, stream=stream))


def failure_of(parts: list[Any], events: list[Any], *, status: int, text: str, finish: str, stream: bool) -> str | None:
    """Return what is wrong with a run, or None."""
    if status != 200:
        return f"status {status}: {parts[0].get('message')}"
    if stream and (events[-1] != "[DONE]" or events.count("[DONE]") != 1):
        return "the stream does not end in one [DONE]"
    if not text or not finish:
        return "no text or no finish reason"
    return None


def text_of(choice: Mapping[str, Any]) -> str:
    """Return the text of a choice or of one piece of it; a call of a tool reads `name(arguments)`."""
    message = choice.get("message") or choice.get("delta") or {}
    calls = [call.get("function") or {} for call in message.get("tool_calls") or []]
    called = "".join(f"{call.get('name') or ''}{call.get('arguments') or ''}" for call in calls)
    return (message.get("content") or "") + called


def key_header(headers: Mapping[str, str]) -> str:
    """Return the header that carried the credentials, never its value; of `Authorization`, the scheme too."""
    name = next((name for name in KEY_HEADERS if name in headers), "none")
    return f"{name}: {headers[name].partition(' ')[0]}" if name == "authorization" else name


def line(cells: tuple[str, ...]) -> str:
    """Return one line of the table, every cell in its width."""
    return "  ".join(fitted(cell, width) for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()


def fitted(text: str, width: int) -> str:
    """Return the text in exactly so many characters."""
    if len(text) > width:
        half = (width - 1) // 2
        text = f"{text[: width - 1 - half]}…{text[-half:]}"
    return text.ljust(width)


def _ends_in_text(case: Case) -> bool:
    choices = [choice for chunk in case.lines("expected.jsonl") for choice in chunk["choices"]]
    plain = not case.call().parameters.keys() & {"tools", "response_format"}
    return plain and any(choice["finish_reason"] == "stop" for choice in choices)


@contextmanager
def local_server() -> Iterator[LocalServer]:
    """Start the local run's server; what it answers is set for each run."""
    server = LocalServer("127.0.0.1", 0, _nothing_yet, threads=2)
    # How long stopping takes at most.
    server.expiration_interval = 0.05
    server.prepare()
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()


def _nothing_yet(request: HttpRequest) -> HttpResponse:
    raise AssertionError(f"{request.path} was called before there was anything to answer with")


if __name__ == "__main__":
    sys.exit(main())

"""Every wire fixture through the whole product: routes, service, transport and sockets, against a local upstream."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from promptside.api.http import HttpResponse
from promptside.errors import PromptsideError
from promptside.providers.base import Field
from promptside.providers.fields import all_fields
from promptside.providers.registry import MODULES, get_provider
from tests.event_decoding import decode_aws, decode_sse
from tests.product import KEY, MemorySecrets, events_of, json_of, whole
from tests.provider_cases import Case, all_cases, cases_with
from tests.provider_wire import (
    AWS_KEYS,
    TOKEN,
    Running,
    call_with,
    frames,
    is_refused,
    is_whole_stream,
    run_body,
    serve,
    stream_reply,
    target_of,
    wire,
)
from tests.upstream import Fault, Request, json_reply


def needs_download(case: Case) -> bool:
    """Tell whether the service would fetch something from the internet first."""
    return not case.adapter().capabilities.fetches_images and '"url": "https://' in json.dumps(run_body(case))


ANSWERS = [case for case in cases_with("response.json", "expected.json") if not is_refused(case)]
ERRORS = [case for case in cases_with("error.json", "expected.json") if not is_refused(case)]
STREAMS = [
    case
    for case in cases_with("expected.jsonl")
    if not is_refused(case) and (case.has("stream.sse") or case.has("stream.json") or case.has("response.json"))
]
REQUESTS = [case for case in cases_with("request.json") if not is_refused(case) and not needs_download(case)]
REFUSED = [case for case in cases_with("refused.json") if not needs_download(case)]


def until_first_chunk(case: Case) -> list[bytes]:
    """Return the events up to the first that brings a chunk, and half of the next one; nothing when there is none."""
    decode = decode_sse if case.has("stream.sse") else decode_aws
    pieces = frames(case)
    for count in range(1, len(pieces)):
        head = b"".join(pieces[:count])
        mapper = case.adapter().stream_mapper(case.call())
        if any(mapper.feed(event) for event in decode([head])):
            return [head, pieces[count][: len(pieces[count]) // 2]]
    return []


def tells_its_end(case: Case) -> bool:
    """Tell whether the wire has an end of its own; without one, only the connection says that a stream was cut."""
    answers = getattr(case.adapter(), "answers", None)
    on_chat = "/chat/completions" in call_with(case.adapter(), case.call(), case.credentials()).url
    return not (answers is not None and answers.ends_without_done and on_chat)


WHOLE_STREAMS = [case for case in cases_with("expected.jsonl") if is_whole_stream(case)]
BROKEN_STREAMS = [(case, steps) for case in WHOLE_STREAMS if (steps := until_first_chunk(case))]
FIRST_STREAMS = [next(case for case in WHOLE_STREAMS if case.provider == name) for name in sorted(MODULES)]


@pytest.fixture(autouse=True)
def _role(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this process the role that a function has."""
    for name, value in AWS_KEYS.items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")


def dressed(case: Case, value: dict[str, Any]) -> dict[str, Any]:
    """Return an expected answer or chunk with what the service adds to it."""
    return {**value, "provider": case.provider}


def check_error(response: HttpResponse, expected: dict[str, Any]) -> None:
    assert json_of(response) == expected["body"]
    assert response.status == expected["status"]
    assert response.headers["content-type"] == "application/json"
    headers = dict(expected.get("headers", {}))
    if expected.get("retry_after") is not None:
        headers["retry-after"] = str(math.ceil(expected["retry_after"]))
    assert {name: response.headers.get(name) for name in headers} == headers


def test_every_provider_has_a_stream_here() -> None:
    assert {case.provider for case in FIRST_STREAMS} == set(MODULES)
    assert {case.provider for case in ANSWERS} == {case.provider for case in ERRORS} == set(MODULES)


@pytest.mark.parametrize("case", REQUESTS, ids=str)
def test_the_request_on_the_wire_is_what_the_provider_expects(case: Case) -> None:
    expected = case.json("request.json")
    with serve(case) as running:
        response = running.post()
        whole(response)

        seen = running.sent()
        assert (seen.method, seen.path) == ("POST", target_of(case))
        assert seen.json() == expected["body"]
        assert {name: seen.headers.get(name) for name in expected["headers"]} == {
            **expected["headers"],
            **signed_headers(expected, seen.headers),
        }
        assert seen.headers["content-type"] == "application/json"
        assert not any(name.startswith(("x-portkey-", "x-promptside-")) for name in seen.headers)
        assert KEY not in str(seen.headers)
        dropped = ",".join(expected.get("dropped", []))
        if response.status == 200:
            assert response.headers.get("x-promptside-dropped-params", "") == dropped


def signed_headers(expected: dict[str, Any], seen: Any) -> dict[str, Any]:
    """Return the authorization that the signing has to add; fixtures hold what the adapter itself sends."""
    signing = expected.get("signing")
    if signing is None:
        return {}
    authorization = seen["authorization"]
    if signing["kind"] == "SigV4":
        key = signing.get("access_key_id") or AWS_KEYS["aws_access_key_id"]
        assert authorization.startswith(f"AWS4-HMAC-SHA256 Credential={key}/")
        assert f"/{signing['region']}/{signing['service']}/aws4_request," in authorization
    else:
        assert authorization == f"Bearer {TOKEN}"
    return {name: authorization for name in expected["headers"] if name == "authorization"}


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_caller_may_bring_everything_in_headers(name: str) -> None:
    headers = {field.name: header_of(field) for field in all_fields(get_provider(name))}
    own = [case for case in REQUESTS if case.provider == name]
    fitting = [case for case in own if all(headers[field] for field in case.json("call.json")["credentials"])]
    case = min(fitting, key=lambda case: (case.name != "chat", str(case)))
    with serve(case, json_reply({"error": {"message": "enough seen"}}, status=400)) as running:
        running.post(stream=False)
        stored = running.sent()
        running.upstream.requests.clear()
        services = running.product.services
        settings = replace(services.settings, allowed_custom_hosts=("127.0.0.1",))
        running.product.services = replace(services, secrets=MemorySecrets([{}]), settings=settings)
        credentials = {headers[field]: value for field, value in running.credentials.items()}
        key = {"authorization": f"Bearer {running.credentials.get('api_key', '')}"}

        response = running.product.post(
            {**run_body(case), "stream": False}, headers={**credentials, **key, "x-portkey-provider": name}
        )

        seen = running.sent()
        assert (response.status, json_of(response)["provider"]) == (400, name)
        assert (seen.path, seen.body, key_headers(seen)) == (stored.path, stored.body, key_headers(stored))
        assert not any(name.startswith("x-portkey-") for name in seen.headers)


def header_of(field: Field) -> str:
    """Return the header that a caller may send a field in, empty when there is none."""
    return field.header or ("authorization" if field.name == "api_key" else "")


def key_headers(seen: Request) -> dict[str, str]:
    """Return what carries the credentials; a signature also covers the moment it was made in."""
    names = ("authorization", "api-key", "x-api-key", "x-goog-api-key")
    return {name: seen.headers[name].partition("Signature=")[0] for name in names if name in seen.headers}


@pytest.mark.parametrize("case", ANSWERS, ids=str)
def test_a_whole_answer_reaches_the_caller_in_openais_shape(case: Case) -> None:
    expected = case.json("expected.json")
    with serve(case) as running:
        response = running.post(stream=False)

        if "body" in expected:
            check_error(response, expected)
            return
        assert json_of(response) == dressed(case, expected)
        assert response.status == 200
        assert response.headers["x-portkey-provider"] == case.provider


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("case", ERRORS, ids=str)
def test_an_error_has_its_status_in_the_common_body(case: Case, stream: bool) -> None:
    with serve(case) as running:
        response = running.post(stream=stream)

        check_error(response, case.json("expected.json"))
        assert response.headers["x-portkey-provider"] == case.provider


@pytest.mark.parametrize("case", STREAMS, ids=str)
def test_a_stream_reaches_the_caller_as_events(case: Case) -> None:
    with serve(case) as running:
        check_stream(case, running.post(stream=True))


def check_stream(case: Case, response: HttpResponse) -> None:
    """Check status, framing, every chunk, and that `[DONE]` stands at the end of complete streams only."""
    lines = case.lines("expected.jsonl")
    raised = lines.pop()["raises"] if lines and "raises" in lines[-1] else None
    if raised is not None and not lines:
        check_error(response, raised)
        return
    body = whole(response)
    events = events_of(body)
    assert response.status == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    end = "[DONE]" if raised is None else ("error", raised["body"])
    assert events == [*(dressed(case, line) for line in lines), end]
    assert body.endswith(b"\n\n")
    assert body.isascii()
    assert body.count(b"data: [DONE]\n\n") == (1 if raised is None else 0)
    assert all(len(block.split(b"\n")) == 1 for block in body.split(b"\n\n") if not block.startswith(b"event: error"))


@pytest.mark.parametrize("case", FIRST_STREAMS, ids=str)
def test_a_stream_that_arrives_byte_by_byte_is_the_same(case: Case) -> None:
    data = wire(case)
    with serve(case, stream_reply(case, [data[at : at + 1] for at in range(len(data))])) as running:
        check_stream(case, running.post(stream=True))


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.RESET])
@pytest.mark.parametrize(("case", "steps"), BROKEN_STREAMS, ids=[str(case) for case, _ in BROKEN_STREAMS])
def test_a_connection_cut_in_mid_stream_ends_with_an_error_event(case: Case, steps: list[bytes], fault: Fault) -> None:
    with serve(case, stream_reply(case, [*steps, fault])) as running:
        check_broken(case, running)


@pytest.mark.parametrize("case", [case for case, _ in BROKEN_STREAMS if tells_its_end(case)], ids=str)
def test_a_stream_that_ends_too_early_but_cleanly_ends_with_an_error_event(case: Case) -> None:
    with serve(case, stream_reply(case, until_first_chunk(case)[:1])) as running:
        check_broken(case, running)


def check_broken(case: Case, running: Running) -> None:
    response = running.post(stream=True)

    events = events_of(whole(response))
    name, body = events[-1]
    assert (response.status, name) == (200, "error")
    assert (body["status"], body["provider"]) == ("failure", case.provider)
    assert body["error"]["code"] == "provider_stream_truncated"
    assert "[DONE]" not in events
    assert not any(choice["finish_reason"] for event in events[:-1] for choice in event["choices"])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", sorted(name for name in MODULES if not get_provider(name).capabilities.text))
def test_a_text_prompt_for_a_provider_without_that_endpoint_is_refused(name: str, stream: bool) -> None:
    case = next(case for case in ANSWERS if case.provider == name)
    with serve(case) as running:
        version = running.product.prompts.version
        object.__setattr__(version, "kind", "text")
        object.__setattr__(version, "string", "Name one port.")

        response = running.product.post({"model": run_body(case)["model"], "stream": stream})

        error = json_of(response)["error"]
        assert (response.status, error["param"], error["code"]) == (400, "prompt", "unsupported_prompt_type")
        assert error["message"] == f"{name} has no text completions endpoint: store this prompt as a chat prompt"
        assert running.upstream.requests == []


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_what_is_refused_never_reaches_the_provider(case: Case) -> None:
    expected = case.json("refused.json")
    with serve(case) as running:
        response = running.post()

        body = json_of(response)
        if case.json("call.json").get("messages") == []:
            # No provider is needed to see that.
            assert (response.status, body["error"]["code"]) == (400, "invalid_messages")
        elif has_bad_credentials(case):
            # What is stored is the operator's, so it is no fault of the caller here.
            assert (response.status, body["error"]["code"]) == (500, "provider_credentials_invalid")
            assert body["error"]["param"] in body["message"]
        else:
            assert (response.status, body) == (expected["status"], expected["body"])
        assert running.upstream.requests == []


def has_bad_credentials(case: Case) -> bool:
    try:
        case.credentials()
    except PromptsideError:
        return True
    return False


def test_only_what_needs_the_internet_is_left_out() -> None:
    used = {str(case) for case in [*REQUESTS, *ANSWERS, *ERRORS, *STREAMS, *REFUSED]}

    assert {str(case) for case in all_cases()} - used == {str(case) for case in all_cases() if needs_download(case)}

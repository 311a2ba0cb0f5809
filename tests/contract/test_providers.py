"""One contract for all providers, over the wire fixtures in tests/fixtures/providers."""

from __future__ import annotations

import copy
import dataclasses
import json
from typing import Any

import pytest

from promptside.errors import PromptsideError
from promptside.providers.base import Provider, ProviderCall, ProviderRequest, StreamEvent
from promptside.providers.registry import MODULES, get_provider
from promptside.providers.replay import completion_as_chunks
from tests.chunk_order import check_chunk_order
from tests.event_decoding import decode_aws, decode_sse
from tests.eventstream import encode_events
from tests.provider_cases import FILES, Case, all_cases, cases_with, features, folders
from tests.wire_types import check_answer, check_chunk, check_request

SMALL_BYTES = 6_000

STREAMS = [*cases_with("stream.sse", "expected.jsonl"), *cases_with("stream.json", "expected.jsonl")]


@pytest.mark.parametrize("name", sorted(MODULES))
def test_every_provider_has_fixtures_for_chat_stream_tools_and_errors(name: str) -> None:
    own = [case for case in all_cases() if case.provider == name]

    assert features(own) == {"chat", "stream", "tools", "error"}


def test_every_folder_is_a_provider_of_the_registry() -> None:
    assert set(folders()) <= set(MODULES)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_provider_is_registered_under_its_own_name(name: str) -> None:
    assert get_provider(name).name == name


@pytest.mark.parametrize("case", all_cases(), ids=str)
def test_a_case_names_its_source_and_holds_known_files_only(case: Case) -> None:
    found = {path.name for path in case.folder.iterdir()}

    assert found <= FILES
    assert {"call.json", "source.md"} <= found
    assert len(found) > 2


@pytest.mark.parametrize("case", cases_with("request.json"), ids=str)
def test_the_request_is_built_as_expected(case: Case) -> None:
    expected = case.json("request.json")
    call = case.call()
    before = copy.deepcopy(call)

    request = case.adapter().build_request(call, case.credentials())

    assert json.loads(request.body) == expected["body"]
    assert request.url == expected["url"]
    assert _headers(request, expected["headers"]) == expected["headers"]
    assert list(request.dropped) == expected.get("dropped", [])
    assert request.framing == expected.get("framing", "sse")
    assert _signing(request, expected.get("signing")) == expected.get("signing")
    assert call == before, "the call was changed"


@pytest.mark.parametrize("case", cases_with("request.json"), ids=str)
def test_the_request_fits_the_types_of_the_vendor(case: Case) -> None:
    request = case.adapter().build_request(case.call(), case.credentials())

    check_request(case.provider, request, json.loads(request.body))


@pytest.mark.parametrize("case", cases_with("refused.json"), ids=str)
def test_what_the_provider_cannot_do_is_refused_before_any_call(case: Case) -> None:
    with pytest.raises(PromptsideError) as caught:
        case.adapter().build_request(case.call(), case.credentials())

    assert {"status": caught.value.status, "body": caught.value.to_body()} == case.json("refused.json")


@pytest.mark.parametrize("case", cases_with("response.json", "expected.json"), ids=str)
def test_the_answer_is_normalised(case: Case) -> None:
    expected = case.json("expected.json")
    call = case.call()

    if "body" in expected:
        with pytest.raises(PromptsideError) as caught:
            case.adapter().parse_response(case.json("response.json"), call)
        assert _error(caught.value) == _expected_error(expected)
        return

    answer = case.adapter().parse_response(case.json("response.json"), call)
    assert answer == expected
    check_answer(answer, call)


@pytest.mark.parametrize("case", cases_with("error.json", "expected.json"), ids=str)
def test_the_error_is_translated(case: Case) -> None:
    given = case.json("error.json")
    body = given["text"].encode() if "text" in given else json.dumps(given["body"]).encode()

    error = case.adapter().parse_error(given["status"], given.get("headers", {}), body)

    assert _error(error) == _expected_error(case.json("expected.json"))


@pytest.mark.parametrize("case", STREAMS, ids=str)
def test_the_stream_is_mapped(case: Case) -> None:
    call = case.call()

    chunks, error = _run(case.adapter(), call, _events(case))

    got = [*chunks, *([{"raises": error}] if error else [])]
    assert got == case.lines("expected.jsonl")
    check_chunk_order(chunks, call, complete=error is None)
    for chunk in chunks:
        check_chunk(chunk, call)


@pytest.mark.parametrize("case", STREAMS, ids=str)
def test_the_stream_is_the_same_wherever_the_network_cuts_it(case: Case) -> None:
    wire = _wire(case)
    decode = decode_sse if case.has("stream.sse") else decode_aws
    step = 1 if len(wire) <= SMALL_BYTES else len(wire) // 64
    whole = decode([wire])

    assert decode([wire[at : at + 1] for at in range(len(wire))]) == whole
    assert all(decode([wire[:at], wire[at:]]) == whole for at in range(1, len(wire), step))


@pytest.mark.parametrize("case", cases_with("response.json", "expected.jsonl"), ids=str)
def test_a_whole_answer_to_a_streamed_call_becomes_chunks(case: Case) -> None:
    call = case.call()

    chunks = completion_as_chunks(case.adapter().parse_response(case.json("response.json"), call), call)

    assert chunks == case.lines("expected.jsonl")
    check_chunk_order(chunks, call, complete=True)
    for chunk in chunks:
        check_chunk(chunk, call)


def _wire(case: Case) -> bytes:
    return case.bytes("stream.sse") if case.has("stream.sse") else encode_events(case.json("stream.json"))


def _events(case: Case) -> list[StreamEvent]:
    return decode_sse([_wire(case)]) if case.has("stream.sse") else decode_aws([_wire(case)])


def _run(
    provider: Provider, call: ProviderCall, events: list[StreamEvent]
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    mapper = provider.stream_mapper(call)
    chunks: list[dict[str, Any]] = []
    try:
        for event in events:
            chunks += copy.deepcopy(mapper.feed(event))
        chunks += mapper.finish()
    except PromptsideError as error:
        return chunks, {"status": error.status, "body": error.to_body()}
    return chunks, None


def _headers(request: ProviderRequest, expected: dict[str, Any]) -> dict[str, Any]:
    sent = {name.lower(): value for name, value in request.headers.items()}
    return {name: sent.get(name) for name in expected}


def _signing(request: ProviderRequest, expected: dict[str, Any] | None) -> dict[str, Any] | None:
    if request.signing is None:
        return None
    fields: dict[str, Any] = {"kind": type(request.signing).__name__, **dataclasses.asdict(request.signing)}
    return {name: fields.get(name) for name in expected or fields}


def _error(error: PromptsideError) -> dict[str, Any]:
    return {
        "status": error.status,
        "body": error.to_body(),
        "headers": error.headers,
        "retry_after": error.retry_after,
    }


def _expected_error(expected: dict[str, Any]) -> dict[str, Any]:
    return {"headers": {}, "retry_after": None, **expected}

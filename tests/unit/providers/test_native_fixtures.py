"""What the fixtures say the vendors answer is checked with the vendors' own types."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from tests.event_decoding import decode_sse
from tests.native_wire_types import (
    botocore_request,
    check_anthropic_answer,
    check_anthropic_event,
    check_bedrock_answer,
    check_bedrock_event,
)
from tests.provider_cases import Case, cases_with


def own(provider: str, name: str) -> list[Case]:
    return [case for case in cases_with(name) if case.provider == provider]


@pytest.mark.parametrize("case", own("anthropic", "response.json"), ids=str)
def test_answers_of_anthropic_are_messages(case: Case) -> None:
    body = case.json("response.json")

    if body["type"] != "error":
        check_anthropic_answer(body)


@pytest.mark.parametrize("case", own("anthropic", "stream.sse"), ids=str)
def test_events_of_anthropic_are_of_the_union(case: Case) -> None:
    for event in decode_sse([case.bytes("stream.sse")]):
        check_anthropic_event(event.data)


@pytest.mark.parametrize("case", own("bedrock", "response.json"), ids=str)
def test_answers_of_bedrock_fit_the_service_model(case: Case) -> None:
    check_bedrock_answer(case.json("response.json"))


@pytest.mark.parametrize("case", own("bedrock", "stream.json"), ids=str)
def test_events_of_bedrock_fit_the_service_model(case: Case) -> None:
    for frame in case.json("stream.json"):
        check_bedrock_event(frame.get("type") or frame["exception"], frame["payload"])


@pytest.mark.parametrize("case", own("bedrock", "request.json"), ids=str)
def test_requests_to_bedrock_are_what_botocore_would_send(case: Case) -> None:
    request = case.adapter().build_request(case.call(), case.credentials())
    body = json.loads(request.body)

    assert (urlsplit(request.url).path, body) == botocore_request(request, body)

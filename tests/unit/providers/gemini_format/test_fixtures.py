"""What the fixtures say that Google answers is checked with the vendor's own types."""

from __future__ import annotations

import pytest

from tests.event_decoding import decode_sse
from tests.google_wire_types import check_gemini_answer
from tests.native_wire_types import check_anthropic_answer, check_anthropic_event
from tests.provider_cases import Case, cases_with


def own(name: str, *, claude: bool = False) -> list[Case]:
    cases = [case for case in cases_with(name) if case.provider in ("google", "vertex-ai")]
    if claude:
        return [case for case in cases if "claude" in case.json("call.json")["model"]]
    return [case for case in cases if _is_gemini(case.json("call.json")["model"])]


def _is_gemini(model: str) -> bool:
    return "gemini" in model or "gemma" in model


@pytest.mark.parametrize("case", own("response.json"), ids=str)
def test_answers_of_gemini_fit_the_types_of_the_vendor(case: Case) -> None:
    body = case.json("response.json")

    if "error" not in body:
        check_gemini_answer(body)


@pytest.mark.parametrize("case", own("stream.sse"), ids=str)
def test_events_of_gemini_fit_the_types_of_the_vendor(case: Case) -> None:
    for event in decode_sse([case.bytes("stream.sse")]):
        if "error" not in event.data:
            check_gemini_answer(event.data)


@pytest.mark.parametrize("case", own("response.json", claude=True), ids=str)
def test_answers_of_claude_on_vertex_are_messages(case: Case) -> None:
    check_anthropic_answer(case.json("response.json"))


@pytest.mark.parametrize("case", own("stream.sse", claude=True), ids=str)
def test_events_of_claude_on_vertex_are_of_the_union(case: Case) -> None:
    for event in decode_sse([case.bytes("stream.sse")]):
        check_anthropic_event(event.data)

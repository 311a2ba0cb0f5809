"""What the fixtures say that Groq, Mistral and Together answer is checked with the types of their SDKs."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tests.event_decoding import decode_sse
from tests.family_wire_types import CHUNK, TEXT, TEXT_CHUNK, WHOLE
from tests.provider_cases import Case, cases_with

# Older answers, which the types of today no longer list.
OLDER = {"together-ai/stream-finish-error"}


def own(name: str) -> list[Case]:
    return [case for case in cases_with(name) if case.provider in WHOLE and str(case) not in OLDER]


@pytest.mark.parametrize("case", own("response.json"), ids=str)
def test_a_whole_answer_is_what_the_vendor_types_say(case: Case) -> None:
    kinds = WHOLE if case.call().kind == "chat" else TEXT

    kinds[case.provider].model_validate(case.json("response.json"))


@pytest.mark.parametrize("case", own("stream.sse"), ids=str)
def test_the_chunks_of_a_stream_are_what_the_vendor_types_say(case: Case) -> None:
    kinds = CHUNK if case.call().kind == "chat" else TEXT_CHUNK

    for event in decode_sse([case.bytes("stream.sse")]):
        if event.name != "[DONE]" and "error" not in event.data:
            kinds[case.provider].model_validate(event.data)


@pytest.mark.parametrize("provider", sorted(WHOLE))
def test_the_vendor_types_do_check(provider: str) -> None:
    broken: dict[str, Any] = {"id": "a", "choices": "none"}

    with pytest.raises(ValidationError):
        WHOLE[provider].model_validate(broken)
    with pytest.raises(ValidationError):
        CHUNK[provider].model_validate(broken)

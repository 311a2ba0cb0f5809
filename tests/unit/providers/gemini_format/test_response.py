from __future__ import annotations

from typing import Any

import pytest
from google.genai import types

from promptside.errors import ProviderUnusable
from promptside.providers.base import ProviderCall, StreamEvent
from promptside.providers.gemini_format.response import FINISH_REASONS, MALFORMED, usage_of
from promptside.providers.google import PROVIDER

Json = dict[str, Any]

CALL = ProviderCall("chat", "gemini-3.8-flash", {}, "c0ffee", 1, messages=[], include_usage=True)


def answer(*parts: Json, reason: str = "STOP") -> Json:
    return {"candidates": [{"content": {"parts": list(parts)}, "finishReason": reason}]}


def test_every_reason_of_the_vendor_has_a_meaning() -> None:
    known = {reason.value for reason in types.FinishReason} - {"FINISH_REASON_UNSPECIFIED"}

    assert known == FINISH_REASONS.keys() | MALFORMED


@pytest.mark.parametrize("reason", sorted(reason.value for reason in types.BlockedReason))
def test_every_refusal_of_a_prompt_is_content_filter(reason: str) -> None:
    completion = PROVIDER.parse_response({"promptFeedback": {"blockReason": reason}}, CALL)

    assert completion["choices"][0]["finish_reason"] == "content_filter"
    assert completion["choices"][0]["message"]["refusal"] == reason


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("STOP", "stop"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter"), ("MODEL_ARMOR", "content_filter")]
    + [(reason, "stop") for reason in sorted(MALFORMED)]
    + [("SOMETHING_NEW", "stop"), ("CONTINUATION", "length")],
)
def test_a_text_keeps_standing_whatever_the_reason(reason: str, expected: str) -> None:
    choice = PROVIDER.parse_response(answer({"text": "So"}, reason=reason), CALL)["choices"][0]

    assert (choice["message"]["content"], choice["finish_reason"]) == ("So", expected)


@pytest.mark.parametrize("reason", sorted(MALFORMED))
def test_unreadable_output_without_any_text_is_no_answer(reason: str) -> None:
    with pytest.raises(ProviderUnusable):
        PROVIDER.parse_response({"candidates": [{"finishReason": reason}]}, CALL)


def test_a_call_that_the_limit_cut_short_ends_with_length() -> None:
    part = {"functionCall": {"name": "a", "args": {}}}

    assert PROVIDER.parse_response(answer(part, reason="MAX_TOKENS"), CALL)["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize(("total", "completion"), [(60, 50), (100, 90), (None, 90)])
def test_thoughts_are_counted_once(total: int | None, completion: int) -> None:
    metadata = {"promptTokenCount": 10, "candidatesTokenCount": 50, "thoughtsTokenCount": 40, "totalTokenCount": total}
    usage = usage_of(metadata)

    assert usage["completion_tokens"] == completion
    assert usage["total_tokens"] == 10 + completion
    assert usage["completion_tokens_details"] == {"reasoning_tokens": 40}


def test_usage_is_known_while_the_stream_runs() -> None:
    mapper = PROVIDER.stream_mapper(CALL)
    mapper.feed(StreamEvent("", {"usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 3}}))

    assert mapper.usage is not None
    assert mapper.usage["prompt_tokens"] == 3


def test_code_that_google_ran_itself_is_no_part_of_the_text() -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "print(1)"}}
    result = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}}
    message = PROVIDER.parse_response(answer(code, result, {"text": "One."}), CALL)["choices"][0]["message"]

    assert message == {"role": "assistant", "content": "One.", "refusal": None}


def test_a_finish_reason_on_several_events_is_one_chunk() -> None:
    mapper = PROVIDER.stream_mapper(CALL)
    chunks = [
        chunk for text in ("a", "b") for chunk in mapper.feed(StreamEvent("", answer({"text": text}, reason="STOP")))
    ] + mapper.finish()

    reasons = [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"]]
    assert reasons == [None, None, None, "stop"]
    assert mapper.finish_reason == "stop"

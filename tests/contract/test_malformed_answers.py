"""Whatever a host sends, an adapter answers with chunks, a completion or one of our own errors; it never crashes."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest

from promptside.errors import PromptsideError
from promptside.providers.base import StreamEvent
from tests.event_decoding import decode_aws, decode_sse
from tests.eventstream import encode_events
from tests.provider_cases import Case, all_cases, cases_with

JUNK: tuple[Any, ...] = (None, True, 0, -1, 1.5, "", "junk", "{", [], [None], ["x"], {}, {"a": 1}, [{}], [[]])
ROUNDS = 40


@pytest.mark.parametrize("case", cases_with("response.json"), ids=str)
def test_a_malformed_answer_is_read_or_refused(case: Case) -> None:
    adapter, call, whole = case.adapter(), case.call(), case.json("response.json")
    random_source = random.Random(str(case))

    for _ in range(ROUNDS):
        answer = _spoiled(whole, random_source)
        try:
            completion = adapter.parse_response(copy.deepcopy(answer), call)
        except PromptsideError as error:
            json.dumps(error.to_body())
            continue
        json.dumps(completion)
        assert completion["id"]
        assert isinstance(completion["choices"], list)


@pytest.mark.parametrize("case", cases_with("error.json"), ids=str)
def test_a_malformed_error_is_still_an_error(case: Case) -> None:
    adapter, given = case.adapter(), case.json("error.json")
    random_source = random.Random(str(case))

    for _ in range(ROUNDS):
        body = _spoiled(given.get("body", given.get("text")), random_source)
        error = adapter.parse_error(given["status"], given.get("headers", {}), json.dumps(body).encode())
        json.dumps(error.to_body())
        assert error.status >= 400


@pytest.mark.parametrize("case", [case for case in all_cases() if case.has("expected.jsonl")], ids=str)
def test_a_malformed_stream_is_mapped_or_refused(case: Case) -> None:
    events = _events(case)
    random_source = random.Random(str(case))

    for _ in range(ROUNDS if events else 0):
        spoiled = list(events)
        at = random_source.randrange(len(spoiled))
        spoiled[at] = StreamEvent(spoiled[at].name, _spoiled_object(spoiled[at].data, random_source))
        mapper = case.adapter().stream_mapper(case.call())
        chunks: list[Any] = []
        try:
            for event in copy.deepcopy(spoiled):
                chunks += mapper.feed(event)
            chunks += mapper.finish()
        except PromptsideError as error:
            json.dumps(error.to_body())
        json.dumps(chunks)
        assert all(chunk["id"] and type(chunk["created"]) is int for chunk in chunks)


def _events(case: Case) -> list[StreamEvent]:
    if case.has("stream.sse"):
        return [event for event in decode_sse([case.bytes("stream.sse")]) if event.name != "[DONE]"]
    return decode_aws([encode_events(case.json("stream.json"))]) if case.has("stream.json") else []


def _spoiled_object(value: Any, random_source: random.Random) -> dict[str, Any]:
    spoiled = _spoiled(value, random_source)
    return spoiled if isinstance(spoiled, dict) else {}


def _spoiled(value: Any, random_source: random.Random) -> Any:
    """Return a copy with junk in one place."""
    spoiled = copy.deepcopy(value)
    places = list(_places(spoiled))
    if not places:
        return random_source.choice(JUNK)
    holder, key = random_source.choice(places)
    if isinstance(holder, dict) and random_source.random() < 0.2:
        del holder[key]
    else:
        holder[key] = copy.deepcopy(random_source.choice(JUNK))
    return spoiled


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += [(value, key), *_places(item)]
    return found
